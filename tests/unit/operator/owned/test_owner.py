from tests.unit.operator.examples import pool

from switchboard_crds import names
from switchboard_operator.owned.owner import Owner, owner_key

OWNER = Owner.of(names.SIGNALING_POOL, pool())
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"type": "ClusterIP"}}


def test_a_built_object_has_its_owner() -> None:
    metadata = OWNER.finish(SERVICE)["metadata"]
    assert metadata["namespace"] == "web"
    assert metadata["labels"][names.LABEL_MANAGED_BY] == "switchboard"
    assert metadata["ownerReferences"][0]["uid"] == "uid-of-calls"
    assert metadata["ownerReferences"][0]["controller"] is True


def test_the_owner_of_an_object_is_found_by_its_labels() -> None:
    assert owner_key(OWNER.finish(SERVICE)) == ("SignalingPool", "web", "calls") == OWNER.key
    assert owner_key({"metadata": {"namespace": "web"}}) is None


def test_the_applied_hash_changes_with_the_object() -> None:
    def applied(**spec: str) -> str:
        return str(OWNER.finish({**SERVICE, "spec": spec})["metadata"]["annotations"][names.ANNOTATION_APPLIED_HASH])

    assert applied(type="NodePort") != applied(type="ClusterIP") == applied(type="ClusterIP")


def test_own_labels_and_annotations_are_kept() -> None:
    given = {**SERVICE, "metadata": {"name": "a", "labels": {"x": "1"}, "annotations": {"y": "2"}}}
    metadata = OWNER.finish(given)["metadata"]
    assert metadata["labels"]["x"] == "1"
    assert metadata["annotations"]["y"] == "2"


def test_an_object_of_an_earlier_resource_of_the_same_name_is_not_the_owners() -> None:
    finished = OWNER.finish(SERVICE)
    assert OWNER.controls(finished)
    assert not Owner(names.SIGNALING_POOL, "web", "calls", "another uid").controls(finished)
    assert not OWNER.controls(SERVICE)
