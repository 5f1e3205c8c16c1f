"""What a look at a pool found and decided, for its status. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from switchboard_operator.pools.demand import Decision
from switchboard_operator.pools.drain import Steps
from switchboard_operator.pools.fleet import Pod, Set, Stage


@dataclass(frozen=True)
class Numbers:
    """What is told of the load: sessions on the pods, what those in service can carry, and why there are so many."""

    sessions: int = 0
    capacity: int = 0
    why: str = ""


_UNDECIDED: Final = Decision(0, "")
_NOTHING: Final = Steps()
_UNKNOWN: Final = Numbers()


@dataclass(frozen=True)
class Moved:
    """A pool's pods as they are, how many there should be, and what is done about it."""

    current: str = ""
    """Name of the current revision's ReplicaSet."""
    sets: Mapping[str, Set] = field(default_factory=dict)
    decision: Decision = _UNDECIDED
    steps: Steps = _NOTHING
    numbers: Numbers = _UNKNOWN
    last_move: datetime | None = None
    """When sessions were last asked to move."""
    on_trial: bool = False
    """Whether the current revision has to pass its trial before pods are replaced."""
    failure: str | None = None
    """Why the current ReplicaSet cannot make pods."""

    @property
    def pods(self) -> list[Pod]:
        """All pods that stay for now."""
        return [pod for item in self.sets.values() for pod in item.staying]

    @property
    def right(self) -> list[Pod]:
        """Pods of the current revision whose node is not to be emptied."""
        return [pod for pod in self.pods if pod.set == self.current and not pod.evacuate]

    @property
    def serving(self) -> int:
        """Right pods that serve."""
        return sum(pod.serves for pod in self.right)

    @property
    def others(self) -> int:
        """Pods that are to be replaced."""
        return len(self.pods) - len(self.right)

    @property
    def replacing(self) -> bool:
        """Whether pods are to be replaced, or older ReplicaSets to be deleted."""
        return bool(self.others or set(self.sets) - {self.current})


def loads(sets: Mapping[str, Set]) -> dict[str, int]:
    """Return the sessions of the pods that answer, by name."""
    return {pod.name: pod.sample.sessions for item in sets.values() for pod in item.staying if pod.sample is not None}


def last_move(before: datetime | None, sets: Mapping[str, Set], steps: Steps, now: datetime) -> datetime | None:
    """Return when sessions were last asked to move: noted as that begins and as it ends, since a note is a write."""
    moved = any(pod.stage is not Stage.SERVING for item in sets.values() for pod in item.staying)
    return now if moved is not steps.moving or (moved and before is None) else before
