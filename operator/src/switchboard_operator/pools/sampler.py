"""Polls the pods' samples, keeps them, and triggers a reconciliation when they require one.

Polling is independent of reconciling: a pool at rest is polled without a request to the Kubernetes API.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD, Json
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools import replicas
from switchboard_operator.pools.autoscaling.model import PodLoad
from switchboard_operator.pools.objects import owner_of
from switchboard_operator.pools.pods import Access, PodClient, PodEndpoint, PodError, endpoint_of
from switchboard_operator.pools.samples import PoolObservation, Sample, SampleHistory
from switchboard_operator.pools.snapshot import stage_of
from switchboard_operator.pools.wakeups import Considered, needs_reconciliation
from switchboard_operator.status.diagnosis import is_ready

logger = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.25
MOVING_SECONDS: Final = 1.0
"""Interval between samples while sessions move."""
CHANGING_SECONDS: Final = 2.0
"""Interval between samples while the number of sessions changes."""
REST_SECONDS: Final = 5.0
"""Interval between samples otherwise."""
NOTHING: Final = Considered()


@dataclass
class Sampling:
    """State of a pool that is sampled."""

    pool: SignalingPool
    """As read by the last reconciliation."""
    access: Access
    history: SampleHistory = field(default_factory=SampleHistory)
    considered: Considered = NOTHING
    moving: bool = False
    due: float = 0.0
    in_flight: bool = False

    def advance(self) -> None:
        """Add new observations to the load."""
        self.history.load = replicas.advance(self.pool, self.history.load, self.history.observations)


class Sampler:
    """Samples the pods of all tracked pools."""

    def __init__(
        self,
        store: ObjectStore[OwnerKey],
        client: PodClient,
        unschedulable: Collection[str],
        wake: Callable[[OwnerKey], None],
    ) -> None:
        """`unschedulable` is a live view of the names of unschedulable nodes; `wake` triggers a reconciliation."""
        self._store, self._client, self._unschedulable, self._wake = store, client, unschedulable, wake
        self._pools: dict[OwnerKey, Sampling] = {}

    async def track(self, pool: SignalingPool, access: Access) -> None:
        """Start to sample a pool, or update its spec; return once it has an observation."""
        key = owner_of(pool).key
        sampling = self._pools.setdefault(key, Sampling(pool, access))
        sampling.pool, sampling.access = pool, access
        if sampling.history.observations:
            sampling.advance()
        else:
            await self.refresh(key)

    def untrack(self, key: OwnerKey) -> None:
        """Stop sampling a pool."""
        self._pools.pop(key, None)

    def consider(self, key: OwnerKey, considered: Considered, *, moving: bool) -> None:
        """Store what a reconciliation took into account, so that only changes trigger the next one."""
        if (sampling := self._pools.get(key)) is not None:
            sampling.considered, sampling.moving = considered, moving

    def record(self, key: OwnerKey, uid: str, sample: Sample) -> None:
        """Store the sample that a pod returned for a command."""
        if (sampling := self._pools.get(key)) is not None:
            sampling.history.record(uid, sample)

    def history(self, key: OwnerKey) -> SampleHistory:
        """Return the history of a pool; an empty one if it is not sampled."""
        return self._pools[key].history if key in self._pools else SampleHistory()

    async def run(self) -> None:
        """Sample until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for key, sampling in self._pools.items():
                    if sampling.due <= now and not sampling.in_flight:
                        sampling.in_flight = True
                        group.create_task(self.poll(key))
                await asyncio.sleep(TICK_SECONDS)

    async def refresh(self, key: OwnerKey) -> None:
        """Sample a pool now, so that the next decision has a current observation."""
        if (sampling := self._pools.get(key)) is not None:
            await self._sample(key, sampling)

    async def poll(self, key: OwnerKey) -> None:
        """Sample a pool, and trigger a reconciliation if required."""
        if (sampling := self._pools.get(key)) is None:
            return
        try:
            await self._sample(key, sampling)
            if needs_reconciliation(
                sampling.pool, sampling.history, sampling.considered, time.monotonic(), time.time()
            ):
                self._wake(key)
        except Exception:  # an error in one pool must not stop the sampling of the others
            logger.exception("sampling_failed", pool=key)
        finally:
            sampling.in_flight = False
            pause = CHANGING_SECONDS if sampling.history.changing else REST_SECONDS
            sampling.due = time.monotonic() + (MOVING_SECONDS if sampling.moving else pause)

    async def _sample(self, key: OwnerKey, sampling: Sampling) -> None:
        """Sample all pods of a pool and add an observation."""
        pods = [pod for pod in self._store.made_for(key, POD) if not pod["metadata"].get("deletionTimestamp")]
        endpoints = {pod["metadata"]["uid"]: endpoint_of(pod, sampling.access) for pod in pods}
        await asyncio.gather(
            *(self._ask(sampling, uid, endpoint) for uid, endpoint in endpoints.items() if endpoint is not None)
        )
        sampling.history.add(_observe(pods, sampling.history, self._unschedulable), endpoints)
        sampling.advance()

    async def _ask(self, sampling: Sampling, uid: str, endpoint: PodEndpoint) -> None:
        try:
            sampling.history.record(uid, await self._client.sample(endpoint))
        except PodError as error:
            logger.debug("no_sample", error=str(error))  # the decision reports the consequence


def _observe(pods: Sequence[Json], history: SampleHistory, unschedulable: Collection[str]) -> PoolObservation:
    now, utc = time.monotonic(), time.time()
    loads = tuple(_describe(pod, history, now, utc) for pod in pods)
    in_service = (
        history.sample(pod["metadata"]["uid"], now)
        for pod, load in zip(pods, loads, strict=True)
        if load.ready and not load.draining
    )
    return PoolObservation(
        now,
        loads,
        utc,
        capacity=max((sample.capacity for sample in history.newest.values()), default=0),
        total_capacity=sum(sample.capacity for sample in in_service if sample),
        evacuated=frozenset(
            pod["metadata"]["uid"] for pod in pods if (pod.get("spec") or {}).get("nodeName") in unschedulable
        ),
    )


def _describe(pod: Json, history: SampleHistory, now: float, utc: float) -> PodLoad:
    metadata = pod["metadata"]
    sample = history.sample(metadata["uid"], now)
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    return PodLoad(
        name=metadata["name"],
        ready=is_ready(pod),
        age_s=max(0.0, utc - created.timestamp()),
        sessions=sample.sessions if sample else None,
        draining=stage_of(metadata).being_drained,
        refused=history.refused(metadata["uid"]),
        sample_age_s=now - sample.at if sample else 0.0,
    )
