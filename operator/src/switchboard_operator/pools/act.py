"""Executes the plan of a pool. Nothing else changes its pods and ReplicaSets.

Any command may be lost: the next reconciliation observes the pool and plans it again.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from switchboard_crds import names
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.context import Context
from switchboard_operator.kube import ApiError
from switchboard_operator.kube.resources import POD, REPLICA_SET, Json
from switchboard_operator.owned.apply import Children
from switchboard_operator.owned.owner import Owner
from switchboard_operator.pools import objects, snapshot
from switchboard_operator.pools.drain import (
    BATCH_MS,
    Annotate,
    Command,
    Cordon,
    DeleteReplicaSet,
    GoAway,
    Scale,
    UnexpectedVictim,
    chains,
    describe,
)
from switchboard_operator.pools.pods import Access, PodClient, PodError, endpoint_of
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.pools.snapshot import Observed, PodSnapshot

logger = structlog.get_logger(__name__)

PARALLEL: Final = 16
"""Pods or ReplicaSets of one pool that are changed concurrently."""


@dataclass(frozen=True)
class Actor:
    """Executes commands on one pool, for one reconciliation."""

    context: Context
    client: PodClient
    sampler: Sampler
    live: Json
    """The pool as the API server returned it, for events."""
    pool: SignalingPool
    revision: objects.Revision
    access: Access

    async def perform(self, observed: Observed, commands: Collection[Command]) -> bool:
        """Execute the commands that were planned for the observed pool.

        Return whether an object has changed since it was read; its commands then wait for the next reconciliation.
        Raises KubeError or NameTakenError after all commands of the same kind were attempted.
        """
        pods, replica_sets = chains(commands)
        conflict = False
        if observed.current in observed.revisions:
            conflict |= await self._conflicts(self._ensure(0))
        conflict |= await self._all(pods)
        conflict |= await self._all(replica_sets)
        if any(isinstance(command, GoAway) for command in commands):
            await self.sampler.refresh(self._owner.key)  # otherwise the next plan would use the same room again
        return conflict

    async def _all(self, lists: Iterable[Sequence[Command]]) -> bool:
        """Execute the lists concurrently, each in its order; return whether an object has changed since it was read."""
        slots = asyncio.Semaphore(PARALLEL)

        async def run(commands: Sequence[Command]) -> None:
            async with slots:
                for command in commands:
                    await self._do(command)

        attempts = (self._conflicts(run(commands)) for commands in lists)
        results = await asyncio.gather(*attempts, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return any(results)

    async def _conflicts(self, work: Awaitable[None]) -> bool:
        """Do the work; return whether an object has changed since it was read."""
        try:
            await work
        except ApiError as error:
            if error.status != 409:
                raise
            logger.debug("write_conflict", pool=self.pool.key, error=str(error))
            return True
        return False

    async def _do(self, command: Command) -> None:
        if not isinstance(command, Cordon):
            logger.info("command_issued", pool=self.pool.key, command=describe(command))
        match command:
            case Annotate(pod=pod, stage=stage, since=since):
                if (found := self._find(pod)) is not None:
                    await self._children.annotate(found, snapshot.stage_patch(stage, _rfc3339(since)))
            case Cordon() | GoAway():
                await self._request(command)
            case Scale():
                await self._scale(command)
            case UnexpectedVictim():
                await self._report(command)
            case DeleteReplicaSet(replica_set=name):
                if found := self._replica_set(name):
                    await self._children.delete(found)

    async def _request(self, command: Cordon | GoAway) -> None:
        """Send a command to a pod; if that fails, the pod's next sample makes the plan repeat it."""
        found = self._find(command.pod)
        endpoint = endpoint_of(found, self.access) if found is not None else None
        if endpoint is None:
            return
        try:
            if isinstance(command, Cordon):
                sample = await self.client.cordon(endpoint, command.cordoned)
            else:
                sample = await self.client.goaway(endpoint, command.count, BATCH_MS)
        except PodError as error:
            logger.warning("pod_request_failed", error=str(error))
        else:
            self.sampler.record(self._owner.key, command.pod.uid, sample)

    async def _scale(self, command: Scale) -> None:
        found = self._replica_set(command.replica_set)
        if found is None:
            await self._ensure(command.replicas)
            return
        removing = {names.ANNOTATION_REMOVING: ",".join(command.removing) or None}
        await self._children.scale(found, command.replicas, removing)

    async def _ensure(self, replicas: int) -> None:
        """Create the current revision's ReplicaSet with this many replicas, or update it and keep its replicas."""
        await self._children.ensure_sized(self._owner, objects.replica_set(self.pool, self.revision), replicas)

    async def _report(self, found: UnexpectedVictim) -> None:
        """Report that a ReplicaSet removed a pod other than the drained ones; that pod notified its clients itself."""
        if replica_set := self._replica_set(found.replica_set):
            replicas = replica_set["spec"]["replicas"]
            await self._children.scale(replica_set, replicas, {names.ANNOTATION_REMOVING: None})
        note = f"ReplicaSet {found.replica_set} removed a pod other than the drained {', '.join(found.pods)}."
        await self.context.recorder.record(self.live, "OtherPodRemoved", note, warning=True)

    def _find(self, pod: PodSnapshot) -> Json | None:
        found = self.context.store.get(POD, self._owner.namespace, pod.name)
        return found if found is not None and found["metadata"]["uid"] == pod.uid else None

    def _replica_set(self, name: str) -> Json | None:
        return self.context.store.get(REPLICA_SET, self._owner.namespace, name)

    @property
    def _owner(self) -> Owner:
        return objects.owner_of(self.pool)

    @property
    def _children(self) -> Children:
        return Children(self.context.kube, self.context.store)


def _rfc3339(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
