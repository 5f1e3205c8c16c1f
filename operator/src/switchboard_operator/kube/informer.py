"""Informers: a local copy of the objects that a label selector matches, kept up to date by list and watch.

The callback gets the changed object; it should decide by the contents of the store, not by the single change.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, Generic, Protocol, TypeVar

import structlog

from switchboard_operator.kube.client import ApiError, Kube, KubeError
from switchboard_operator.kube.resources import Api, Json

logger = structlog.get_logger(__name__)

LONGEST_DELAY: Final = 5.0
"""Maximum seconds between attempts while the API server is unavailable."""
DELETED_SECONDS: Final = 60.0
"""How long the store remembers a deletion: no answer to a write is outstanding for longer."""


K = TypeVar("K")


class Keeper(Protocol):
    """Storage of an informer's objects; cluster-scoped objects have the namespace ""."""

    def put(self, api: Api, obj: Json) -> bool:
        """Store an object; return whether to report the change."""

    def drop(self, api: Api, namespace: str, name: str, version: str) -> Json | None:
        """Remove an object that does not exist at this resource version; return it if the change is to be reported."""

    def names_of(self, api: Api, namespace: str | None) -> set[tuple[str, str]]:
        """Return namespace and name of the stored objects."""


class ObjectStore(Generic[K]):
    """Objects by API resource, namespace and name, and by a key that objects share; `key_of` may return None."""

    def __init__(self, key_of: Callable[[Json], K | None]) -> None:
        self._key_of = key_of
        self._objects: dict[tuple[Api, str, str], Json] = {}
        self._by_key: dict[K, dict[tuple[Api, str, str], Json]] = {}
        self._deleted: dict[str, tuple[int, float]] = {}
        """Uids of the deleted objects: a resource version at which each was gone, and when it was removed."""

    def get(self, api: Api, namespace: str, name: str) -> Json | None:
        """Return an object, or None."""
        return self._objects.get((api, namespace, name))

    def made_for(self, key: K, api: Api) -> list[Json]:
        """Return the objects of one API resource with this key, sorted by name."""
        found = [obj for (kind, _, _), obj in self._by_key.get(key, {}).items() if kind is api]
        return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))

    def put(self, api: Api, obj: Json) -> bool:
        """Store an object unless a newer version, or its deletion, is known; return whether it was stored."""
        metadata = obj["metadata"]
        metadata.pop("managedFields", None)
        place = (api, metadata["namespace"], metadata["name"])
        known = self._objects.get(place)
        if self._is_deleted(metadata) or (known is not None and not _newer(metadata, known["metadata"])):
            return False
        self._remove(place)
        if known is not None and known["metadata"]["uid"] != metadata["uid"]:
            self._remember_deletion(known, metadata["resourceVersion"])
        self._objects[place] = obj
        if (key := self._key_of(obj)) is not None:
            self._by_key.setdefault(key, {})[place] = obj
        return True

    def drop(self, api: Api, namespace: str, name: str, version: str) -> Json | None:
        """Remove an object that does not exist at this resource version; return it, or None if it was not stored."""
        obj = self._remove((api, namespace, name))
        if obj is not None:
            self._remember_deletion(obj, version)
        return obj

    def _remove(self, place: tuple[Api, str, str]) -> Json | None:
        obj = self._objects.pop(place, None)
        if obj is not None and (key := self._key_of(obj)) is not None:
            sharing = self._by_key[key]
            del sharing[place]
            if not sharing:
                del self._by_key[key]
        return obj

    def _remember_deletion(self, obj: Json, version: str) -> None:
        now = time.monotonic()
        self._deleted = {uid: entry for uid, entry in self._deleted.items() if now - entry[1] < DELETED_SECONDS}
        self._deleted[obj["metadata"]["uid"]] = int(version), now

    def _is_deleted(self, metadata: Json) -> bool:
        """Return whether this version of an object is older than its deletion.

        The answer to our own write may arrive after the watch reported the deletion. A newer version is no such answer:
        an object also leaves the watch, and returns, when its labels change.
        """
        version, _ = self._deleted.get(metadata["uid"], (0, 0.0))
        return int(metadata["resourceVersion"]) <= version

    def names_of(self, api: Api, namespace: str | None) -> set[tuple[str, str]]:
        """Return namespace and name of the stored objects of an API resource."""
        return {(ns, name) for kind, ns, name in self._objects if kind is api and namespace in {None, ns}}


def _newer(metadata: Json, known: Json) -> bool:
    """Return whether an object is newer than the stored one.

    Resource versions are comparable numbers (KEP-5504). The watch may lag behind the results of our own writes.
    """
    return metadata["uid"] != known["uid"] or int(metadata["resourceVersion"]) > int(known["resourceVersion"])


class Informer:
    """Keeps the objects of one API resource in a store. Run it until cancelled."""

    def __init__(
        self,
        kube: Kube,
        api: Api,
        namespace: str | None,
        store: Keeper,
        on_change: Callable[[Json], None] = lambda _obj: None,
        selector: str = "",
    ) -> None:
        self._kube, self._api, self._namespace, self._store = kube, api, namespace, store
        self._on_change, self._selector = on_change, selector
        self._version: str | None = None
        self.synced = asyncio.Event()

    async def run(self) -> None:
        """List, then watch, until cancelled; log failures and retry them with exponential backoff."""
        delay = 0.1
        while True:
            started = time.monotonic()
            try:
                if self._version is None:
                    await self._list()
                await self._watch()
                delay = 0.1
            except KubeError as error:
                if isinstance(error, ApiError) and error.status == 410:
                    self._version = None
                logger.warning("watch_failed", resource=self._api.plural, error=str(error), retry_in=delay)
            if time.monotonic() - started > LONGEST_DELAY:
                delay = 0.1
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, no secret)
            delay = min(delay * 2, LONGEST_DELAY)

    async def _list(self) -> None:
        items, version = await self._kube.list(self._api, self._namespace, self._selector)
        present = {(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]) for obj in items}
        for obj in items:
            # Items of a list have no kind.
            self._seen({**obj, "apiVersion": self._api.api_version, "kind": self._api.kind})
        for namespace, name in self._store.names_of(self._api, self._namespace) - present:
            self._gone(namespace, name, version)
        self._version = version
        self.synced.set()

    async def _watch(self) -> None:
        assert self._version is not None  # noqa: S101 (for the type checker: the list sets it)
        async for event in self._kube.watch(self._api, self._namespace, self._selector, self._version):
            obj = event["object"]
            if event["type"] == "ERROR":
                raise ApiError(obj.get("code", 500), str(obj.get("message", "")).encode())
            self._version = obj["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                self._gone(obj["metadata"].get("namespace", ""), obj["metadata"]["name"], self._version)
            elif event["type"] != "BOOKMARK":
                self._seen(obj)

    def _seen(self, obj: Json) -> None:
        if self._store.put(self._api, obj):
            self._on_change(obj)

    def _gone(self, namespace: str, name: str, version: str) -> None:
        if (obj := self._store.drop(self._api, namespace, name, version)) is not None:
            self._on_change(obj)
