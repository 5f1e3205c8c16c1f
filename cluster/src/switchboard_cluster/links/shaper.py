"""Model of one direction of an emulated link: when each packet leaves. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from switchboard_cluster.links.model import LinkConditions


@dataclass
class Counters:
    """Packet counters of one direction."""

    passed: int = 0
    lost: int = 0
    """Dropped at random."""
    overflowed: int = 0
    """Dropped because the queue was full."""


@dataclass
class Shaper:
    """One direction of a link: loss, then a drop-tail queue in front of a serial line, then delay with jitter.

    Times are in seconds of the caller's clock. `chance` returns uniformly distributed numbers in [0, 1).
    """

    conditions: LinkConditions
    chance: Callable[[], float]
    counters: Counters = field(default_factory=Counters)
    _line_free_at: float = 0.0
    _last_departure: float = 0.0

    def departure(self, now: float, size: int) -> float | None:
        """Return when a packet of `size` bytes that arrives at `now` leaves, or None if it is dropped.

        Packets are never reordered, neither by jitter nor by a change of the conditions, which applies to later
        packets.
        """
        conditions = self.conditions
        if conditions.loss and self.chance() < conditions.loss:
            self.counters.lost += 1
            return None
        at = now
        if conditions.rate_kbps:
            at = max(now, self._line_free_at)
            if at - now > conditions.queue_ms / 1000:
                self.counters.overflowed += 1
                return None
            at += size * 8 / (conditions.rate_kbps * 1000)
            self._line_free_at = at
        spread = (2 * self.chance() - 1) * conditions.jitter_ms if conditions.jitter_ms else 0.0
        at = max(at + (conditions.delay_ms + spread) / 1000, self._last_departure)
        self._last_departure = at
        self.counters.passed += 1
        return at
