"""What keeps a decision from what is wanted: the down window, the rate limits, and the pool's own bounds. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from switchboard_operator.pools.autoscaling.model import Settings

MOST_POINTS = 400
"""Bound of each list that is kept, whatever the pace of observations."""
MOST_REGRETS = 3
"""The down window doubles with each pod that should have stayed, so many times at most."""


@dataclass(frozen=True, slots=True)
class Count:
    """A number of pods at a time."""

    t: float
    pods: int


def remember(counts: Sequence[Count], t: float, pods: int, window_s: float) -> tuple[Count, ...]:
    """Return the counts of the window with a new one. Of a run of equal counts, its first and last are enough."""
    kept = [count for count in counts if count.t >= t - window_s]
    if len(kept) >= 2 and kept[-1].pods == kept[-2].pods == pods:
        kept.pop()
    return (*kept, Count(t, pods))[-MOST_POINTS:]


def peak(counts: Sequence[Count], since: float) -> int:
    """Return the highest count since a time; what held then counts."""
    before = [count.pods for count in counts if count.t < since]
    return max(before[-1:] + [count.pods for count in counts if count.t >= since])


def most_up(replicas: Sequence[Count], settings: Settings) -> int:
    """Return how many pods the up limit allows, after the replicas of the limits' window."""
    base = min(count.pods for count in replicas)
    return max(base + settings.up_pods, math.floor(base * settings.up_factor))


def least_down(replicas: Sequence[Count], settings: Settings) -> int:
    """Return how many pods the down limit leaves, after the replicas of the limits' window."""
    base = max(count.pods for count in replicas)
    return max(0, min(base - settings.down_pods, math.ceil(base / settings.down_factor)))


@dataclass(frozen=True, slots=True)
class Patience:
    """What was learnt from pods that went too early: a load at the edge of a pod would otherwise flap for ever."""

    shrunk: float | None = None
    """When a pod went last."""
    regrets: tuple[float, ...] = ()
    """When pods were wanted that had just gone."""


def learn(patience: Patience, t: float, before: int, now: int, settings: Settings) -> Patience:
    """Return what to make of the replicas' change from `before` to `now`."""
    regrets = tuple(when for when in patience.regrets if when > t - settings.regret_window_s)
    if now < before:
        return Patience(t, regrets)
    if now > before and patience.shrunk is not None and t - patience.shrunk <= settings.regret_s:
        return Patience(None, (*regrets, t)[-MOST_REGRETS:])
    return Patience(patience.shrunk, regrets)


def down_window_s(patience: Patience, settings: Settings) -> float:
    """Return how long a pod must not have been wanted before it goes."""
    return float(settings.down_window_s * 2 ** len(patience.regrets))
