"""The totals of a pool's calls: counters that any number of pods add to, and what they say. Pure.

A distribution is kept as counters of its buckets, which can be added up over pods and over time; percentiles are
estimated within a bucket as Prometheus' histogram_quantile does.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

Counts = Counter[str]

SLOT_SECONDS: Final = 300
"""Counters are kept by slots of this length, so that those of the last hour can be told."""
WINDOW_SECONDS: Final = 3600
KEEP_SECONDS: Final = 24 * 3600
LIVE_SECONDS: Final = 20
"""For how long what a pod says of itself holds; it is said every few seconds."""

BUCKETS: Final[dict[str, tuple[float, ...]]] = {
    "setup_ms": (50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000, 30_000),
    "rtt_ms": (10, 25, 50, 75, 100, 150, 200, 300, 500, 1000, 2000),
    "jitter_ms": (1, 2, 5, 10, 20, 30, 50, 100, 200, 500),
    "loss": (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
    "score": (20, 40, 50, 60, 70, 80, 85, 90, 95, 100),
    "call_seconds": (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400),
}
"""Upper bounds of the buckets; a last one has no bound."""
_ENDLESS: Final = "inf"


class Live(Struct, frozen=True):
    """What a pod has just now."""

    sessions: int = 0
    connections: int = 0
    matched: int = 0


def observe(counts: Counts, name: str, value: float) -> None:
    """Count a value in its bucket."""
    bounds = BUCKETS[name]
    index = bisect_left(bounds, value)
    counts[f"{name}/{bounds[index] if index < len(bounds) else _ENDLESS}"] += 1


def percentile(counts: Mapping[str, int], name: str, share: float) -> float | None:
    """Return the value below which a share of those counted lies; None if there are none.

    Within its bucket by linear interpolation; in the endless one its lower bound.
    """
    bounds = BUCKETS[name]
    numbers = [counts.get(f"{name}/{bound}", 0) for bound in (*bounds, _ENDLESS)]
    left = sum(numbers) * share
    if not any(numbers):
        return None
    for (low, high), number in zip(pairwise((0.0, *bounds)), numbers, strict=False):
        if number and left <= number:
            return low + (high - low) * left / number
        left -= number
    return float(bounds[-1])


def report(counts: Mapping[str, int], lives: Iterable[Live]) -> dict[str, Any]:
    """Return what the totals of the window say, for people and dashboards."""
    lives = list(lives)
    connected, failed = counts.get("connected", 0), counts.get("failed", 0)
    paths = counts.get("relay", 0) + counts.get("direct", 0)
    return {
        "activeSessions": sum(live.sessions for live in lives),
        "connections": sum(live.connections for live in lives),
        "matchedSessions": sum(live.matched for live in lives),
        "pods": len(lives),
        "windowSeconds": WINDOW_SECONDS,
        "matches": counts.get("matches", 0),
        "connected": connected,
        "failed": failed,
        "dropped": counts.get("dropped", 0),
        "successRate": _share(connected, connected + failed),
        "relayedShare": _share(counts.get("relay", 0), paths),
        "failures": _by_reason(counts, "failed."),
        "drops": _by_reason(counts, "dropped."),
        "endings": _by_reason(counts, "ended."),
        "aborted": counts.get("aborted", 0),
        "setupMs": _distribution(counts, "setup_ms"),
        "callSeconds": _distribution(counts, "call_seconds"),
        "rttMs": _distribution(counts, "rtt_ms"),
        "jitterMs": _distribution(counts, "jitter_ms"),
        "loss": _distribution(counts, "loss", digits=4),
        "score": _distribution(counts, "score"),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _by_reason(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): number for name, number in sorted(counts.items()) if name.startswith(prefix)}


def _distribution(counts: Mapping[str, int], name: str, digits: int = 1) -> dict[str, float | int | None]:
    values = {f"p{share}": percentile(counts, name, share / 100) for share in (5, 50, 95, 99)}
    rounded = {share: None if value is None else round(value, digits) for share, value in values.items()}
    return {"count": sum(number for key, number in counts.items() if key.startswith(f"{name}/")), **rounded}
