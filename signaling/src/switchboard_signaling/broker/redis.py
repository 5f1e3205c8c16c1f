"""The broker of any number of pods: Valkey or Redis (7 or newer), a single node or a cluster.

The store is soft state. Each script joins facts within one hash tag; hints are sent after it. The next heartbeat
restores what was lost with a wiped store, the last writes before a failover, or a hint.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from switchboard_signaling.broker.hints import Channel, Publisher
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.lua import LUA
from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, proposal, session_record, waits
from switchboard_signaling.broker.redis_shared_stats import RedisSharedStats
from switchboard_signaling.broker.shared_stats import SharedStats
from switchboard_signaling.matching.queue import (
    MEMORY,
    POD_LEASE,
    RECENT_SECONDS,
    SCAN,
    SWEEP,
    TICKET_TTL,
    Cancelled,
    pairs,
    queue_of,
)
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    ReadMatch,
    ReadSession,
    Reply,
    SessionAnswer,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.valkey.slots import ErrorReport, Remedy
from switchboard_signaling.wire.intents import intent_rank

SHARED: Final = (":tickets", ":order", ":outcomes", ":forget", ":index", ":cursors", ":refreshed", ":bucket:")
"""The keys of a queue that more than one script uses."""
RECORD_MS: Final = int(MEMORY * 1000)
"""How long an untouched record is kept: as long as a queue token is valid."""


class SharedStore(Publisher, Protocol):
    """What the broker needs from the store's client."""

    async def start(self) -> None:
        """Connect; retries until the store answers."""

    async def close(self) -> None:
        """Close all connections."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a script on keys of one slot; raises ValkeyUnavailableError."""


class RedisBroker:
    """Shared state of a pool's pods; each of the pool's queues has a hash tag of its own."""

    durable = True

    def __init__(self, pod: str, pool: str, store: SharedStore) -> None:
        self._pod = pod
        self._store = store
        self._channel: Channel | None = None
        self._pool = pool
        self._queues: dict[str, bool] = {self._queue(""): False}
        """The queues that this pod has used, and whether each knows the pod."""
        self._scripts = {
            name: Script(LUA, name)
            for name in ("touch_session", "touch_match", "end_match", "enqueue", "cancel", "proposals")
        }
        self.shared_stats: SharedStats = RedisSharedStats(pod, pool, store)

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Connect to the store and subscribe to hints; retries until the store answers."""
        await self._store.start()
        self._channel = Channel(self._pod, self._store, on_hint)
        await self._channel.start()

    async def close(self) -> None:
        """Close all connections."""
        if self._channel is not None:
            await self._channel.close()
        await self._store.close()

    @property
    def deaf(self) -> bool:
        """Whether the store answers but this pod does not receive its own echoes."""
        return self._channel is not None and self._channel.deaf

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Publish a hint on the pod's channel."""
        if self._channel is not None:
            self._channel.send_hint(pod, hint)

    async def proposals(self) -> list[Proposal]:
        """Read this pod's mailboxes in all queues that it has used."""
        first, *others = self._queues
        try:
            found = [await self._proposals(first)] if not others else await self._all_proposals()
        except ValkeyUnavailableError as error:
            raise BrokerUnavailableError(str(error)) from error
        return list({one.match_id: one for mailbox in found for one in mailbox}.values())

    async def _all_proposals(self) -> list[list[Proposal]]:
        """Read all mailboxes at once; an unavailable one does not affect the others."""
        found = await asyncio.gather(*map(self._proposals, self._queues), return_exceptions=True)
        read = [one for one in found if isinstance(one, list)]
        failed = [one for one in found if isinstance(one, BaseException)]
        if failed and not any(read):
            raise failed[0]
        return read

    async def _proposals(self, queue: str) -> list[Proposal]:
        keys = [f"{queue}:beats", f"{queue}:mail:{self._pod}"]
        known, texts = await self._run("proposals", keys, [self._pod, POD_LEASE, MEMORY])
        if self._queues[queue] and not known:
            why = f"{queue} no longer knows this pod: it was wiped, or failed over without its last writes"
            self._store.reports.record(ErrorReport("forgotten", why, Remedy.WAIT), None)
        self._queues[queue] = True
        return [proposal(text) for text in texts]

    def _queue(self, mode: str) -> str:
        """Return the hash tag of a mode's queue."""
        number = queue_of(mode)
        return "{q:" + self._pool + (f":{number}" if number else "") + "}"

    async def ask(self, question: Question) -> Reply:
        """Answer with one script or command."""
        try:
            match question:
                case TouchSession():
                    return await self._touch_session(question)
                case ReadSession():
                    key = "{s:" + question.session_id + "}"
                    fields = await self._store.call(key, "HMGET", key, *SESSION_FIELDS)
                    return session_record(fields)
                case TouchMatch() | EndMatch() | ReadMatch():
                    return await self._match(question)
                case Enqueue():
                    return await self._enqueue(question)
                case Cancel():
                    keys = [self._queue(question.mode) + part for part in SHARED]
                    found = await self._run("cancel", keys, [question.ticket, MEMORY])
                    return proposal(found) if found else Cancelled()
                case Announced():
                    key = f"{self._queue(question.mode)}:mail:{question.pod}"
                    await self._store.call(key, "HDEL", key, question.ticket)
        except ValkeyUnavailableError as error:
            raise BrokerUnavailableError(str(error)) from error
        return None

    async def _touch_session(self, touch: TouchSession) -> SessionAnswer:
        intent = msgspec.json.encode(touch.intent).decode()
        arguments: list[str | int] = [
            touch.socket_number,
            touch.attach,
            touch.intent.revision,
            intent_rank(touch.intent),
            intent,
            touch.instance,
            touch.pod,
            RECORD_MS,
        ]
        stale, after = await self._run("touch_session", ["{s:" + touch.session_id + "}"], arguments)
        record = session_record(after)
        if record is None:
            raise BrokerUnavailableError("the store returned no record for a touched session")
        return SessionAnswer(record, bool(stale))

    async def _match(self, question: TouchMatch | EndMatch | ReadMatch) -> MatchRecord:
        key = "{m:" + question.match_id + "}"
        match question:
            case TouchMatch() as touch:
                fields = await self._run(
                    "touch_match",
                    [key],
                    [
                        touch.session_id, touch.side or "", touch.socket_number, touch.version, touch.instance,
                        touch.pod, int(touch.named), int(touch.proven), RECORD_MS,
                    ],
                )  # fmt: skip
            case EndMatch() as end:
                socket_number, version = end.unseen or ("", "")
                arguments: list[str | int] = [
                    end.session_id,
                    end.side or "",
                    end.reason,
                    int(end.only_forming),
                    socket_number,
                    version,
                    RECORD_MS,
                ]
                fields = await self._run("end_match", [key], arguments)
            case ReadMatch():
                fields = await self._store.call(key, "HGETALL", key)
        return match_record(question.match_id, fields)

    async def _enqueue(self, question: Enqueue) -> Reply:
        ticket = question.ticket
        queue = self._queue(ticket.mode)
        self._queues.setdefault(queue, False)
        text = msgspec.json.encode(replace(ticket, queue_order=0)).decode()
        terms = msgspec.json.encode((ticket.mode, pairs(ticket.needs), ["", *pairs(ticket.attributes)])).decode()
        arguments: list[str | int | float] = [
            ticket.ticket, text, terms, question.match_id, question.dead or "", ticket.queue_order, SCAN, SWEEP,
            POD_LEASE, MEMORY, RECENT_SECONDS, TICKET_TTL,
        ]  # fmt: skip
        keys = [
            queue + part for part in (*SHARED, ":last-order", ":beats", ":mail:", ":recent", f":order{ticket.mode}")
        ]
        outcome, *rest = await self._run("enqueue", keys, arguments)
        match outcome:
            case "waits":
                return waits(*rest)
            case "matched":
                return proposal(rest[0])
            case _:
                return Cancelled()

    async def _run(self, name: str, keys: list[str], arguments: Sequence[str | int | float]) -> Any:
        return await self._store.run(self._scripts[name], keys, arguments)
