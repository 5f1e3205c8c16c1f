from switchboard_crds import names
from switchboard_operator import kinds


def test_the_path_of_a_kind() -> None:
    pools = kinds.api_of_kind(names.SIGNALING_POOL)
    assert pools.path("web", "a", "status") == "/apis/switchboard.dev/v1alpha1/namespaces/web/signalingpools/a/status"


def test_an_object_has_the_api_of_its_kind() -> None:
    assert all(kinds.api_of({"apiVersion": one.api_version, "kind": one.kind}) is one for one in kinds.OWNED)
