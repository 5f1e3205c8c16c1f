"""The broker of any number of pods: Valkey or Redis (7 or newer), a single node or a cluster.

The store is soft state. Each script joins facts within one hash tag; hints are sent after it. What is lost with a
wiped store, a failover's tail or a hint is found again by the next heartbeat.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from switchboard_signaling.broker.hints import Channel, Publisher
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.ledger import Ledger
from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, proposal, session_record, waits
from switchboard_signaling.broker.redis_ledger import RedisLedger
from switchboard_signaling.broker.scripts import Script
from switchboard_signaling.matching.line import MEMORY, POD_LEASE, SCAN, Cancelled
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.protocol.effects import Hint
from switchboard_signaling.protocol.store import (
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
    want_rank,
)

RECORD_MS: Final = int(MEMORY * 1000)
"""How long an untouched record is kept, as long as a place token is valid."""


class Store(Publisher, Protocol):
    """What the broker needs of the store (broker/store.py)."""

    async def start(self) -> None:
        """Connect, however long it takes."""

    async def close(self) -> None:
        """Let go of all connections."""

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a script on keys of one slot; raises BrokerUnavailableError."""


class RedisBroker:
    """Shared state of a pool's pods; the pool's line has a hash tag of its own."""

    durable = True

    def __init__(self, pod: str, pool: str, store: Store) -> None:
        self._pod = pod
        self._store = store
        self._channel: Channel | None = None
        tag = "{q:" + pool + "}"
        self._line = [tag + part for part in (":seq", ":tickets", ":order", ":fates", ":forget", ":beats", ":mail:")]
        self._scripts = {
            name: Script(name)
            for name in ("touch_session", "touch_match", "end_match", "enqueue", "cancel", "proposals")
        }
        self.ledger: Ledger = RedisLedger(pod, pool, store.run)

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
        """Read the mailbox."""
        keys = [self._line[5], self._line[6] + self._pod]
        found = await self._run("proposals", keys, [self._pod, POD_LEASE, MEMORY])
        return list({one.m: one for one in map(proposal, found)}.values())

    async def ask(self, question: Question) -> Reply:
        """Answer by one script or command."""
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
                found = await self._run("cancel", self._line[1:5], [question.ticket, MEMORY])
                return proposal(found) if found else Cancelled()
            case Announced():
                key = self._line[6] + question.pod
                await self._store.call(key, "HDEL", key, question.ticket)
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
        text = msgspec.json.encode(ticket).decode()
        arguments: list[str | int | float] = [
            ticket.ticket,
            text,
            question.m,
            question.dead or "",
            ticket.seq,
            SCAN,
            POD_LEASE,
            MEMORY,
        ]
        fate, *rest = await self._run("enqueue", self._line, arguments)
        match fate:
            case "waits":
                return waits(rest[0])
            case "matched":
                return proposal(rest[0])
            case _:
                return Cancelled()

    async def _run(self, name: str, keys: list[str], arguments: Sequence[str | int | float]) -> Any:
        return await self._store.run(self._scripts[name], keys, arguments)
