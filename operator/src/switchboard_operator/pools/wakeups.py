"""What in a pool's samples calls for a pass: all that no watch reports. Pure."""

from dataclasses import dataclass
from typing import Final

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.rebalance import terms_of, uneven
from switchboard_operator.pools.replicas import decide
from switchboard_operator.pools.samples import PoolObservation, SampleHistory

REPORT_SECONDS: Final = 30.0
"""Figures in a pool's status are renewed no more often than this, unless something was decided."""


@dataclass(frozen=True)
class Considered:
    """What the last pass took into account."""

    desired: int = 0
    no_metrics: bool = False
    evacuated: frozenset[str] = frozenset()
    """Uids of the pods whose node should be empty."""
    sessions: int = 0
    capacity: int = 0
    """The figures that the status shows."""
    reported_at: float = 0.0
    """When these were last renewed, on the monotonic clock in seconds."""


def calls_for_pass(
    pool: SignalingPool, history: SampleHistory, considered: Considered, monotonic: float, wall: float
) -> bool:
    """Return whether the newest observation, of one or more, differs from what the last pass took into account.

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
            and (newest.sessions, newest.carries) != (considered.sessions, considered.capacity)
        )
    )


def _uneven(pool: SignalingPool, newest: PoolObservation, wall: float) -> bool:
    """Return whether sessions should move from some pods to others."""
    terms = terms_of(pool, wall)
    return terms is not None and terms.rested and uneven([pod.sessions for pod in newest.pods], terms.target)
