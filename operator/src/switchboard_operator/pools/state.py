"""What a pass comes to, for the pool's status. Pure."""

from dataclasses import dataclass

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.plan import Plan
from switchboard_operator.pools.snapshot import Observed


@dataclass(frozen=True)
class Figures:
    """Load figures of the status: sessions on the pods, what those in service can carry, and why there are so many."""

    sessions: int
    capacity: int
    why: str

    @classmethod
    def published(cls, pool: SignalingPool) -> "Figures":
        """Return the figures that the status shows now."""
        return cls(pool.status.sessions, pool.status.session_capacity, pool.status.scaling_decision)


@dataclass(frozen=True)
class PoolState:
    """A pool as a pass found it, what is done about it, and the figures to show."""

    observed: Observed
    plan: Plan
    figures: Figures
    acted: bool = False
    """Whether the plan was carried out."""
    overtaken: bool = False
    """Whether an object changed meanwhile, so that what was planned for it waits for the next pass."""
