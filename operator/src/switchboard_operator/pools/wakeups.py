"""Changes in a pool's samples that need a reconciliation, because no watch reports them. Pure."""

from dataclasses import dataclass
from typing import Final

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.rebalance import policy_of, uneven
from switchboard_operator.pools.replicas import decide
from switchboard_operator.pools.samples import PoolObservation, SampleHistory

REPORT_SECONDS: Final = 30.0
"""Minimum interval between updates of the load figures in the status, unless the decision changed."""


@dataclass(frozen=True)
class Considered:
    """What the last reconciliation took into account."""

    desired: int = 0
    no_metrics: bool = False
    evacuated: frozenset[str] = frozenset()
    """Uids of the pods on unschedulable nodes."""
    sessions: int = 0
    capacity: int = 0
    """Capacity of the pods in service, as in the status."""
    reported_at: float = 0.0
    """When the figures in the status were last updated, on the monotonic clock in seconds."""


def needs_reconciliation(
    pool: SignalingPool, history: SampleHistory, considered: Considered, monotonic: float, wall: float
) -> bool:
    """Return whether the latest observation, of at least one, differs from what was last taken into account.

    `monotonic` and `wall` are the two clocks in seconds.
    """
    newest, decision = history.observations[-1], decide(pool, history.load)
    return (
        newest.evacuated != considered.evacuated
        or decision.desired != considered.desired
        or decision.no_metrics != considered.no_metrics
        or _uneven(pool, newest, wall)
        or (
            monotonic - considered.reported_at >= REPORT_SECONDS
            and (newest.sessions, newest.total_capacity) != (considered.sessions, considered.capacity)
        )
    )


def _uneven(pool: SignalingPool, newest: PoolObservation, wall: float) -> bool:
    """Return whether a rebalancing should begin."""
    policy = policy_of(pool, wall)
    return policy is not None and policy.cooled_down and uneven([pod.sessions for pod in newest.pods], policy.target)
