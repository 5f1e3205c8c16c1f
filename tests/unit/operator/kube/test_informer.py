import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from switchboard_operator.kube import informer
from switchboard_operator.kube.client import ApiError
from switchboard_operator.kube.informer import DELETED_SECONDS, Informer, ObjectStore
from switchboard_operator.kube.resources import SERVICE, Json

CALLS = "calls"
LABELS = {"example.org/made-for": CALLS}


def key_of(obj: Json) -> str | None:
    return (obj["metadata"].get("labels") or {}).get("example.org/made-for")


def service(name: str = "a", version: int = 1, uid: str = "u", labels: dict[str, str] | None = None) -> Any:
    metadata = {"name": name, "namespace": "web", "uid": uid, "resourceVersion": str(version), "managedFields": []}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {**metadata, "labels": LABELS | (labels or {})}}


def test_an_object_is_found_by_name_and_by_key() -> None:
    store = ObjectStore(key_of)
    assert store.put(SERVICE, service())
    assert store.get(SERVICE, "web", "a") is not None
    assert [one["metadata"]["name"] for one in store.made_for(CALLS, SERVICE)] == ["a"]
    assert store.drop(SERVICE, "web", "a", "2") is not None
    assert store.drop(SERVICE, "web", "a", "2") is None
    assert store.made_for(CALLS, SERVICE) == []


def test_a_late_event_does_not_revert_a_write() -> None:
    store = ObjectStore(key_of)
    store.put(SERVICE, service(version=12))
    assert not store.put(SERVICE, service(version=9))
    assert not store.put(SERVICE, service(version=12))
    assert store.put(SERVICE, service(version=100))


def test_a_new_object_of_the_same_name_counts_whatever_its_version() -> None:
    store = ObjectStore(key_of)
    store.put(SERVICE, service(version=12))
    assert store.put(SERVICE, service(version=3, uid="another"))


def test_an_answer_that_arrives_after_the_deletion_brings_no_object_back() -> None:
    store = ObjectStore(key_of)
    store.put(SERVICE, service(version=9))
    store.drop(SERVICE, "web", "a", "12")
    assert not store.put(SERVICE, service(version=10))
    assert store.get(SERVICE, "web", "a") is None
    assert store.made_for(CALLS, SERVICE) == []


def test_an_answer_about_a_replaced_object_does_not_displace_its_successor() -> None:
    store = ObjectStore(key_of)
    store.put(SERVICE, service(version=9, uid="old"))
    store.put(SERVICE, service(version=13, uid="new"))
    assert not store.put(SERVICE, service(version=10, uid="old"))
    found = store.get(SERVICE, "web", "a")
    assert found is not None
    assert found["metadata"]["uid"] == "new"


def test_an_object_whose_labels_match_again_is_stored_again() -> None:
    """The watch reports an object that leaves the selector as deleted; its uid stays when it returns."""
    store = ObjectStore(key_of)
    store.put(SERVICE, service(version=9))
    store.drop(SERVICE, "web", "a", "12")
    assert store.put(SERVICE, service(version=13))


def test_deletions_are_forgotten_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(informer.time, "monotonic", lambda: now)
    store = ObjectStore(key_of)
    for name in ("a", "b"):
        store.put(SERVICE, service(name, version=9, uid=name))
        store.drop(SERVICE, "web", name, "12")
        now += DELETED_SECONDS
    assert store.put(SERVICE, service("a", version=10, uid="a"))
    assert not store.put(SERVICE, service("b", version=10, uid="b"))


def test_an_object_without_the_label_has_no_key() -> None:
    store = ObjectStore(key_of)
    stranger = service()
    stranger["metadata"]["labels"] = {}
    store.put(SERVICE, stranger)
    assert store.made_for(CALLS, SERVICE) == []


class FakeKube:
    """Lists and watches as scripted; each watch ends in what its script ends in."""

    def __init__(self, lists: list[list[Any]], watches: list[list[Any]]) -> None:
        self.lists, self.watches = lists, watches
        self.done = asyncio.Event()

    async def list(self, *_: Any) -> tuple[list[Any], str]:
        return self.lists.pop(0), "10"

    async def watch(self, *_: Any) -> AsyncIterator[Any]:
        if not self.watches:
            self.done.set()
            await asyncio.Event().wait()
        for event in self.watches.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event


async def follow(kube: FakeKube) -> tuple[ObjectStore[str], list[Any]]:
    """Run an informer until it has gone through the script; return its store and the keys of what it reported."""
    store, seen = ObjectStore(key_of), list[Any]()
    watcher = Informer(kube, SERVICE, None, store, lambda obj: seen.append(key_of(obj)))  # type: ignore[arg-type]  # a fake
    task = asyncio.create_task(watcher.run())
    await asyncio.wait_for(kube.done.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert watcher.synced.is_set()
    return store, seen


def event(kind: str, obj: Any) -> Any:
    return {"type": kind, "object": obj}


async def test_listed_added_and_deleted_objects_are_reported_by_their_owner() -> None:
    script = [event("ADDED", service("b", 11)), event("DELETED", service("a", 12)), event("BOOKMARK", service("", 13))]
    store, seen = await follow(FakeKube([[service("a")]], [script]))
    assert seen == [CALLS] * 3
    assert [one["metadata"]["name"] for one in store.made_for(CALLS, SERVICE)] == ["b"]


async def test_an_answer_about_an_object_that_a_list_no_longer_has_is_not_stored() -> None:
    lapse = event("ERROR", {"code": 410, "message": "too old"})
    store, _ = await follow(FakeKube([[service("a")], []], [[lapse]]))
    assert not store.put(SERVICE, service("a", version=9))


async def test_an_answer_about_an_object_that_the_watch_reported_deleted_is_not_stored() -> None:
    store, _ = await follow(FakeKube([[service("a")]], [[event("DELETED", service("a", 12))]]))
    assert not store.put(SERVICE, service("a", version=11))


async def test_a_new_list_reports_deleted_objects() -> None:
    lapse = event("ERROR", {"code": 410, "message": "too old"})
    store, seen = await follow(FakeKube([[service("a"), service("b")], [service("b")]], [[lapse]]))
    assert [one["metadata"]["name"] for one in store.made_for(CALLS, SERVICE)] == ["b"]
    assert seen == [CALLS] * 3


async def test_a_failed_watch_resumes_at_its_version() -> None:
    store, _ = await follow(FakeKube([[service("a")]], [[ApiError(500, b"")], [event("ADDED", service("b", 11))]]))
    assert len(store.made_for(CALLS, SERVICE)) == 2
