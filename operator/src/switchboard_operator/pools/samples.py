"""What the pods of a pool say of themselves, and what is remembered of it. Pure.

The memory is bounded and lives in the operator only: a new leader begins with none, and must not conclude anything from
what it has not seen.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from switchboard_operator.pools.autoscaling.decide import LoadHistory
from switchboard_operator.pools.autoscaling.model import PodLoad

STALE_SECONDS: Final = 10.0
"""A sample that is older says nothing of now."""
HISTORY_SECONDS: Final = 900.0
HISTORY_LENGTH: Final = 512
"""Observations kept of a pool at most: 15 minutes at rest, 17 minutes of one every two seconds."""


@dataclass(frozen=True)
class Sample:
    """One pod's answer; `at` is the operator's monotonic clock in seconds."""

    at: float
    sessions: int
    """Attached, or resumable after their socket closed there: the load that the pool answers for."""
    connections: int
    """Open sockets. A pod without one can go: what else it remembers, the store knows too."""
    leaving: int = 0
    """Sessions that were asked to move and have not yet."""
    capacity: int = 0
    """Sessions that it can carry."""
    cordoned: bool = False
    """Whether it refuses new and resuming sessions."""
    refused: int = 0
    """Clients that it has turned away for want of room since it started."""

    @classmethod
    def read(cls, answer: Mapping[str, Any], at: float) -> "Sample":
        """Return what an answer says. Raises ValueError for one that is none of a signaling pod."""
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
            raise ValueError(f"no sample: {error!r}") from error

    def fresh(self, now: float) -> bool:
        """Whether it still says something."""
        return now - self.at <= STALE_SECONDS


@dataclass(frozen=True)
class Load:
    """What the observations come to: `replicas.advance` takes in each of them once."""

    history: LoadHistory = field(default_factory=LoadHistory)
    desired: int | None = None
    """Pods wanted by the load, as decided last."""
    reason: str = ""
    no_metrics: bool = False
    """Whether pods may hold sessions and none answered."""


@dataclass(frozen=True)
class PoolObservation:
    """A pool at one moment, `at` on the operator's monotonic clock in seconds, `utc` in seconds since 1970."""

    at: float
    pods: tuple[PodLoad, ...]
    utc: float = 0.0
    capacity: int = 0
    """Sessions that a pod can carry; 0 while none has answered."""
    carries: int = 0
    """Sessions that the pods in service can carry together."""
    evacuated: frozenset[str] = frozenset()
    """Uids of the pods whose node should be empty."""

    @property
    def sessions(self) -> float:
        """Sessions on the pods that answered."""
        return sum(pod.sessions or 0 for pod in self.pods)


@dataclass
class SampleHistory:
    """The newest sample of each pod, by uid, and the pool's observations, oldest first."""

    observations: deque[PoolObservation] = field(default_factory=lambda: deque(maxlen=HISTORY_LENGTH))
    newest: dict[str, Sample] = field(default_factory=dict)
    observed: dict[str, Sample] = field(default_factory=dict)
    """The samples that the latest observation was made of."""
    load: Load = field(default_factory=Load)
    """What all these observations come to."""

    def take(self, uid: str, sample: Sample) -> None:
        """Remember what a pod says now."""
        self.newest[uid] = sample

    def add(self, observation: PoolObservation, uids: Iterable[str]) -> None:
        """Remember the pool at a moment; what is too old, or of pods that are gone, is forgotten."""
        known = set(uids)
        self.newest = {uid: sample for uid, sample in self.newest.items() if uid in known}
        self.observed = dict(self.newest)
        self.observations.append(observation)
        while observation.at - self.observations[0].at > HISTORY_SECONDS:
            self.observations.popleft()

    def sample(self, uid: str, now: float) -> Sample | None:
        """Return a pod's newest sample, or None if it says nothing of now."""
        found = self.newest.get(uid)
        return found if found is not None and found.fresh(now) else None

    def refused(self, uid: str) -> int:
        """Return the clients that a pod has turned away since the latest observation.

        What it did before the first one is not of now, except that it may be new since.
        """
        now, before = self.newest.get(uid), self.observed.get(uid)
        if now is None or not self.observations:
            return 0
        since = before.refused if before is not None and before.refused <= now.refused else 0  # else it started anew
        return now.refused - since

    @property
    def moving(self) -> bool:
        """Whether the number of sessions changed between the last two observations."""
        return len(self.observations) < 2 or self.observations[-1].sessions != self.observations[-2].sessions
