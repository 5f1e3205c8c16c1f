"""Creates, updates and deletes the objects that a resource owns.

An object is applied only if it differs from its manifest: a resource at rest causes no writes, and manual changes are
reverted.
"""

from collections.abc import Awaitable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from switchboard_crds import names
from switchboard_operator.kinds import api_of
from switchboard_operator.kube import ApiError, Kube
from switchboard_operator.kube.compare import difference
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD, SECRET, Api, Json
from switchboard_operator.owned.owner import Owner, OwnerKey
from switchboard_operator.status.conditions import Fact

logger = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """Result of an attempt: its value, or None and a fact with the cause."""

    value: T | None
    fact: Fact


class NameTakenError(Exception):
    """An object with the required name exists and is not controlled by the resource."""

    def __init__(self, obj: Json) -> None:
        metadata = obj["metadata"]
        super().__init__(
            f"{obj['kind']} {metadata['namespace']}/{metadata['name']} already exists and is not controlled by this"
            " resource."
            " Remedy: delete that object, or give this resource another name"
        )


def _differs(present: Json, wanted: Json) -> bool:
    """Return whether an object must be applied, and log why. An object that is being deleted cannot be changed."""
    if present["metadata"].get("deletionTimestamp") or (found := difference(present, wanted)) is None:
        return False
    metadata = wanted["metadata"]
    logger.info(
        "object_differs", kind=wanted["kind"], namespace=metadata["namespace"], name=metadata["name"], difference=found
    )
    return True


class Children:
    """The owned objects: creates missing ones, applies those that differ, deletes those that are no longer needed."""

    def __init__(self, kube: Kube, store: ObjectStore[OwnerKey]) -> None:
        self._kube, self._store = kube, store

    def of(self, owner: Owner, api: Api) -> list[Json]:
        """Return the objects of one API resource that the owner controls, by name."""
        return [obj for obj in self._store.made_for(owner.key, api) if owner.controls(obj)]

    async def ensure(self, owner: Owner, objects: Iterable[Json]) -> None:
        """Create or update each object. Raises NameTakenError or KubeError."""
        for wanted in map(owner.finish, objects):
            await self._ensure(owner, wanted)

    async def _ensure(self, owner: Owner, wanted: Json) -> None:
        present = await self._present(owner, wanted)
        if present is None or _differs(present, wanted):
            await self._apply(wanted)

    async def _apply(self, wanted: Json) -> None:
        api = api_of(wanted)
        self._store.put(api, await self._kube.apply(api, wanted))

    async def _present(self, owner: Owner, wanted: Json) -> Json | None:
        """Return the existing object of the same name. Raises NameTakenError if the owner does not control it."""
        api, metadata = api_of(wanted), wanted["metadata"]
        present = self._store.get(api, metadata["namespace"], metadata["name"])
        if present is None:
            # The store has only objects with the operator's label: this one may lack it, or not exist.
            present = await self._kube.get(api, metadata["namespace"], metadata["name"])
        if present is not None and not owner.controls(present):
            raise NameTakenError(present)
        return present

    async def ensure_sized(self, owner: Owner, wanted: Json, replicas: int) -> None:
        """Create a workload with this many replicas, or update an existing one, which keeps its replicas.

        Raises NameTakenError or KubeError.
        """
        complete = owner.finish(wanted)
        metadata, present = complete["metadata"], await self._present(owner, complete)
        if present is not None:
            if not _differs(present, complete):
                return
            # A concurrent change of the replicas makes this apply fail, so that it is not overwritten.
            metadata = {**metadata, "resourceVersion": present["metadata"]["resourceVersion"]}
            replicas = present["spec"]["replicas"]
        await self._apply({**complete, "metadata": metadata, "spec": {**complete["spec"], "replicas": replicas}})

    async def attempt(self, work: Awaitable[T], kind: str) -> Outcome[T]:
        """Do the work and return its value, with a condition of this type that says whether all objects are applied.

        Raises KubeError for a transient failure.
        """
        try:
            value = await work
        except NameTakenError as error:
            return Outcome(None, Fact(kind, False, "NameTaken", str(error)))
        except ApiError as error:
            if error.status not in {400, 403, 422}:
                raise
            return Outcome(None, Fact(kind, False, "Refused", f"The API server rejected an object: {error.message}"))
        return Outcome(value, Fact(kind, True, "Applied", "All objects exist and match the spec."))

    async def refresh_mounts(self, owner: Owner, secret_name: str) -> None:
        """Update a changed Secret in the running pods that mount it. Raises KubeError.

        The kubelet updates mounted files about once per minute, and at once when the pod's annotations change.
        """
        secret = self._store.get(SECRET, owner.namespace, secret_name)
        if secret is None:
            return
        wanted = secret["metadata"]["annotations"][names.ANNOTATION_APPLIED_HASH]
        patch = {"metadata": {"annotations": {names.ANNOTATION_CONFIG_HASH: wanted}}}
        for pod in self._store.made_for(owner.key, POD):
            metadata = pod["metadata"]
            if metadata.get("deletionTimestamp") or difference(metadata, patch["metadata"]) is None:
                continue
            try:
                self._store.put(POD, await self._kube.patch(POD, metadata["namespace"], metadata["name"], patch))
            except ApiError as error:
                if error.status != 404:
                    raise

    async def prune(self, owner: Owner, apis: Iterable[Api], wanted: Collection[Json]) -> None:
        """Delete the owner's objects of these API resources that are not in `wanted`. Raises KubeError."""
        kept = {(obj["kind"], obj["metadata"]["name"]) for obj in wanted}
        for api in apis:
            for obj in self.of(owner, api):
                if (api.kind, obj["metadata"]["name"]) not in kept:
                    await self.delete(obj)

    async def scale(self, workload: Json, replicas: int, annotations: Mapping[str, str | None]) -> None:
        """Change a workload's replicas and annotations.

        Raises KubeError, with status 409 if the workload has changed since it was read.
        """
        metadata = workload["metadata"]
        patch = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": dict(annotations)},
            "spec": {"replicas": replicas},
        }
        api = api_of(workload)
        self._store.put(api, await self._kube.patch(api, metadata["namespace"], metadata["name"], patch))

    async def annotate(self, pod: Json, patch: Json) -> None:
        """Change labels and annotations of exactly this pod; do nothing if it is gone. Raises KubeError."""
        metadata = pod["metadata"]
        patch = {"metadata": {**patch["metadata"], "uid": metadata["uid"]}}
        try:
            self._store.put(POD, await self._kube.patch(POD, metadata["namespace"], metadata["name"], patch))
        except ApiError as error:
            if error.status not in {404, 409}:
                raise

    async def delete(self, obj: Json) -> None:
        """Delete an object unless it is being deleted already. Raises KubeError."""
        metadata = obj["metadata"]
        if not metadata.get("deletionTimestamp"):
            await self._kube.delete(api_of(obj), metadata["namespace"], metadata["name"], metadata["uid"])
