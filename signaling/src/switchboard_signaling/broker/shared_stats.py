"""What a pool's pods share besides sessions and matches: totals, calls, lists of clients, and events to deliver."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

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
"""How long the record of a call is kept."""
MAX_CALLS: Final = 10_000
"""Calls that a single pod remembers."""

CallSides: TypeAlias = dict[str, Fields]
"""Fields of a call's record, by side."""
ListName: TypeAlias = Literal["blocks", "watches"]
"""A list of clients: those that are blocked, and those whose sockets are logged."""
MAX_LISTED: Final[dict[ListName, int]] = {"blocks": 10_000, "watches": 16}
"""Maximum number of names on each list."""


class SharedStatsFullError(Exception):
    """There is no room for another entry. Remedy: wait, or remove some."""


class ListedNames(Struct, frozen=True):
    """The names on a list with the seconds that remain; `version` grows with each change."""

    version: int
    seconds: dict[str, float]


class SharedStats(Protocol):
    """Shared by all pods; every method raises BrokerUnavailableError if the store is unavailable."""

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        """Add to the totals, once per `number`, which grows, even if repeated; also publish the pod's state."""

    async def totals(self) -> tuple[Counts, dict[str, Live]]:
        """Return the counts of the last WINDOW_SECONDS, and each pod's published state."""

    async def keep(self, match_id: str, side: str, fields: Fields) -> None:
        """Join fields of one side into a call's record."""

    async def kept(self, match_id: str) -> CallSides:
        """Return a call's record; empty if there is none."""

    async def add(self, which: ListName, name: str, seconds: float) -> None:
        """Put a name on a list for some seconds from now; raises SharedStatsFullError."""

    async def remove(self, which: ListName, name: str) -> None:
        """Remove a name from a list."""

    async def listed(self, which: ListName, version: int) -> ListedNames | None:
        """Return the names on a list, or None if the version has not changed."""

    async def put(self, event: Event) -> None:
        """Keep an event until it is delivered; raises SharedStatsFullError."""

    async def take(self, lease: float, count: int) -> list[Event]:
        """Return events to deliver, reserved for the caller for `lease` seconds."""

    async def settle(self, id: str, again: float | None) -> None:  # noqa: A002 - the field's name
        """Forget an event, or schedule another attempt in some seconds."""


@dataclass
class _MemoryList:
    until: dict[str, float] = field(default_factory=dict)
    version: int = 0


class MemorySharedStats:
    """The shared state of a single pod; it ends with the process."""

    def __init__(self, pod: str, clock: Callable[[], float]) -> None:
        """`clock` returns monotonic seconds."""
        self._pod = pod
        self._clock = clock
        self._number = 0
        self._slots: dict[int, Counts] = {}
        self._live: dict[str, tuple[float, Live]] = {}
        self._calls: dict[str, tuple[float, CallSides]] = {}
        self._lists: dict[ListName, _MemoryList] = {"blocks": _MemoryList(), "watches": _MemoryList()}
        self._outbox = Outbox()

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        """Add to the current slot."""
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

    async def keep(self, match_id: str, side: str, fields: Fields) -> None:
        """Join the fields; the least recently touched call makes room."""
        _, kept = self._calls.pop(match_id, (0.0, {}))
        kept.setdefault(side, {}).update(fields)
        self._calls[match_id] = (self._clock(), kept)
        oldest = next(iter(self._calls))
        if len(self._calls) > MAX_CALLS or self._calls[oldest][0] < self._clock() - CALL_SECONDS:
            del self._calls[oldest]

    async def kept(self, match_id: str) -> CallSides:
        """Return the record."""
        return self._calls.get(match_id, (0.0, {}))[1]

    async def add(self, which: ListName, name: str, seconds: float) -> None:
        """Note when the name expires."""
        now, names = self._clock(), self._lists[which]
        names.until = {one: until for one, until in names.until.items() if until > now}
        if len(names.until) >= MAX_LISTED[which] and name not in names.until:
            raise SharedStatsFullError
        names.until[name] = now + seconds
        names.version += 1

    async def remove(self, which: ListName, name: str) -> None:
        """Forget the name."""
        self._lists[which].until.pop(name, None)
        self._lists[which].version += 1

    async def listed(self, which: ListName, version: int) -> ListedNames | None:
        """Return the names that have not expired."""
        now, names = self._clock(), self._lists[which]
        if version == names.version:
            return None
        return ListedNames(names.version, {name: until - now for name, until in names.until.items() if until > now})

    async def put(self, event: Event) -> None:
        """Put it into the model."""
        if not self._outbox.put(event, self._clock()):
            raise SharedStatsFullError

    async def take(self, lease: float, count: int) -> list[Event]:
        """Take from the model."""
        return self._outbox.take(lease, count, self._clock())

    async def settle(self, id: str, again: float | None) -> None:  # noqa: A002 - the field's name
        """Settle in the model."""
        self._outbox.settle(id, again, self._clock())
