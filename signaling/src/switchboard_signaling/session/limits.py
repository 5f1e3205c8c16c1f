"""Rate limits per client, with a burst: pure, `now` in monotonic seconds.

A well-behaved client never reaches them; they bound what a broken or hostile one costs.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, TypeAlias

from cachetools import LRUCache

from switchboard_signaling.wire.messages import Answer, IceCandidate, LaneFrame, Offer

LimitName: TypeAlias = Literal["connects", "tokens", "frames", "candidates", "sdp"]
"""Names of the limits in the metrics."""

BURST_SECONDS: Final = 10.0
"""The burst, as the time in which the rate allows as much."""
MAX_ADDRESSES: Final = 20_000
"""Number of client addresses that are remembered; the least recently used one is forgotten first."""
DELAY_FIRST: Final = 0.1
"""Seconds that an address waits after its first forged token; each further one doubles it."""
DELAY_CEILING: Final = 25.0
FORGET_SECONDS: Final = 1800.0
"""After this long without a forged token an address is forgotten."""

CANDIDATES_PER_SECOND: Final = 20.0
"""ICE candidates per socket, as in the quotas of Amazon KVS WebRTC. A gathering has about 60, which are sent again
after a loss."""
SDP_PER_SECOND: Final = 5.0
"""Offers and answers per socket, as in the same quotas."""
CONNECTS_PER_SECOND: Final = 50.0
"""Sockets per address. Behind a Service's SNAT or a carrier-grade NAT many clients share one."""
WRONG_TOKENS: Final = 10

_LIMITED: Final[dict[type[LaneFrame], LimitName]] = {IceCandidate: "candidates", Offer: "sdp", Answer: "sdp"}

_ROUNDING: Final = 1e-9
"""Tolerance in seconds for sums of floats."""


@dataclass(frozen=True)
class Rate:
    """A number per second, and `burst` at once."""

    per_second: float
    burst: float
    unit: float = field(init=False, repr=False, compare=False)
    """Seconds per unit."""
    span: float = field(init=False, repr=False, compare=False)
    """Seconds per burst."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", 1 / self.per_second)
        object.__setattr__(self, "span", self.burst / self.per_second)


UNLIMITED: Final = Rate(inf, 1.0)


def rate(per_second: float, burst_seconds: float = BURST_SECONDS) -> Rate | None:
    """Return a rate with its burst; for 0, None, which means unlimited."""
    return Rate(per_second, max(1.0, per_second * burst_seconds)) if per_second else None


class Bucket:
    """A token bucket, full at first, kept as the time until which it is spent (GCRA, ITU-T I.371)."""

    __slots__ = ("_rate", "_spent")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._spent = now - rate.span

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take `cost` and return 0, or take nothing and return the seconds until it is available."""
        rate = self._rate
        start = now - rate.span
        if self._spent > start:
            start = self._spent  # `max` takes three times as long, for every frame
        end = start + cost * rate.unit
        if end > now:
            wait = min(end, start + rate.span) - now
            if wait > _ROUNDING:
                return wait
        self._spent = end
        return 0.0

    def spend(self, now: float) -> float:
        """Take 1 even if it is not available; return the seconds until it would have been."""
        wait = self.take(now)
        if wait:
            self._spent = now + wait
        return wait


class LaneLimits:
    """Limits of one socket's frames to its peer; a rate of None is unlimited."""

    __slots__ = ("_candidates", "_sdp")

    def __init__(self, candidates: Rate | None, sdp: Rate | None, now: float) -> None:
        self._candidates = Bucket(candidates, now) if candidates else None
        self._sdp = Bucket(sdp, now) if sdp else None

    def refuses(self, frame: LaneFrame, now: float) -> LimitName | None:
        """Count a frame and return None, or return the limit that it exceeds."""
        limit = _LIMITED.get(type(frame))  # all that most frames cost
        if limit is None:
            return None
        if isinstance(frame, IceCandidate):
            bucket, cost = self._candidates, len(frame.candidates) or 1
        else:
            bucket, cost = self._sdp, 1
        return limit if bucket and bucket.take(now, cost) else None


class Connects:
    """Limit of sockets per address; a rate of None is unlimited."""

    def __init__(self, rate: Rate | None) -> None:
        self._rate = rate
        self._buckets: LRUCache[str, Bucket] = LRUCache(MAX_ADDRESSES)

    def take(self, address: str, now: float) -> float:
        """Count a socket and return 0, or return the seconds after which the address may try again."""
        if self._rate is None:
            return 0.0
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self._rate, now)
        return bucket.take(now)


class WrongTokens:
    """Slows down addresses that guess tokens: by 100 ms, 200 ms, 400 ms, …, and after `allowed` ones by half an hour.

    As in strukturag/nextcloud-spreed-signaling. With `allowed` 0 no address is slowed down, for pools whose clients all
    appear under one address.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._wrong: LRUCache[str, tuple[int, float]] = LRUCache(MAX_ADDRESSES)

    def failed(self, address: str, now: float) -> None:
        """Count a forged token."""
        count, _ = self._known(address, now)
        self._wrong[address] = count + 1, now

    def wait(self, address: str, now: float) -> float:
        """Return the seconds for which an address may not connect."""
        count, last = self._known(address, now)
        if not count or not self._allowed:
            return 0.0
        delay = min(DELAY_FIRST * 2.0 ** min(count - 1, 16), DELAY_CEILING)
        return max(0.0, last + (FORGET_SECONDS if count >= self._allowed else delay) - now)

    def _known(self, address: str, now: float) -> tuple[int, float]:
        count, last = self._wrong.get(address) or (0, now)
        return (count, last) if now - last < FORGET_SECONDS else (0, now)
