"""Samples of a pool's pods, and their bounded history. Pure.

The history is in the operator's memory only: a new leader starts without one, and must not draw conclusions from
missing samples.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from switchboard_operator.pools.autoscaling.decide import LoadHistory
from switchboard_operator.pools.autoscaling.model import PodLoad

STALE_SECONDS: Final = 10.0
"""Age from which on a sample is stale."""
HISTORY_SECONDS: Final = 900.0
HISTORY_LENGTH: Final = 512
"""Maximum number of observations per pool: 15 minutes at rest, 17 minutes at one every 2 s."""


@dataclass(frozen=True)
class Sample:
    """One pod's answer; `at` is the operator's monotonic clock in seconds."""

    at: float
    sessions: int
    """Sessions that are connected to the pod, or resumable after their connection closed."""
    connections: int
    """Open connections. A pod without any can be removed, because the store has its other sessions."""
    leaving: int = 0
    """Sessions that were asked to move and have not moved yet."""
    capacity: int = 0
    """Sessions that it can hold."""
    cordoned: bool = False
    """Whether it refuses new and resuming sessions."""
    refused: int = 0
    """Clients rejected for lack of room since the pod started."""

    @classmethod
    def read(cls, answer: Mapping[str, Any], at: float) -> "Sample":
        """Return the sample in a pod's answer. Raises ValueError if it is malformed."""
        try:
            return cls(
                at,
                sessions=int(answer["sessions"]),
                connections=int(answer["connections"]),
                leaving=int(answer["leaving"]),
                capacity=int(answer["capacity"]),
                cordoned=bool(answer["cordoned"]),
                refused=int(answer["refused"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"malformed sample: {error!r}") from error

    def fresh(self, now: float) -> bool:
        """Return whether the sample is not stale."""
        return now - self.at <= STALE_SECONDS


@dataclass(frozen=True)
class Load:
    """Load of a pool; `replicas.advance` adds each observation once."""

    history: LoadHistory = field(default_factory=LoadHistory)
    desired: int | None = None
    """Number of pods by the latest decision."""
    reason: str = ""
    no_metrics: bool = False
    """Whether pods may hold sessions and none answered."""


@dataclass(frozen=True)
class PoolObservation:
    """A pool at one time: `at` on the operator's monotonic clock in seconds, `utc` in seconds since 1970."""

    at: float
    pods: tuple[PodLoad, ...]
    utc: float = 0.0
    capacity: int = 0
    """Sessions that one pod can hold; 0 until one has answered."""
    total_capacity: int = 0
    """Sessions that the pods in service can hold together."""
    evacuated: frozenset[str] = frozenset()
    """Uids of the pods on unschedulable nodes."""

    @property
    def sessions(self) -> float:
        """Sessions on the pods that answered."""
        return sum(pod.sessions or 0 for pod in self.pods)


@dataclass
class SampleHistory:
    """Latest sample of each pod by uid, and the pool's observations, oldest first."""

    observations: deque[PoolObservation] = field(default_factory=lambda: deque(maxlen=HISTORY_LENGTH))
    newest: dict[str, Sample] = field(default_factory=dict)
    observed: dict[str, Sample] = field(default_factory=dict)
    """Samples of the latest observation, by uid."""
    load: Load = field(default_factory=Load)
    """Load after all observations."""

    def record(self, uid: str, sample: Sample) -> None:
        """Store a pod's latest sample."""
        self.newest[uid] = sample

    def add(self, observation: PoolObservation, uids: Iterable[str]) -> None:
        """Add an observation; drop old ones, and samples of pods that are not in `uids`."""
        known = set(uids)
        self.newest = {uid: sample for uid, sample in self.newest.items() if uid in known}
        self.observed = dict(self.newest)
        self.observations.append(observation)
        while observation.at - self.observations[0].at > HISTORY_SECONDS:
            self.observations.popleft()

    def sample(self, uid: str, now: float) -> Sample | None:
        """Return a pod's latest sample, or None if it is stale or missing."""
        found = self.newest.get(uid)
        return found if found is not None and found.fresh(now) else None

    def refused(self, uid: str) -> int:
        """Return the number of clients that a pod has rejected since the latest observation.

        It is 0 before the first observation, because the counters cover all the time since the pods started. A pod
        that is new since the latest observation counts in full.
        """
        now, before = self.newest.get(uid), self.observed.get(uid)
        if now is None or not self.observations:
            return 0
        since = before.refused if before is not None and before.refused <= now.refused else 0  # else it restarted
        return now.refused - since

    @property
    def changing(self) -> bool:
        """Whether the number of sessions changed between the last two observations."""
        return len(self.observations) < 2 or self.observations[-1].sessions != self.observations[-2].sessions
