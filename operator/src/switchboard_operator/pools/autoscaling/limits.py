"""Limits of a decision: the stabilization window and the rate limits. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from switchboard_operator.pools.autoscaling.model import MAX_POINTS, Tuning


@dataclass(frozen=True, slots=True)
class Count:
    """A number of pods at a time."""

    t: float
    pods: int


def remember(counts: Sequence[Count], t: float, pods: int, window_s: float) -> tuple[Count, ...]:
    """Return the counts of the window with a new one; of a run of equal counts, only the first and last are kept."""
    kept = [count for count in counts if count.t >= t - window_s]
    if len(kept) >= 2 and kept[-1].pods == kept[-2].pods == pods:
        kept.pop()
    return (*kept, Count(t, pods))[-MAX_POINTS:]


def max_up(replicas: Sequence[Count], tuning: Tuning) -> int:
    """Return the highest number of pods that the scale-up limit allows, given the replicas within the window."""
    base = min(count.pods for count in replicas)
    return max(base + tuning.up_pods, math.floor(base * tuning.up_factor))


def min_down(replicas: Sequence[Count], tuning: Tuning) -> int:
    """Return the lowest number of pods that the scale-down limit allows, given the replicas within the window."""
    base = max(count.pods for count in replicas)
    return max(0, min(base - tuning.down_pods, math.ceil(base / tuning.down_factor)))
