"""The broker of any number of pods: Valkey or Redis (7 or newer), a single node or a cluster.

The store is soft state. Each script joins facts within one hash tag; hints are sent after it. What is lost with a
wiped store, a failover's tail or a hint is found again by the next heartbeat.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider

from switchboard_signaling.broker.hints import Channel
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.ledger import Ledger
from switchboard_signaling.broker.records import SESSION_FIELDS, match_record, proposal, session_record, waits
from switchboard_signaling.broker.redis_ledger import RedisLedger
from switchboard_signaling.broker.scripts import STORE_ERRORS, Client, Script, SlotsUnknownError, of_store
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
from switchboard_signaling.worker import Worker

CONNECT_SECONDS: Final = 1.0
REPLY_SECONDS: Final = 2.0
RECORD_MS: Final = int(MEMORY * 1000)
"""How long an untouched record is kept, as long as a place token is valid."""
LEARN_PAUSE: Final = 0.2
"""Seconds after each reading of the slots, so that many who miss one do not keep the nodes busy with it."""
AT_ONCE: Final = 32
"""Questions under way at once; others wait their turn. More would only open connections, up to a limit that fails."""
START_SECONDS: Final = 10.0
"""For one attempt to find the store; then it is looked for anew."""
START_REMEDY: Final = (
    "check SWITCHBOARD_REDIS_NODES, the credentials in SWITCHBOARD_REDIS_AUTH_DIR, and that the store's pods run"
)

T = TypeVar("T")
log = structlog.get_logger(__name__)


class FileCredentials(CredentialProvider):
    """User name and password from the files `username` and `password`, read for each connection: both may change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get_credentials(self) -> tuple[str, str]:
        """Return both; raises OSError for a file that cannot be read."""
        return (self._folder / "username").read_text().strip(), (self._folder / "password").read_text().strip()

    async def get_credentials_async(self) -> tuple[str, str]:
        """Return both; two small files of a memory-backed volume are read faster than a thread is found."""
        return self.get_credentials()


class RedisBroker:
    """Shared state in the store named by `nodes` (host, port); the pool's line has a hash tag of its own."""

    durable = True

    def __init__(
        self, pod: str, pool: str, nodes: list[tuple[str, int]], credentials: CredentialProvider | None
    ) -> None:
        self._pod = pod
        self._nodes = nodes
        self._options: dict[str, Any] = {
            "credential_provider": credentials,
            "decode_responses": True,
            "socket_connect_timeout": CONNECT_SECONDS,
            "socket_timeout": REPLY_SECONDS,
        }
        self._client: Client | None = None
        self._channel: Channel | None = None
        self._slots: Worker[None] = Worker(self._learn_slots, self._slots_not_learned, 1)
        self._turn = asyncio.Semaphore(AT_ONCE)
        tag = "{q:" + pool + "}"
        self._line = [tag + part for part in (":seq", ":tickets", ":order", ":fates", ":forget", ":beats", ":mail:")]
        self._scripts = {
            name: Script(name)
            for name in ("touch_session", "touch_match", "end_match", "enqueue", "cancel", "proposals")
        }
        self.ledger: Ledger = RedisLedger(
            pod, pool, lambda script, keys, arguments: self._guard(script.run(self._store, keys, arguments))
        )

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Find out what the store is, and listen for hints; tried until the store answers."""
        pause = 0.1
        while self._client is None:
            try:
                async with asyncio.timeout(START_SECONDS):
                    self._client = await self._connect()
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("waiting for the store", error=repr(error), remedy=START_REMEDY)
                await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
                pause = min(pause * 2, 2.0)
        self._channel = Channel(self._pod, self._client, self._options, on_hint, self._slots_unknown)
        await self._channel.start()

    async def close(self) -> None:
        """Close all connections."""
        if self._channel is not None:
            await self._channel.close()
        await self._slots.cancel()
        if self._client is not None:
            await self._client.aclose()

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
                fields = await self._guard(self._store.hmget("{s:" + question.sid + "}", SESSION_FIELDS))
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
                await self._guard(self._store.hdel(key, question.ticket))
        return None

    async def _touch_session(self, touch: TouchSession) -> SessionAnswer:
        want = msgspec.json.encode(touch.want).decode()
        arguments = [touch.n, touch.attach, touch.want.c, want_rank(touch.want), want, touch.inst, touch.pod, RECORD_MS]
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
                arguments = [end.sid, end.side or "", end.reason, int(end.only_forming), n, v, RECORD_MS]
                fields = await self._run("end_match", [key], arguments)
            case ReadMatch():
                fields = await self._guard(self._store.hgetall(key))
        return match_record(question.m, fields)

    async def _enqueue(self, question: Enqueue) -> Reply:
        ticket = question.ticket
        text = msgspec.json.encode(ticket).decode()
        arguments = [ticket.ticket, text, question.m, question.dead or "", ticket.seq, SCAN, POD_LEASE, MEMORY]
        fate, *rest = await self._run("enqueue", self._line, arguments)
        match fate:
            case "waits":
                return waits(rest[0])
            case "matched":
                return proposal(rest[0])
            case _:
                return Cancelled()

    @property
    def _store(self) -> Any:
        if self._client is None:
            raise BrokerUnavailableError("the broker is not started")
        return self._client

    async def _run(self, name: str, keys: list[str], arguments: list[Any]) -> Any:
        return await self._guard(self._scripts[name].run(self._store, keys, arguments))

    async def _guard(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with self._turn:
                return await of_store(work)
        except STORE_ERRORS as error:
            if isinstance(error, SlotsUnknownError):
                self._slots_unknown()
            raise BrokerUnavailableError(f"{type(error).__name__}: {error}") from error
        finally:
            work.close()  # who is cancelled while waiting for a turn has not begun

    def _slots_unknown(self) -> None:
        """Have the cluster's slots learned anew, soon; whoever needs them asks again."""
        self._slots.put(None)

    async def _learn_slots(self, _item: None) -> None:
        """Read who serves which slot: from the nodes that are known, or else from those of the settings.

        A pod may have met its cluster before its nodes knew each other, and all nodes may have moved since.
        """
        if isinstance(self._client, RedisCluster):
            manager = self._client.nodes_manager
            try:
                await of_store(manager.initialize())
            except STORE_ERRORS as error:
                log.warning("no known node tells the slots", error=str(error))
                seeds = [ClusterNode(host, port, **manager.connection_kwargs) for host, port in self._nodes]
                manager.startup_nodes = {node.name: node for node in seeds}
                await of_store(manager.initialize())
        await asyncio.sleep(LEARN_PAUSE)

    def _slots_not_learned(self, error: Exception) -> None:
        log.warning("slots not learned", error=str(error), remedy=START_REMEDY)

    async def _connect(self) -> Client:
        """Return a client that fits the store: the first node that answers says whether it is a cluster."""
        failures = []
        for host, port in self._nodes:
            single = Redis(host=host, port=port, retry=Retry(ExponentialBackoff(cap=0.2), 2), **self._options)
            try:
                clustered = (await single.info("cluster"))["cluster_enabled"]
                if not clustered:
                    return single
                cluster = RedisCluster(
                    startup_nodes=[ClusterNode(host, port) for host, port in self._nodes],
                    require_full_coverage=False,
                    **self._options,
                )
                await of_store(cluster.initialize())
            except STORE_ERRORS as error:
                failures.append(f"{host}:{port} {error!r}")
                await single.aclose()
                continue
            await single.aclose()
            return cluster
        raise BrokerUnavailableError(f"no node of the store answers: {'; '.join(failures)}")
