from switchboard_operator.kube import resources


def test_paths_of_collections_objects_and_subresources() -> None:
    assert resources.POD.path(None) == "/api/v1/pods"
    assert resources.POD.path("web") == "/api/v1/namespaces/web/pods"
    assert resources.REPLICA_SET.path("web", "a") == "/apis/apps/v1/namespaces/web/replicasets/a"
    assert resources.REPLICA_SET.path("web", "a", "status") == "/apis/apps/v1/namespaces/web/replicasets/a/status"
    assert resources.CRD.path(None, "a") == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a"
