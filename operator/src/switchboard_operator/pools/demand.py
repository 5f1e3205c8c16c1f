"""How many pods a pool should have. Pure.

`Decide` is where every way to decide meets the rest: it gets what is known of the load and answers with a number and
the reason for it, which people read in the status and in an event.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.samples import History


@dataclass(frozen=True)
class Decision:
    """Pods that there should be, and why."""

    desired: int
    why: str


Decide: TypeAlias = Callable[[SignalingPool, History, float], Decision]
"""Decides by the pool's spec, what is known of its load, and the operator's monotonic clock in seconds.

It is called with every sample, and must give the same for the same.
"""


def manual(pool: SignalingPool, _history: History, _now: float) -> Decision:
    """Want what the spec says, whatever the load is."""
    return Decision(pool.spec.replicas, f"spec.replicas is {pool.spec.replicas}.")
