"""Forecast of the number of sessions at the time when a pod that is created now becomes Ready. Pure.

It has two parts, both over the start time of a pod:

- The trend: the least-squares slope of the stable window. A high quantile of its recent errors is added as a margin,
  which is measured, not configured.
- The surge: the steepest rise within the panic window, if it clearly exceeds the noise. Only sessions above the peak of
  the window count, so that sessions that return from a failed pod are not a surge.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from switchboard_operator.pools.autoscaling.model import MAX_POINTS, Tuning

SHORTEST_S = 1.0
"""Minimum span of a rate: one session more within 10 ms would be 100 per second."""
SHORTEST_TREND_S = 3.0
"""Minimum span of a trend."""
CHI_SQUARED_80 = 1.642
"""The 0.8 quantile of the chi-squared distribution with one degree of freedom, which converts the same quantile of the
squares into a variance. Unlike the mean, the quantile does not count a lasting surge as noise."""


@dataclass(frozen=True, slots=True)
class Point:
    """Number of sessions at a time."""

    t: float
    level: float


@dataclass(frozen=True, slots=True)
class Pending:
    """A forecast that is not due yet."""

    made: float
    due: float
    level: float
    """The forecast number of sessions."""
    peak: float
    """Highest demand since it was made."""


@dataclass(frozen=True, slots=True)
class Past:
    """State of the forecast between decisions."""

    points: tuple[Point, ...] = ()
    """Demand over the stable window."""
    noise: tuple[Point, ...] = ()
    """Squared deviation from the trend per second, for each step of the error window."""
    pending: tuple[Pending, ...] = ()
    errors: tuple[Point, ...] = ()
    """Demand in excess of the forecast, over the error window."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Expected change within `lead_s`, in sessions above the current number."""

    lead_s: float
    rise: float
    """Rise by the trend; at least zero, because the current sessions stay until then."""
    margin: float
    """Margin for the errors of the trend."""
    surge: float
    """Rise by the surge; zero without one."""


def look_ahead(past: Past, t: float, level: float, lead_s: float, tuning: Tuning) -> tuple[Past, Outlook]:
    """Return the state for the next call, and the outlook."""
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
    """Return the least-squares slope in sessions per second; zero for fewer than three points or too short a span."""
    if len(points) < 3 or points[-1].t - points[0].t < SHORTEST_TREND_S:
        return 0.0
    mean_t = sum(point.t for point in points) / len(points)
    mean_level = sum(point.level for point in points) / len(points)
    spread = sum((point.t - mean_t) ** 2 for point in points)
    return sum((point.t - mean_t) * (point.level - mean_level) for point in points) / spread


def surge(points: Sequence[Point], noise: Sequence[Point], tuning: Tuning) -> float:
    """Return the rate of a surge in sessions per second; zero if the rise may be noise."""
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
    """Return the quantile of the values; zero without values."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _settle(past: Past, t: float, level: float, tuning: Tuning) -> tuple[tuple[Pending, ...], tuple[Point, ...]]:
    """Return the forecasts that are not due yet, and the errors including those of the forecasts that are."""
    open_ = [replace(pending, peak=max(pending.peak, level)) for pending in past.pending]
    missed = (Point(t, pending.peak - pending.level) for pending in open_ if pending.due <= t)
    errors = _recent((*past.errors, *missed), t - tuning.error_window_s)
    return tuple(pending for pending in open_ if pending.due > t), errors


def _recent(points: tuple[Point, ...], since: float) -> tuple[Point, ...]:
    return tuple(point for point in points if point.t > since)[-MAX_POINTS:]
