"""Shared statistics in Valkey or Redis: each kind of record has its own hash tag, each operation is one script."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from switchboard_signaling.analytics.call import Fields
from switchboard_signaling.analytics.outbox import DONE_SECONDS, MAX_EVENTS, Event
from switchboard_signaling.analytics.totals import (
    KEEP_SECONDS,
    LIVE_SECONDS,
    SLOT_SECONDS,
    WINDOW_SECONDS,
    Counts,
    Live,
)
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.lua import LUA
from switchboard_signaling.broker.records import mapping
from switchboard_signaling.broker.shared_stats import (
    CALL_SECONDS,
    MAX_LISTED,
    CallSides,
    ListedNames,
    ListName,
    SharedStatsFullError,
)
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.scripts import Script

SLOTS: Final = WINDOW_SECONDS // SLOT_SECONDS

_lives = msgspec.json.Decoder(Live)
_field: "msgspec.json.Decoder[str | int | float]" = msgspec.json.Decoder(str | int | float)


class CommandRunner(Protocol):
    """What the shared statistics need from the store's client."""

    async def call(self, key: str, *words: str | bytes | int | float) -> Any:
        """Send a command; raises ValkeyUnavailableError."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a script on keys of one slot; raises ValkeyUnavailableError."""


class RedisSharedStats:
    """The shared statistics of a pool."""

    def __init__(self, pod: str, pool: str, store: CommandRunner) -> None:
        self._pod = pod
        self._store = store
        self._totals = "{a:" + pool + "}"
        self._lists: dict[ListName, list[str]] = {
            "blocks": ["{b:" + pool + "}" + part for part in (":until", ":version")],
            "watches": ["{b:" + pool + "}:watched" + part for part in (":until", ":version")],
        }
        self._outbox = ["{w:" + pool + "}" + part for part in (":events", ":due", ":tries", ":done")]
        names = ("count", "totals", "keep_call", "clients", "outbox_put", "outbox_take", "outbox_settle")
        self._scripts = {name: Script(LUA, name) for name in names}

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        """Add to the current slot, by the store's clock."""
        flat = [part for pair in counts.items() for part in pair]
        text = msgspec.json.encode(live).decode()
        await self._do("count", [self._totals], [self._pod, number, text, SLOT_SECONDS, KEEP_SECONDS, *flat])

    async def totals(self) -> tuple[Counts, dict[str, Live]]:
        """Return the sum of the newest slots."""
        slots, lives = await self._do("totals", [self._totals], [SLOT_SECONDS, SLOTS, LIVE_SECONDS])
        total = Counts()
        for slot in slots:
            total.update({name: int(number) for name, number in zip(slot[::2], slot[1::2], strict=True)})
        return total, {pod: _lives.decode(text) for pod, text in zip(lives[::2], lives[1::2], strict=True)}

    async def keep(self, match_id: str, side: str, fields: Fields) -> None:
        """Join the fields into the call's hash."""
        flat = [
            part for name, value in fields.items() for part in (f"{side}.{name}", msgspec.json.encode(value).decode())
        ]
        await self._do("keep_call", ["{c:" + match_id + "}"], [CALL_SECONDS, *flat])

    async def kept(self, match_id: str) -> CallSides:
        """Return the call's hash."""
        key = "{c:" + match_id + "}"
        found = await self._answer(self._store.call(key, "HGETALL", key))
        kept: CallSides = {}
        for field, text in mapping(found).items():
            side, _, name = field.partition(".")
            kept.setdefault(side, {})[name] = _field.decode(text)
        return kept

    async def add(self, which: ListName, name: str, seconds: float) -> None:
        """Note when the name expires, by the store's clock."""
        if await self._do("clients", self._lists[which], ["add", name, seconds, MAX_LISTED[which]]) == "full":
            raise SharedStatsFullError

    async def remove(self, which: ListName, name: str) -> None:
        """Forget the name."""
        await self._do("clients", self._lists[which], ["remove", name])

    async def listed(self, which: ListName, version: int) -> ListedNames | None:
        """Return the names that have not expired."""
        now, *found = await self._do("clients", self._lists[which], ["read", version])
        if not found:
            return None
        newest, *flat = found
        seconds = {name: float(until) - now for name, until in zip(flat[::2], flat[1::2], strict=True)}
        return ListedNames(int(newest), seconds)

    async def put(self, event: Event) -> None:
        """Keep the event unless it is known."""
        if not await self._do("outbox_put", self._outbox, [event.id, event.body, MAX_EVENTS]):
            raise SharedStatsFullError

    async def take(self, lease: float, count: int) -> list[Event]:
        """Take the events that are due, by the store's clock."""
        found = await self._do("outbox_take", self._outbox, [lease, count])
        return [Event(id, body, int(tries)) for id, body, tries in found]  # noqa: A001 - the field's name

    async def settle(self, id: str, again: float | None) -> None:  # noqa: A002 - the field's name
        """Forget the event, or make it due later."""
        await self._do("outbox_settle", self._outbox, [id, "" if again is None else again, DONE_SECONDS])

    async def _do(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        return await self._answer(self._store.run(self._scripts[name], keys, arguments))

    async def _answer(self, reply: Awaitable[Any]) -> Any:
        try:
            return await reply
        except ValkeyUnavailableError as error:
            raise BrokerUnavailableError(str(error)) from error
