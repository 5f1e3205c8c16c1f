import copy
from typing import Any

import pytest
from tests.unit.operator.examples import pod, pool

from switchboard_crds import names
from switchboard_operator.kube import ApiError
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD, REPLICA_SET, SECRET, SERVICE, Api
from switchboard_operator.owned.apply import Children, NameTakenError, Outcome
from switchboard_operator.owned.owner import Owner, OwnerKey, owner_key
from switchboard_operator.status.conditions import Fact

OwnedObjects = ObjectStore[OwnerKey]
OWNER = Owner.of(names.SIGNALING_POOL, pool())
WANTED = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"type": "ClusterIP"}}


class FakeKube:
    """Keeps objects, and what was asked of it."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.calls: list[str] = []
        self.refusal: ApiError | None = None
        self.patches: list[Any] = []
        self.applied: Any = None

    async def get(self, _api: Api, _namespace: str, name: str) -> Any:
        self.calls.append(f"get {name}")
        return copy.deepcopy(self.objects.get(name))

    async def apply(self, _api: Api, obj: Any) -> Any:
        if self.refusal:
            raise self.refusal
        name, self.applied = obj["metadata"]["name"], obj
        self.calls.append(f"apply {name}")
        metadata = {**obj["metadata"], "uid": f"uid-of-{name}", "resourceVersion": str(len(self.calls))}
        self.objects[name] = {**copy.deepcopy(obj), "metadata": metadata}
        return copy.deepcopy(self.objects[name])

    async def patch(self, _api: Api, _namespace: str, name: str, patch: Any) -> Any:
        self.calls.append(f"patch {name}")
        if self.refusal:
            raise self.refusal
        self.patches.append(patch)
        found = self.objects[name]
        metadata = found["metadata"]
        annotations = {**metadata.get("annotations", {}), **patch.get("metadata", {}).get("annotations", {})}
        found["metadata"] = {**metadata, **patch.get("metadata", {}), "annotations": annotations}
        found["metadata"]["resourceVersion"] = str(100 + len(self.calls))
        found["spec"] = {**found.get("spec", {}), **patch.get("spec", {})}
        return copy.deepcopy(found)

    async def delete(self, _api: Api, _namespace: str, name: str, _uid: str) -> None:
        self.calls.append(f"delete {name}")


@pytest.fixture
def kube() -> FakeKube:
    return FakeKube()


@pytest.fixture
def store() -> OwnedObjects:
    return ObjectStore(owner_key)


@pytest.fixture
def children(kube: FakeKube, store: OwnedObjects) -> Children:
    return Children(kube, store)  # type: ignore[arg-type]  # a fake


async def test_a_missing_object_is_created_once(kube: FakeKube, children: Children) -> None:
    await children.ensure(OWNER, [WANTED])
    await children.ensure(OWNER, [WANTED])
    assert kube.calls == ["get a", "apply a"]


async def test_a_changed_object_is_applied(kube: FakeKube, children: Children) -> None:
    await children.ensure(OWNER, [WANTED])
    await children.ensure(OWNER, [{**WANTED, "spec": {"type": "NodePort"}}])
    assert kube.calls == ["get a", "apply a", "apply a"]


async def test_an_object_of_another_owner_is_not_changed(kube: FakeKube, children: Children) -> None:
    kube.objects["a"] = {"kind": "Service", "metadata": {"name": "a", "namespace": "web"}}
    with pytest.raises(
        NameTakenError, match=r"Service web/a already exists and is not controlled by this resource\. Remedy"
    ):
        await children.ensure(OWNER, [WANTED])
    assert kube.calls == ["get a"]


async def test_a_terminating_object_is_awaited(kube: FakeKube, store: OwnedObjects, children: Children) -> None:
    await children.ensure(OWNER, [WANTED])
    going = kube.objects["a"]
    going["metadata"] |= {"deletionTimestamp": "now", "resourceVersion": "50"}
    store.put(SERVICE, going)
    await children.ensure(OWNER, [{**WANTED, "spec": {"type": "NodePort"}}])
    await children.delete(going)
    assert kube.calls == ["get a", "apply a"]


async def test_an_obsolete_object_is_deleted(kube: FakeKube, children: Children) -> None:
    other = {**WANTED, "metadata": {"name": "b"}}
    await children.ensure(OWNER, [WANTED, other])
    await children.prune(OWNER, [SERVICE], [WANTED])
    assert kube.calls[-1] == "delete b"
    assert "delete a" not in kube.calls


WORKLOAD = {**WANTED, "kind": "ReplicaSet", "apiVersion": "apps/v1", "spec": {"template": {"spec": {}}}}


async def test_a_workload_is_scaled_only_if_it_is_unchanged(kube: FakeKube, children: Children) -> None:
    await children.ensure_sized(OWNER, WORKLOAD, 2)
    live = copy.deepcopy(kube.objects["a"])
    await children.scale(live, 1, {"why": "because", "gone": None})
    assert kube.patches == [
        {
            "metadata": {
                "resourceVersion": live["metadata"]["resourceVersion"],
                "annotations": {"why": "because", "gone": None},
            },
            "spec": {"replicas": 1},
        }
    ]


async def test_an_updated_workload_keeps_its_replicas(kube: FakeKube, store: OwnedObjects, children: Children) -> None:
    await children.ensure_sized(OWNER, WORKLOAD, 2)
    await children.scale(kube.objects["a"], 7, {})
    await children.ensure_sized(OWNER, WORKLOAD, 2)
    assert kube.calls == ["get a", "apply a", "patch a"], "its size is no reason to apply it"
    changed = copy.deepcopy(kube.objects["a"])
    changed["spec"]["template"] = {}
    changed["metadata"]["resourceVersion"] = "200"
    store.put(REPLICA_SET, changed)
    await children.ensure_sized(OWNER, WORKLOAD, 2)
    assert kube.applied["spec"] == {"template": {"spec": {}}, "replicas": 7}
    assert kube.applied["metadata"]["resourceVersion"] == "200", (
        "a concurrent change of the replicas is not overwritten"
    )


async def test_a_workload_of_another_owner_is_not_changed(kube: FakeKube, children: Children) -> None:
    kube.objects["a"] = {"kind": "ReplicaSet", "metadata": {"name": "a", "namespace": "web"}}
    with pytest.raises(NameTakenError):
        await children.ensure_sized(OWNER, WORKLOAD, 2)


async def test_only_the_pod_with_the_expected_uid_is_annotated(
    kube: FakeKube, store: OwnedObjects, children: Children
) -> None:
    one = running_pod()
    kube.objects[one["metadata"]["name"]] = copy.deepcopy(one)
    await children.annotate(one, {"metadata": {"labels": {"a": "b"}}})
    assert kube.patches == [{"metadata": {"labels": {"a": "b"}, "uid": one["metadata"]["uid"]}}]
    for status in (404, 409):
        kube.refusal = ApiError(status, b"")
        await children.annotate(one, {"metadata": {}})
    kube.refusal = ApiError(500, b"")
    with pytest.raises(ApiError):
        await children.annotate(one, {"metadata": {}})


async def make(children: Children, *objects: Any) -> int:
    """Ensure the objects; return how many there are, as work that has a value."""
    await children.ensure(OWNER, objects)
    return len(objects)


@pytest.mark.parametrize(("status", "reason"), [(400, "Refused"), (422, "Refused"), (403, "Refused")])
async def test_a_refusal_becomes_a_condition(kube: FakeKube, children: Children, status: int, reason: str) -> None:
    kube.refusal = ApiError(status, b'{"message": "spec.ports: Invalid value"}')
    outcome = await children.attempt(make(children, WANTED), "ObjectsApplied")
    assert outcome.value is None
    assert (outcome.fact.holds, outcome.fact.reason) == (False, reason)
    assert "spec.ports: Invalid value" in outcome.fact.message


async def test_a_temporary_error_is_raised(kube: FakeKube, children: Children) -> None:
    kube.refusal = ApiError(500, b"")
    with pytest.raises(ApiError):
        await children.attempt(children.ensure(OWNER, [WANTED]), "ObjectsApplied")


async def test_a_success_has_the_value_of_the_function(children: Children) -> None:
    outcome = await children.attempt(make(children, WANTED), "ObjectsApplied")
    assert outcome == Outcome(1, Fact("ObjectsApplied", True, "Applied", "All objects exist and match the spec."))


async def test_a_name_conflict_becomes_a_condition(kube: FakeKube, children: Children) -> None:
    kube.objects["b"] = {"kind": "Service", "metadata": {"name": "b", "namespace": "web"}}
    outcome = await children.attempt(make(children, {**WANTED, "metadata": {"name": "b"}}), "ObjectsApplied")
    assert outcome.value is None
    assert (outcome.fact.holds, outcome.fact.reason) == (False, "NameTaken")


def running_pod() -> Any:
    found = pod("calls-1", labels=OWNER.labels())
    found["metadata"]["resourceVersion"] = "1"
    return found


async def test_a_changed_secret_is_updated_in_its_pods_once(
    kube: FakeKube, store: OwnedObjects, children: Children
) -> None:
    kube.objects["calls-1"] = running_pod()
    store.put(POD, running_pod())
    await children.refresh_mounts(OWNER, "files")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "files"}, "data": {}}
    await children.ensure(OWNER, [secret])
    await children.refresh_mounts(OWNER, "files")
    await children.refresh_mounts(OWNER, "files")
    assert kube.calls == ["get files", "apply files", "patch calls-1"]
    assert store.get(SECRET, "web", "files") is not None


@pytest.mark.parametrize("status", [404, 500])
async def test_a_changed_secret_ignores_pods_that_are_gone(
    kube: FakeKube, store: OwnedObjects, children: Children, status: int
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "files"}, "data": {}}
    await children.ensure(OWNER, [secret])
    store.put(POD, running_pod())
    kube.refusal = ApiError(status, b"")
    if status == 404:
        await children.refresh_mounts(OWNER, "files")
    else:
        with pytest.raises(ApiError):
            await children.refresh_mounts(OWNER, "files")
