"""The broker of any number of pods: Valkey or Redis (7 or newer), a single node or a cluster.

The store is soft state. Each script joins facts within one hash tag; hints are sent after it. What is lost with a
wiped store, a failover's tail or a hint is found again by the next heartbeat.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from switchboard_signaling.broker.hints import Channel, Publisher
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.ledger import Ledger
from switchboard_signaling.broker.lua import LUA
from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, proposal, session_record, waits
from switchboard_signaling.broker.redis_ledger import RedisLedger
from switchboard_signaling.matching.line import MEMORY, MET, POD_LEASE, SCAN, SWEEP, UNHEARD, Cancelled, line_of, pairs
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
from switchboard_signaling.valkey.slots import Remedy, Trouble
from switchboard_signaling.wire.intents import want_rank

SHARED: Final = (":tickets", ":order", ":fates", ":forget", ":shelves", ":cursors", ":heard", ":bucket:")
"""The keys of a line that more than one script uses."""
RECORD_MS: Final = int(MEMORY * 1000)
"""How long an untouched record is kept, as long as a place token is valid."""


class SharedStore(Publisher, Protocol):
    """What the broker needs of the client of the store."""

    async def start(self) -> None:
        """Connect, however long it takes."""

    async def close(self) -> None:
        """Let go of all connections."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a script on keys of one slot; raises ValkeyUnavailableError."""


class RedisBroker:
    """Shared state of a pool's pods; the pool's line has a hash tag of its own."""

    durable = True

    def __init__(self, pod: str, pool: str, store: SharedStore) -> None:
        self._pod = pod
        self._store = store
        self._channel: Channel | None = None
        self._pool = pool
        self._lines: dict[str, bool] = {self._line(""): False}
        """The lines that this pod has used, and whether each has heard of it."""
        self._scripts = {
            name: Script(LUA, name)
            for name in ("touch_session", "touch_match", "end_match", "enqueue", "cancel", "proposals")
        }
        self.ledger: Ledger = RedisLedger(pod, pool, store)

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Find the store, and listen for hints; tried until it answers."""
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
        """Whether the store answers but this pod does not hear what it tells itself."""
        return self._channel is not None and self._channel.deaf

    def tell(self, pod: str, hint: Hint) -> None:
        """Publish a hint on the pod's channel."""
        if self._channel is not None:
            self._channel.tell(pod, hint)

    async def proposals(self) -> list[Proposal]:
        """Read the mailboxes of all lines that this pod has used."""
        first, *others = self._lines
        try:
            found = [await self._proposals(first)] if not others else await self._all_proposals()
        except ValkeyUnavailableError as error:
            raise BrokerUnavailableError(str(error)) from error
        return list({one.m: one for mailbox in found for one in mailbox}.values())

    async def _all_proposals(self) -> list[list[Proposal]]:
        """Read all mailboxes at once; one that is away keeps nobody from the others."""
        found = await asyncio.gather(*map(self._proposals, self._lines), return_exceptions=True)
        read = [one for one in found if isinstance(one, list)]
        failed = [one for one in found if isinstance(one, BaseException)]
        if failed and not any(read):
            raise failed[0]
        return read

    async def _proposals(self, line: str) -> list[Proposal]:
        keys = [f"{line}:beats", f"{line}:mail:{self._pod}"]
        known, texts = await self._run("proposals", keys, [self._pod, POD_LEASE, MEMORY])
        if self._lines[line] and not known:
            why = f"{line} does not know this pod any more: wiped, or failed over without its last writes"
            self._store.troubles.note(Trouble("forgotten", why, Remedy.WAIT), None)
        self._lines[line] = True
        return [proposal(text) for text in texts]

    def _line(self, mode: str) -> str:
        """Return the hash tag of a mode's line."""
        number = line_of(mode)
        return "{q:" + self._pool + (f":{number}" if number else "") + "}"

    async def ask(self, question: Question) -> Reply:
        """Answer by one script or command."""
        try:
            match question:
                case TouchSession():
                    return await self._touch_session(question)
                case ReadSession():
                    key = "{s:" + question.sid + "}"
                    fields = await self._store.call(key, "HMGET", key, *SESSION_FIELDS)
                    return session_record(fields)
                case TouchMatch() | EndMatch() | ReadMatch():
                    return await self._match(question)
                case Enqueue():
                    return await self._enqueue(question)
                case Cancel():
                    keys = [self._line(question.mode) + part for part in SHARED]
                    found = await self._run("cancel", keys, [question.ticket, MEMORY])
                    return proposal(found) if found else Cancelled()
                case Announced():
                    key = f"{self._line(question.mode)}:mail:{question.pod}"
                    await self._store.call(key, "HDEL", key, question.ticket)
        except ValkeyUnavailableError as error:
            raise BrokerUnavailableError(str(error)) from error
        return None

    async def _touch_session(self, touch: TouchSession) -> SessionAnswer:
        want = msgspec.json.encode(touch.want).decode()
        arguments: list[str | int] = [
            touch.n,
            touch.attach,
            touch.want.c,
            want_rank(touch.want),
            want,
            touch.inst,
            touch.pod,
            RECORD_MS,
        ]
        stale, after = await self._run("touch_session", ["{s:" + touch.sid + "}"], arguments)
        record = session_record(after)
        if record is None:
            raise BrokerUnavailableError("the store lost a session's record while touching it")
        return SessionAnswer(record, bool(stale))

    async def _match(self, question: TouchMatch | EndMatch | ReadMatch) -> MatchRecord:
        key = "{m:" + question.m + "}"
        match question:
            case TouchMatch() as touch:
                fields = await self._run(
                    "touch_match",
                    [key],
                    [
                        touch.sid, touch.side or "", touch.n, touch.v, touch.inst, touch.pod,
                        int(touch.named), int(touch.proven), RECORD_MS,
                    ],
                )  # fmt: skip
            case EndMatch() as end:
                n, v = end.unseen or ("", "")
                arguments: list[str | int] = [
                    end.sid,
                    end.side or "",
                    end.reason,
                    int(end.only_forming),
                    n,
                    v,
                    RECORD_MS,
                ]
                fields = await self._run("end_match", [key], arguments)
            case ReadMatch():
                fields = await self._store.call(key, "HGETALL", key)
        return match_record(question.m, fields)

    async def _enqueue(self, question: Enqueue) -> Reply:
        ticket = question.ticket
        line = self._line(ticket.mode)
        self._lines.setdefault(line, False)
        text = msgspec.json.encode(replace(ticket, seq=0)).decode()
        index = msgspec.json.encode((ticket.mode, pairs(ticket.needs), ["", *pairs(ticket.attributes)])).decode()
        arguments: list[str | int | float] = [
            ticket.ticket, text, index, question.m, question.dead or "", ticket.seq, SCAN, SWEEP,
            POD_LEASE, MEMORY, MET, UNHEARD,
        ]  # fmt: skip
        keys = [line + part for part in (*SHARED, ":seq", ":beats", ":mail:", ":met", f":order{ticket.mode}")]
        fate, *rest = await self._run("enqueue", keys, arguments)
        match fate:
            case "waits":
                return waits(*rest)
            case "matched":
                return proposal(rest[0])
            case _:
                return Cancelled()

    async def _run(self, name: str, keys: list[str], arguments: Sequence[str | int | float]) -> Any:
        return await self._store.run(self._scripts[name], keys, arguments)
