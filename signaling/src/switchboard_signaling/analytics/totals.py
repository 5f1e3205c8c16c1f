"""The totals of a pool's calls: counters that any number of pods add to, and the statistics made of them. Pure.

A distribution is stored as counters of its buckets, which add up over pods and over time; percentiles are estimated
within a bucket as Prometheus' histogram_quantile does.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

Counts = Counter[str]

SLOT_SECONDS: Final = 300
"""Length of the slots that counters are stored by, so that the last hour can be summed."""
WINDOW_SECONDS: Final = 3600
KEEP_SECONDS: Final = 24 * 3600
LIVE_SECONDS: Final = 20
"""How long a pod's gauges are valid; each pod refreshes its own every few seconds."""

BUCKETS: Final[dict[str, tuple[float, ...]]] = {
    "setup_ms": (50, 100, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 10_000, 20_000, 30_000),
    "rtt_ms": (10, 25, 50, 75, 100, 150, 200, 300, 500, 1000, 2000),
    "jitter_ms": (1, 2, 5, 10, 20, 30, 50, 100, 200, 500),
    "loss": (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1),
    "score": (20, 40, 50, 60, 70, 80, 85, 90, 95, 100),
    "call_seconds": (5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400),
}
"""Upper bounds of the buckets; one more bucket is unbounded."""
_UNBOUNDED: Final = "inf"

Count: TypeAlias = Annotated[int, Meta(ge=0)]


class Live(Struct, frozen=True):
    """A pod's current gauges."""

    sessions: int = 0
    connections: int = 0
    matched: int = 0


class Distribution(Struct, frozen=True):
    """Percentiles of the values measured in the window, estimated from buckets; null if there are none."""

    count: Annotated[Count, Meta(description="Number of values.")]
    p5: Annotated[float | None, Meta(description="5th percentile.")]
    p50: Annotated[float | None, Meta(description="Median.")]
    p95: Annotated[float | None, Meta(description="95th percentile.")]
    p99: Annotated[float | None, Meta(description="99th percentile.")]


class PoolStats(Struct, frozen=True, rename="camel", kw_only=True):
    """Current load of the pool, and the outcome of its calls in the last hour."""

    current: Annotated[
        bool, Meta(description="False if the store is unavailable and these are the last known values.")
    ] = True
    active_sessions: Annotated[
        Count, Meta(description="Sessions attached to a pod, and sessions that can still be resumed.")
    ]
    connections: Annotated[Count, Meta(description="Open WebSockets.")]
    matched_sessions: Annotated[Count, Meta(description="Sessions in a match.")]
    pods: Annotated[Count, Meta(description="Pods that reported in the last 20 seconds.")]
    window_seconds: Annotated[Count, Meta(description="Length of the window of all fields below, in seconds.")]
    matches: Annotated[Count, Meta(description="Matches that opened.")]
    connected: Annotated[Count, Meta(description="Sides of matches whose media connection was established.")]
    failed: Annotated[Count, Meta(description="Sides of matches whose media connection was never established.")]
    dropped: Annotated[Count, Meta(description="Sides of matches whose established connection was lost.")]
    success_rate: Annotated[
        float | None, Meta(description="connected / (connected + failed), 0 to 1; null without calls.")
    ]
    relayed_share: Annotated[
        float | None, Meta(description="Share of connections through a TURN relay, 0 to 1; null without connections.")
    ]
    failures: Annotated[dict[str, Count], Meta(description="Number of failed connections by reason.")]
    drops: Annotated[dict[str, Count], Meta(description="Number of dropped connections by reason.")]
    endings: Annotated[dict[str, Count], Meta(description="Number of ended matches by reason.")]
    aborted: Annotated[Count, Meta(description="Matches that ended before they opened.")]
    setup_ms: Annotated[
        Distribution, Meta(description="Milliseconds from the opening of the match to the first connection.")
    ]
    call_seconds: Annotated[Distribution, Meta(description="Length of ended matches in seconds.")]
    rtt_ms: Annotated[Distribution, Meta(description="Round-trip time between the two browsers in milliseconds.")]
    jitter_ms: Annotated[Distribution, Meta(description="Jitter of received media in milliseconds.")]
    loss: Annotated[Distribution, Meta(description="Share of received packets lost, 0 to 1.")]
    score: Annotated[Distribution, Meta(description="Call quality, 0 (worst) to 100.")]


def observe(counts: Counts, name: str, value: float) -> None:
    """Count a value in its bucket."""
    bounds = BUCKETS[name]
    index = bisect_left(bounds, value)
    counts[f"{name}/{bounds[index] if index < len(bounds) else _UNBOUNDED}"] += 1


def percentile(counts: Mapping[str, int], name: str, share: float) -> float | None:
    """Return the value below which a share of the observations lies; None without observations.

    Interpolated linearly within the bucket; the lower bound for the unbounded one.
    """
    bounds = BUCKETS[name]
    numbers = [counts.get(f"{name}/{bound}", 0) for bound in (*bounds, _UNBOUNDED)]
    left = sum(numbers) * share
    if not any(numbers):
        return None
    for (low, high), number in zip(pairwise((0.0, *bounds)), numbers, strict=False):
        if number and left <= number:
            return low + (high - low) * left / number
        left -= number
    return float(bounds[-1])


def report(counts: Mapping[str, int], lives: Iterable[Live]) -> PoolStats:
    """Return the statistics of the window's totals and of the pods' gauges."""
    lives = list(lives)
    connected, failed = counts.get("connected", 0), counts.get("failed", 0)
    paths = counts.get("relay", 0) + counts.get("direct", 0)
    return PoolStats(
        active_sessions=sum(live.sessions for live in lives),
        connections=sum(live.connections for live in lives),
        matched_sessions=sum(live.matched for live in lives),
        pods=len(lives),
        window_seconds=WINDOW_SECONDS,
        matches=counts.get("matches", 0),
        connected=connected,
        failed=failed,
        dropped=counts.get("dropped", 0),
        success_rate=_share(connected, connected + failed),
        relayed_share=_share(counts.get("relay", 0), paths),
        failures=_by_reason(counts, "failed."),
        drops=_by_reason(counts, "dropped."),
        endings=_by_reason(counts, "ended."),
        aborted=counts.get("aborted", 0),
        setup_ms=_distribution(counts, "setup_ms"),
        call_seconds=_distribution(counts, "call_seconds"),
        rtt_ms=_distribution(counts, "rtt_ms"),
        jitter_ms=_distribution(counts, "jitter_ms"),
        loss=_distribution(counts, "loss", digits=4),
        score=_distribution(counts, "score"),
    )


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _by_reason(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): number for name, number in sorted(counts.items()) if name.startswith(prefix)}


def _distribution(counts: Mapping[str, int], name: str, digits: int = 1) -> Distribution:
    values = [percentile(counts, name, share) for share in (0.05, 0.5, 0.95, 0.99)]
    number = sum(number for key, number in counts.items() if key.startswith(f"{name}/"))
    return Distribution(number, *(None if value is None else round(value, digits) for value in values))
