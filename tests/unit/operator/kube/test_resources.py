from switchboard_crds import names
from switchboard_operator.kube import resources as api


def test_paths_of_collections_objects_and_subresources() -> None:
    assert api.POD.path(None) == "/api/v1/pods"
    assert api.POD.path("web") == "/api/v1/namespaces/web/pods"
    assert api.REPLICA_SET.path("web", "a") == "/apis/apps/v1/namespaces/web/replicasets/a"
    assert api.CRD.path(None, "a") == "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/a"
    pools = api.ours(names.SIGNALING_POOL)
    assert pools.path("web", "a", "status") == "/apis/switchboard.dev/v1alpha1/namespaces/web/signalingpools/a/status"


def test_an_object_is_of_the_api_that_it_names() -> None:
    assert all(api.api_of({"apiVersion": one.api_version, "kind": one.kind}) is one for one in api.OWNED)
