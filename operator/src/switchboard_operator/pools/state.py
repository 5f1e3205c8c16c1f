"""Result of one reconciliation, for the pool's status. Pure."""

from dataclasses import dataclass

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.plan import Plan
from switchboard_operator.pools.snapshot import Observed


@dataclass(frozen=True)
class Figures:
    """Load figures of the status: sessions, capacity of the pods in service, and the reason for the number of pods."""

    sessions: int
    capacity: int
    why: str

    @classmethod
    def published(cls, pool: SignalingPool) -> "Figures":
        """Return the figures of the current status."""
        return cls(pool.status.sessions, pool.status.session_capacity, pool.status.scaling_decision)


@dataclass(frozen=True)
class PoolState:
    """The observed pool, the plan for it, and the figures for its status."""

    observed: Observed
    plan: Plan
    figures: Figures
    acted: bool = False
    """Whether the plan was executed."""
    conflict: bool = False
    """Whether an object had changed since it was read, so that its commands wait for the next reconciliation."""
