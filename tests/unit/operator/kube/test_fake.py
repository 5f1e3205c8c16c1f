"""The rules of the API server that the fake follows, so that what tests see is what happens."""

from typing import Any

import pytest
from tests.unit.operator.kube.fake import FakeKube, refusal

from switchboard_operator.kube.client import ApiError
from switchboard_operator.kube.resources import SECRET, SERVICE, Json

LABELS = {"app": "calls"}


def service(name: str = "a", **metadata: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "web", **metadata},
        "spec": {"type": "ClusterIP"},
    }


async def test_apply_removes_its_own_former_fields_and_keeps_others() -> None:
    kube = FakeKube()
    made = await kube.apply(SERVICE, {**service(), "spec": {"type": "ClusterIP", "ports": [1]}})
    kube.found(SERVICE, "a")["spec"]["clusterIP"] = "10.0.0.1"
    again = await kube.apply(SERVICE, service())
    assert again["spec"] == {"type": "ClusterIP", "clusterIP": "10.0.0.1"}
    assert (made["metadata"]["uid"], made["metadata"]["generation"]) == ("uid-of-a", 1)
    assert int(again["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])
    assert (await kube.apply(SERVICE, service()))["metadata"] == again["metadata"], "a no-op is no new version"


async def test_a_status_is_written_separately() -> None:
    kube = FakeKube(service())
    await kube.apply(SERVICE, {**service(), "spec": {"type": "NodePort"}, "status": {"x": 1}}, "status")
    found = kube.found(SERVICE, "a")
    assert (found["spec"]["type"], found["status"]) == ("ClusterIP", {"x": 1})
    kube.change(service())
    assert kube.found(SERVICE, "a")["status"] == {"x": 1}


async def test_a_patch_merges_and_an_outdated_one_is_refused() -> None:
    kube = FakeKube(service(annotations={"a": "1"}))
    await kube.patch(SERVICE, "web", "a", {"metadata": {"annotations": {"a": None, "b": "2"}}})
    assert kube.found(SERVICE, "a")["metadata"]["annotations"] == {"b": "2"}
    for stale in ({"resourceVersion": "1"}, {"uid": "another"}):
        with pytest.raises(ApiError, match="409 Conflict"):
            await kube.patch(SERVICE, "web", "a", {"metadata": stale})
    with pytest.raises(ApiError, match="404"):
        await kube.patch(SERVICE, "web", "b", {})


async def test_objects_are_created_once_listed_by_label_and_deleted_by_uid() -> None:
    kube = FakeKube(service(labels=LABELS), service("b"))
    with pytest.raises(ApiError, match="409 AlreadyExists"):
        await kube.request("POST", SERVICE.path("web"), None, service())
    items, version = await kube.list(SERVICE, "web", "app=calls")
    assert ([one["metadata"]["name"] for one in items], version) == (["a"], "2")
    assert len((await kube.list(SERVICE, None))[0]) == 2
    await kube.delete(SERVICE, "web", "a", "another uid")
    assert await kube.get(SERVICE, "web", "a") is not None
    await kube.delete(SERVICE, "web", "a", "uid-of-a")
    assert await kube.get(SERVICE, "web", "a") is None
    assert kube.writes == ["POST services/a", "DELETE services/a", "DELETE services/a"]


async def test_a_watch_yields_the_changes_after_a_version() -> None:
    kube = FakeKube(service(labels=LABELS))
    events = kube.watch(SERVICE, "web", "app=calls", "0")
    assert (await anext(events))["type"] == "ADDED"
    kube.change(service("stranger"))
    kube.remove(SERVICE, "a")
    assert (await anext(events))["type"] == "DELETED"


async def test_a_scripted_failure_is_raised_until_it_is_removed() -> None:
    kube = FakeKube(service())
    kube.failures["GET services"] = refusal(500)
    with pytest.raises(ApiError, match="500"):
        await kube.get(SERVICE, "web", "a")
    assert await kube.get(SECRET, "web", "a") is None
    kube.failures.clear()
    assert await kube.get(SERVICE, "web", "a") is not None
