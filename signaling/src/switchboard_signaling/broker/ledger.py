"""What a pool's pods write down together besides sessions and matches: totals, calls, blocks, and events to deliver."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from switchboard_signaling.analytics.call import Fields
from switchboard_signaling.analytics.outbox import Event, Outbox
from switchboard_signaling.analytics.totals import (
    KEEP_SECONDS,
    LIVE_SECONDS,
    SLOT_SECONDS,
    WINDOW_SECONDS,
    Counts,
    Live,
)

CALL_SECONDS: Final = 24 * 3600
"""For how long it is kept what became of a call."""
MAX_BLOCKS: Final = 10_000
MAX_CALLS: Final = 10_000
"""Calls that a pod alone remembers."""

Kept: TypeAlias = dict[str, Fields]
"""What is known of a call, by side."""


class LedgerFullError(Exception):
    """There is no room for more of this. Remedy: wait, or remove some."""


class Blocks(Struct, frozen=True):
    """Who is kept out, each for so many seconds more; `version` grows with each change."""

    version: int
    seconds: dict[str, float]


class Ledger(Protocol):
    """Written by all pods; every method raises BrokerUnavailableError if the store cannot be had."""

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        """Add to the totals, once for each number, which grows, however often it is repeated; say what the pod has."""

    async def totals(self) -> tuple[Counts, dict[str, Live]]:
        """Return what was counted in the last WINDOW_SECONDS, and what each pod said that it has."""

    async def keep(self, m: str, side: str, fields: Fields) -> None:
        """Join what is known of one side of a call into its record."""

    async def kept(self, m: str) -> Kept:
        """Return what is known of a call; empty if nothing is."""

    async def block(self, name: str, seconds: float) -> None:
        """Keep a name out for so long from now; raises LedgerFullError."""

    async def unblock(self, name: str) -> None:
        """Let a name in again."""

    async def blocks(self, version: int) -> Blocks | None:
        """Return who is kept out, or None if the version is still the same."""

    async def put(self, event: Event) -> None:
        """Keep an event until it is delivered; raises LedgerFullError."""

    async def take(self, lease: float, count: int) -> list[Event]:
        """Return events to deliver, for the caller alone for `lease` seconds."""

    async def settle(self, id: str, again: float | None) -> None:  # noqa: A002 - the field's name
        """Forget an event, or have it tried again in some seconds."""


class MemoryLedger:
    """The ledger of a pod alone; it ends with the process."""

    def __init__(self, pod: str, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._pod = pod
        self._clock = clock
        self._number = 0
        self._slots: dict[int, Counts] = {}
        self._live: dict[str, tuple[float, Live]] = {}
        self._calls: dict[str, tuple[float, Kept]] = {}
        self._blocks: dict[str, float] = {}
        self._version = 0
        self._outbox = Outbox()

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        """Add to the present slot."""
        now = self._clock()
        self._live[self._pod] = (now, live)
        if number > self._number:
            self._number = number
            slot = int(now // SLOT_SECONDS)
            self._slots.setdefault(slot, Counts()).update(counts)
            self._slots = {one: kept for one, kept in self._slots.items() if one > slot - KEEP_SECONDS // SLOT_SECONDS}

    async def totals(self) -> tuple[Counts, dict[str, Live]]:
        """Return the sum of the newest slots."""
        now = self._clock()
        first = int(now // SLOT_SECONDS) - WINDOW_SECONDS // SLOT_SECONDS
        total = Counts()
        for slot, counts in self._slots.items():
            if slot > first:
                total.update(counts)
        return total, {pod: live for pod, (at, live) in self._live.items() if now - at <= LIVE_SECONDS}

    async def keep(self, m: str, side: str, fields: Fields) -> None:
        """Join the fields; the call that was longest untouched makes room."""
        _, kept = self._calls.pop(m, (0.0, {}))
        kept.setdefault(side, {}).update(fields)
        self._calls[m] = (self._clock(), kept)
        oldest = next(iter(self._calls))
        if len(self._calls) > MAX_CALLS or self._calls[oldest][0] < self._clock() - CALL_SECONDS:
            del self._calls[oldest]

    async def kept(self, m: str) -> Kept:
        """Return what is known."""
        return self._calls.get(m, (0.0, {}))[1]

    async def block(self, name: str, seconds: float) -> None:
        """Note when it ends."""
        now = self._clock()
        self._blocks = {one: until for one, until in self._blocks.items() if until > now}
        if len(self._blocks) >= MAX_BLOCKS and name not in self._blocks:
            raise LedgerFullError
        self._blocks[name] = now + seconds
        self._version += 1

    async def unblock(self, name: str) -> None:
        """Forget the name."""
        self._blocks.pop(name, None)
        self._version += 1

    async def blocks(self, version: int) -> Blocks | None:
        """Return all that have not ended."""
        now = self._clock()
        if version == self._version:
            return None
        return Blocks(self._version, {name: until - now for name, until in self._blocks.items() if until > now})

    async def put(self, event: Event) -> None:
        """Put it into the model."""
        if not self._outbox.put(event, self._clock()):
            raise LedgerFullError

    async def take(self, lease: float, count: int) -> list[Event]:
        """Take from the model."""
        return self._outbox.take(lease, count, self._clock())

    async def settle(self, id: str, again: float | None) -> None:  # noqa: A002 - the field's name
        """Settle in the model."""
        self._outbox.settle(id, again, self._clock())
