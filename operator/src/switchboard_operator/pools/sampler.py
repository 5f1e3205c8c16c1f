"""Reads the pods' samples all the time, remembers them, and wakes a pool when they call for something.

Reading is apart from reconciling: a pool at rest is looked at without a single request to the Kubernetes API.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import structlog

from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD, Json
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools.autoscaling.model import Pod
from switchboard_operator.pools.fleet import stage_of
from switchboard_operator.pools.pods import Access, Place, PodClient, PodError, place
from switchboard_operator.pools.samples import History, Observation
from switchboard_operator.status.diagnosis import is_ready

logger = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.25
HURRIED_SECONDS: Final = 1.0
"""Between samples while pods are on their way out."""
MOVING_SECONDS: Final = 2.0
"""Between samples while the number of sessions changes."""
REST_SECONDS: Final = 5.0
REPORT_SECONDS: Final = 30.0
"""Numbers in a pool's status are renewed no more often than this, unless something was decided."""


@dataclass
class Watched:
    """A pool that is sampled."""

    access: Access
    judge: Callable[[History], int]
    """Returns how many pods there should be."""
    uneven: Callable[[History], bool]
    """Returns whether sessions should move from some pods to others."""
    history: History = field(default_factory=History)
    desired: int = 0
    """What was decided at the last reconciliation."""
    blind: bool = False
    """Whether the load was unknown then."""
    told: tuple[float, int] = (0, 0)
    """Sessions, and what the pods in service can carry, as its status says."""
    reported_at: float = 0.0
    hurried: bool = False
    loads: dict[str, int] = field(default_factory=dict)
    """Sessions of its pods, by name, when the rebalancing that is under way was first seen."""
    closed: frozenset[str] = frozenset()
    """Its pods whose node should be empty."""
    due: float = 0.0
    asking: bool = False


class Sampler:
    """Samples the pods of all pools that were entered."""

    def __init__(
        self, store: ObjectStore[OwnerKey], client: PodClient, closed: Collection[str], wake: Callable[[OwnerKey], None]
    ) -> None:
        """Take in `closed` the names of the nodes that should be empty, as they are at any moment."""
        self._store, self._client, self._closed, self._wake = store, client, closed, wake
        self._pools: dict[OwnerKey, Watched] = {}

    def enter(
        self, key: OwnerKey, access: Access, judge: Callable[[History], int], uneven: Callable[[History], bool]
    ) -> Watched:
        """Sample a pool from now on, or change how; return what is known of it."""
        watched = self._pools.setdefault(key, Watched(access, judge, uneven))
        watched.access, watched.judge, watched.uneven = access, judge, uneven
        return watched

    def history(self, key: OwnerKey) -> History:
        """Return what is known of a pool; of one that is not sampled, nothing."""
        return self._pools[key].history if key in self._pools else History()

    def leave(self, key: OwnerKey) -> None:
        """Sample a pool no more."""
        self._pools.pop(key, None)

    async def run(self) -> None:
        """Sample until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                now = time.monotonic()
                for key, watched in self._pools.items():
                    if watched.due <= now and not watched.asking:
                        watched.asking = True
                        group.create_task(self._look(key, watched))
                await asyncio.sleep(TICK_SECONDS)

    async def refresh(self, key: OwnerKey) -> None:
        """Sample a pool now, so that a decision does not rest on nothing."""
        if (watched := self._pools.get(key)) is not None:
            await self._sample(key, watched)

    async def _look(self, key: OwnerKey, watched: Watched) -> None:
        try:
            pods = await self._sample(key, watched)
            if self._calls_for_something(watched, pods):
                self._wake(key)
        except Exception:  # one pool's fault must not end the sampling of the others
            logger.exception("sampling_failed", pool=key)
        finally:
            watched.asking = False
            pause = MOVING_SECONDS if watched.history.moving else REST_SECONDS
            watched.due = time.monotonic() + (HURRIED_SECONDS if watched.hurried else pause)

    async def _sample(self, key: OwnerKey, watched: Watched) -> list[Json]:
        """Ask all pods, and remember what they say."""
        pods = [pod for pod in self._store.made_for(key, POD) if not pod["metadata"].get("deletionTimestamp")]
        places = {pod["metadata"]["uid"]: place(pod, watched.access) for pod in pods}
        await asyncio.gather(*(self._ask(watched, uid, where) for uid, where in places.items() if where is not None))
        watched.history.add(_observe(pods, watched.history), places)
        return pods

    async def _ask(self, watched: Watched, uid: str, where: Place) -> None:
        try:
            watched.history.take(uid, await self._client.sample(where))
        except PodError as error:
            logger.debug("no_sample", error=str(error))  # what follows from it is said where it is decided

    def _calls_for_something(self, watched: Watched, pods: list[Json]) -> bool:
        now = time.monotonic()
        closed = frozenset(
            pod["metadata"]["uid"] for pod in pods if (pod.get("spec") or {}).get("nodeName") in self._closed
        )
        changed, watched.closed = closed != watched.closed, closed
        reportable = now - watched.reported_at >= REPORT_SECONDS
        return (
            changed
            or watched.judge(watched.history) != watched.desired
            or watched.history.load.blind != watched.blind
            or watched.uneven(watched.history)
            or (reportable and _counted(watched.history.observations[-1]) != watched.told)
        )


def _counted(observation: Observation) -> tuple[float, int]:
    return observation.sessions, observation.carries


def _observe(pods: Sequence[Json], history: History) -> Observation:
    now, utc = time.monotonic(), time.time()
    capacity = max((sample.capacity for sample in history.newest.values()), default=0)
    described = tuple(_describe(pod, history, now, utc) for pod in pods)
    samples = (
        history.sample(pod["metadata"]["uid"], now)
        for pod, found in zip(pods, described, strict=True)
        if found.ready and not found.draining
    )
    return Observation(now, described, utc, capacity, sum(sample.capacity for sample in samples if sample))


def _describe(pod: Json, history: History, now: float, utc: float) -> Pod:
    metadata = pod["metadata"]
    sample = history.sample(metadata["uid"], now)
    created = datetime.fromisoformat(metadata["creationTimestamp"])
    return Pod(
        name=metadata["name"],
        ready=is_ready(pod),
        age_s=max(0.0, utc - created.timestamp()),
        sessions=sample.sessions if sample else None,
        draining=stage_of(metadata).going,
        refused=history.refused(metadata["uid"]),
        sample_age_s=now - sample.at if sample else 0.0,
    )
