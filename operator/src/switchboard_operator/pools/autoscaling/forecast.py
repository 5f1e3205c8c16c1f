"""How many sessions there will be once a pod that is asked for now is Ready. Pure.

Two looks ahead, each as far as a pod takes to start:

- The trend: the least-squares slope of the stable window. What it missed lately is measured, and a high quantile of
  those errors is added: the room that noise and bends need, learnt rather than set.
- The surge: the steepest rise within the panic window, if it is out of all proportion to the noise. Only what exceeds
  the stable window's peak is a rise, so sessions that come back from a dead pod are none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from switchboard_operator.pools.autoscaling.model import MAX_POINTS, Tuning

SHORTEST_S = 1.0
"""A shorter span is no measure of a pace: one session more within 10 ms would be a hundred per second."""
SHORTEST_TREND_S = 3.0
"""The noise of a few samples is no trend."""
CHI_SQUARED_80 = 1.642
"""The 0.8 quantile of the chi-squared distribution of one degree: what makes a variance of that quantile of squares. A
quantile rather than the mean, so that a surge is not taken for noise while it lasts."""


@dataclass(frozen=True, slots=True)
class Point:
    """A number of sessions at a time."""

    t: float
    level: float


@dataclass(frozen=True, slots=True)
class Pending:
    """A forecast whose time has not come yet."""

    made: float
    due: float
    level: float
    """What was forecast."""
    peak: float
    """The highest demand since."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the forecast remembers."""

    points: tuple[Point, ...] = ()
    """Demand over the stable window."""
    noise: tuple[Point, ...] = ()
    """How far each step of the error window left the trend: squared, over its seconds."""
    pending: tuple[Pending, ...] = ()
    errors: tuple[Point, ...] = ()
    """By how much demand exceeded what was forecast, over the error window."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What to expect within `lead_s`, in sessions beyond those that are there."""

    lead_s: float
    rise: float
    """By the trend; never below zero, for until then the sessions are there."""
    margin: float
    """For the trend's errors."""
    surge: float
    """By the surge; zero if there is none."""


def look_ahead(past: Past, t: float, level: float, lead_s: float, tuning: Tuning) -> tuple[Past, Outlook]:
    """Return the outlook, and what to remember for the next one."""
    if past.points and t - past.points[-1].t > tuning.gap_s:
        past = Past(errors=past.errors)
    noise = past.noise
    if past.points and (step := t - past.points[-1].t) >= SHORTEST_S:
        before = past.points[-1]
        left = level - before.level - slope(past.points) * step
        noise = _recent((*noise, Point(t, left * left / step)), t - tuning.error_window_s)
    points = _recent((*past.points, Point(t, level)), t - tuning.stable_window_s)
    pending, errors = _settle(past, t, level, tuning)
    trend = max(0.0, slope(points))
    rise = trend * lead_s
    jump = surge(points, noise, tuning)
    jump += (tuning.surge_factor - 1) * max(0.0, jump - trend)
    margin = max(0.0, quantile([point.level for point in errors], tuning.error_quantile))
    pending = (*pending, Pending(t, t + lead_s, level + max(rise, jump * lead_s), level))[-MAX_POINTS:]
    return Past(points, noise, pending, errors), Outlook(lead_s, rise, margin, jump * lead_s)


def slope(points: Sequence[Point]) -> float:
    """Return the least-squares slope in sessions per second; zero for fewer than three points, or a span too short."""
    if len(points) < 3 or points[-1].t - points[0].t < SHORTEST_TREND_S:
        return 0.0
    mean_t = sum(point.t for point in points) / len(points)
    mean_level = sum(point.level for point in points) / len(points)
    spread = sum((point.t - mean_t) ** 2 for point in points)
    return sum((point.t - mean_t) * (point.level - mean_level) for point in points) / spread


def surge(points: Sequence[Point], noise: Sequence[Point], tuning: Tuning) -> float:
    """Return how fast demand jumps, in sessions per second; zero if it may be noise."""
    now = points[-1]
    rises = []
    peak = -math.inf
    for index, point in enumerate(points[:-1]):
        peak = max(peak, point.level)
        span = now.t - point.t
        if span >= SHORTEST_S and (span <= tuning.panic_window_s or index == len(points) - 2):
            rises.append((now.level - peak, span))
    quiet = [point.level for point in noise if point.t <= now.t - tuning.panic_window_s]
    variance = max(1.0, quantile(quiet, 0.8) / CHI_SQUARED_80)
    jumps = (rise / span for rise, span in rises if rise > tuning.panic_sigmas * math.sqrt(variance * span))
    return max(jumps, default=0.0)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that the given share of the values do not exceed; zero of none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _settle(past: Past, t: float, level: float, tuning: Tuning) -> tuple[tuple[Pending, ...], tuple[Point, ...]]:
    """Return the forecasts still open, and the errors with those of the forecasts whose time has come."""
    open_ = [replace(pending, peak=max(pending.peak, level)) for pending in past.pending]
    missed = (Point(t, pending.peak - pending.level) for pending in open_ if pending.due <= t)
    errors = _recent((*past.errors, *missed), t - tuning.error_window_s)
    return tuple(pending for pending in open_ if pending.due > t), errors


def _recent(points: tuple[Point, ...], since: float) -> tuple[Point, ...]:
    return tuple(point for point in points if point.t > since)[-MAX_POINTS:]
