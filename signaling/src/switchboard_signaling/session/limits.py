"""Limits on what one client may send, as rates with a burst: pure, `now` in monotonic seconds.

What an honest client does never reaches them; they bound what a broken or hostile one costs.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Final, Literal, TypeAlias

from cachetools import LRUCache

from switchboard_signaling.wire.messages import Answer, IceCandidate, LaneFrame, Offer

LimitName: TypeAlias = Literal["connects", "tokens", "frames", "candidates", "sdp"]
"""What is limited, as the metrics name it."""

BURST_SECONDS: Final = 10.0
"""A client may do at once what its rate allows in this time."""
MAX_ADDRESSES: Final = 20_000
"""Client addresses that are remembered; beyond, the one that was longest unused is forgotten."""
DELAY_FIRST: Final = 0.1
"""Seconds for which an address waits after its first wrong token; each further one doubles it."""
DELAY_CEILING: Final = 25.0
FORGET_SECONDS: Final = 1800.0
"""After this time without a wrong token an address is as good as new."""

CANDIDATES_PER_SECOND: Final = 20.0
"""ICE candidates of one socket, as in the quotas of Amazon KVS WebRTC. A gathering has about 60, and they go out again
after a loss."""
SDP_PER_SECOND: Final = 5.0
"""Offers and answers of one socket, as there."""
CONNECTS_PER_SECOND: Final = 50.0
"""Sockets of one address: behind a Service's SNAT or a provider's NAT many clients share one."""
WRONG_TOKENS: Final = 10

_LIMITED: Final[dict[type[LaneFrame], LimitName]] = {IceCandidate: "candidates", Offer: "sdp", Answer: "sdp"}

_ROUNDING: Final = 1e-9
"""Seconds that sums of floats may be off by."""


@dataclass(frozen=True)
class Rate:
    """So many a second, and `burst` at once."""

    per_second: float
    burst: float
    unit: float = field(init=False, repr=False, compare=False)
    """Seconds that one takes."""
    span: float = field(init=False, repr=False, compare=False)
    """Seconds that the burst takes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", 1 / self.per_second)
        object.__setattr__(self, "span", self.burst / self.per_second)


UNLIMITED: Final = Rate(inf, 1.0)


def rate(per_second: float, burst_seconds: float = BURST_SECONDS) -> Rate | None:
    """Return a rate with its burst; None, which is no limit, for 0."""
    return Rate(per_second, max(1.0, per_second * burst_seconds)) if per_second else None


class Bucket:
    """What is left of a rate, full at first: a token bucket, kept as the time that it is spent until (ITU-T I.371)."""

    __slots__ = ("_rate", "_spent")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._spent = now - rate.span

    def take(self, now: float, cost: float = 1.0) -> float:
        """Take `cost` and return 0, or take nothing and return the seconds until it is there."""
        rate = self._rate
        start = now - rate.span
        if self._spent > start:
            start = self._spent  # `max` takes three times as long, and each frame comes by
        end = start + cost * rate.unit
        if end > now:
            wait = min(end, start + rate.span) - now
            if wait > _ROUNDING:
                return wait
        self._spent = end
        return 0.0

    def spend(self, now: float) -> float:
        """Take 1 even if it is not there; return the seconds until it will have been."""
        wait = self.take(now)
        if wait:
            self._spent = now + wait
        return wait


class SpokenLimits:
    """What one socket may say to the partner; a rate of None sets no limit."""

    __slots__ = ("_candidates", "_sdp")

    def __init__(self, candidates: Rate | None, sdp: Rate | None, now: float) -> None:
        self._candidates = Bucket(candidates, now) if candidates else None
        self._sdp = Bucket(sdp, now) if sdp else None

    def refuses(self, frame: LaneFrame, now: float) -> LimitName | None:
        """Count a frame and return None, or return the limit that it is beyond."""
        limit = _LIMITED.get(type(frame))  # the one look that most frames cost
        if limit is None:
            return None
        if isinstance(frame, IceCandidate):
            bucket, cost = self._candidates, len(frame.candidates) or 1
        else:
            bucket, cost = self._sdp, 1
        return limit if bucket and bucket.take(now, cost) else None


class Connects:
    """How often an address may open a socket; `rate` None: as often as it likes."""

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
    """Slows addresses down that guess tokens: 100 ms, 200 ms, 400 ms, … and after `allowed` of them half an hour.

    As in strukturag/nextcloud-spreed-signaling. `allowed` 0: nobody is slowed down, for pools whose clients come from
    behind one address that says nothing about them.
    """

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._wrong: LRUCache[str, tuple[int, float]] = LRUCache(MAX_ADDRESSES)

    def failed(self, address: str, now: float) -> None:
        """Count a wrong token."""
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
