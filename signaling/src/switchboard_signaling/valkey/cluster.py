"""A client for Valkey or Redis (7 or newer), a single node or a cluster; every call ends within a time limit.

It has one connection per node. It reads the owners of the slots from CLUSTER SLOTS and from redirections, and again
whenever a node cannot serve. A call may be executed twice: send only idempotent commands.
"""

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any, Final, Protocol

import structlog

from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.pipeline import CLOSED, Pipeline, Refusal, Words
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.valkey.slots import SINGLE, Address, ErrorReport, Remedy, Slots, classify, slot_of
from switchboard_signaling.worker import Worker

CONNECT_SECONDS: Final = 1.0
CALL_SECONDS: Final = 3.0
"""Time limit of a call, from its start."""
CONNECT_PAUSE: Final = 0.1
"""Seconds between a refused connection and the next attempt."""
LEARN_PAUSE: Final = 0.2
"""Seconds between two CLUSTER SLOTS, so that many redirected calls do not overload the nodes with it."""
PAUSE_FIRST: Final = 0.02
PAUSE_CEILING: Final = 0.5
START_PAUSES: Final = 4
"""Factor on the pauses between the attempts of `start`, while no call waits."""
LOG_SECONDS: Final = 1.0
"""Minimum seconds between two log lines about the same kind of error."""
START_REMEDY: Final = "check the addresses, the credentials, and that the nodes are running"

_LEVELS: Final = {Remedy.WAIT: logging.WARNING, Remedy.NONE: logging.ERROR}

log = structlog.get_logger(__name__)


class ValkeyCredentials(Protocol):
    """Username and password, read for each connection because they may change."""

    def __call__(self) -> tuple[str, str]:
        """Return username and password; raises OSError if they cannot be read."""


class ErrorReports:
    """Counts the errors of nodes, and logs each kind at most once per second."""

    def __init__(self, counted: Callable[[str], None] = lambda _code: None) -> None:
        """Call `counted` with the code of each error."""
        self._counted = counted
        self._unlogged: dict[str, int] = {}
        self._logged_at: dict[str, float] = {}

    def record(self, found: ErrorReport, node: Address | None) -> None:
        """Count an error, and log it unless its kind was logged within the last second."""
        self._counted(found.code)
        times = self._unlogged.get(found.code, 0) + 1
        now = time.monotonic()
        if now - self._logged_at.get(found.code, -LOG_SECONDS) < LOG_SECONDS:
            self._unlogged[found.code] = times
            return
        self._unlogged[found.code], self._logged_at[found.code] = 0, now
        where = f"{node[0]}:{node[1]}" if node else None
        level = _LEVELS.get(found.remedy, logging.INFO)
        log.log(level, "store_error", code=found.code, error=found.text, node=where, times=times)


def pauses() -> Iterator[float]:
    """Yield the pauses between attempts in seconds: doubling up to a ceiling, with jitter."""
    for turn in count():
        yield min(PAUSE_FIRST * 2 ** min(turn, 16), PAUSE_CEILING) * random.uniform(0.5, 1)  # noqa: S311 - jitter


class ClusterClient:
    """A client for the cluster that the nodes `seeds` belong to."""

    def __init__(
        self,
        seeds: list[Address],
        credentials: ValkeyCredentials | None = None,
        tls: ssl.SSLContext | None = None,
        reports: ErrorReports | None = None,
        name: str = "",
        start_remedy: str = START_REMEDY,
    ) -> None:
        """`name` is shown by CLIENT LIST on the nodes; `start_remedy` is logged while no node answers."""
        self._seeds = seeds
        self._name = ("SETNAME", name) if name else ()
        self._start_remedy = start_remedy
        self._credentials = credentials
        self._tls = tls
        self.reports = reports or ErrorReports()
        self._slots = Slots()
        self._open: dict[Address, Pipeline] = {}
        self._opening: dict[Address, asyncio.Task[Pipeline | Refusal]] = {}
        self._learning: Worker[None] = Worker(self._learn, lambda error: log.error("slots_not_read", exc_info=error), 1)
        self._received: Callable[[str], None] = lambda _text: None
        self._lost: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Read the owners of the slots; repeat until a node answers."""
        for pause in pauses():
            if await self._ask_for_slots():
                return
            log.warning("store_not_reached", remedy=self._start_remedy)
            await asyncio.sleep(START_PAUSES * pause)

    async def close(self) -> None:
        """Close all connections and end all tasks."""
        await self._learning.cancel()
        for task in list(self._opening.values()):
            task.cancel()
        for connection in list(self._open.values()):
            connection.close()

    async def call(self, key: str, *words: str | bytes | int | float) -> Any:
        """Send a command to the node that owns a key or channel; raises ValkeyUnavailableError."""
        return await self._call(key, words, None)

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """Run a script on keys of a single slot; raises ValkeyUnavailableError."""
        rest = (len(keys), *keys, *arguments)
        return await self._call(keys[0], ("EVALSHA", script.sha, *rest), ("EVAL", script.text, *rest))

    async def listen(self, channel: str, received: Callable[[str], None], lost: Callable[[], None]) -> None:
        """Subscribe to a sharded channel on its current node; raises ValkeyUnavailableError.

        `received` gets each message; `lost` is called when the slot moves or the connection breaks.
        """
        self._received, self._lost = received, lost
        await self._call(channel, ("SSUBSCRIBE", channel), None)

    async def _call(self, key: str, words: Words, in_full: Words | None) -> Any:
        slot, until = slot_of(key), asyncio.get_running_loop().time() + CALL_SECONDS
        try:
            owner = self._slots.owner(slot)
            reply = await self._send(owner, words)
            if type(reply) is not Refusal:
                return reply
            async with asyncio.timeout_at(until):
                return await self._retry(slot, words, in_full, owner, reply)
        except TimeoutError:
            raise ValkeyUnavailableError(f"no reply to {words[0]!s} within {CALL_SECONDS} s") from None

    async def _retry(
        self, slot: int, words: Words, in_full: Words | None, node: Address | None, refusal: Refusal
    ) -> Any:
        """Apply the remedy of each refusal until there is a reply; raises ValkeyUnavailableError without a remedy."""
        asking = redirected = False
        for pause in pauses():
            found = self._note(refusal, node)
            if found.remedy is Remedy.GIVE_SCRIPT and in_full is not None:
                words = in_full
            elif found.remedy in (Remedy.GO, Remedy.GO_ONCE) and found.to is not None:
                if redirected:  # the nodes do not agree yet
                    await asyncio.sleep(pause)
                node, asking, redirected = found.to, found.remedy is Remedy.GO_ONCE, True
                if not asking:
                    self._slots.assign(slot, node)
                    self._learning.put(None)
            elif found.remedy is Remedy.WAIT:
                self._learning.put(None)
                await asyncio.sleep(pause)
                node, asking = self._slots.owner(slot), False
            else:
                raise ValkeyUnavailableError(found.text)
            reply = await self._send(node, words, asking)
            if type(reply) is not Refusal:
                return reply
            refusal = reply
        raise AssertionError  # `pauses` is endless

    def _note(self, refusal: Refusal, node: Address | None) -> ErrorReport:
        found = classify(refusal, node or ("", 0))
        self.reports.record(found, node)
        return found

    async def _send(self, node: Address | None, words: Words, asking: bool = False) -> Any:
        """Return a node's reply or refusal."""
        if node is None:
            return Refusal("unknown: no known node owns the slot")
        connection = self._open.get(node) or await self._reach(node)
        if not isinstance(connection, Pipeline):
            return connection
        if asking:
            connection.send(("ASKING",))
        return await connection.send(words)

    # Connections

    async def _reach(self, node: Address) -> Pipeline | Refusal:
        """Connect to a node; concurrent callers share one attempt."""
        task = self._opening.get(node)
        if task is None:
            task = self._opening[node] = asyncio.create_task(self._connect(node))
            task.add_done_callback(lambda _task: self._opening.pop(node))
        return await asyncio.shield(task)

    async def _connect(self, node: Address) -> Pipeline | Refusal:
        connection = Pipeline(self._pushed, partial(self._closed, node))
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: connection, *node, ssl=self._tls)
                reply = await connection.send(self._hello())
            if type(reply) is not Refusal:
                self._open[node] = connection
                return connection
        except (OSError, TimeoutError) as error:
            reply = Refusal(f"unreachable: {error!r}")
        finally:
            if self._open.get(node) is not connection:
                connection.close()
        await asyncio.sleep(CONNECT_PAUSE)
        return reply

    def _hello(self) -> Words:
        who = ("AUTH", *self._credentials()) if self._credentials else ()
        return ("HELLO", 3, *who, *self._name)

    def _closed(self, node: Address, connection: Pipeline) -> None:
        if self._open.get(node) is connection:
            del self._open[node]
            if connection.idle and connection.lost is not None and connection.lost != CLOSED:
                self._note(connection.lost, node)  # otherwise the interrupted calls report it
        if connection.subscribed:
            self._lost()

    def _pushed(self, push: list[Any]) -> None:
        if push[0] == "smessage":
            self._received(push[2])
        elif push[0] == "sunsubscribe":
            self._lost()

    # Slots

    async def _learn(self, _item: None) -> None:
        await self._ask_for_slots()
        await asyncio.sleep(LEARN_PAUSE)

    async def _ask_for_slots(self) -> bool:
        """Ask the known nodes, connected ones first, then the seeds; return whether one answered.

        The seeds help if the nodes did not know each other at the first answer, or if all have moved since.
        """
        known = sorted(
            random.sample(self._slots.nodes, len(self._slots.nodes)), key=lambda node: node not in self._open
        )
        for node in dict.fromkeys([*known, *self._seeds]):
            reply = await self._send(node, ("CLUSTER", "SLOTS"))
            if type(reply) is Refusal and SINGLE in reply and node in self._seeds:
                self._slots.single(node)
            elif type(reply) is Refusal:
                self._note(reply, node)
                continue
            elif reply:
                self._slots.learn(reply, node)
            else:
                continue  # the node has not joined a cluster yet
            self._close_unused()
            return True
        return False

    def _close_unused(self) -> None:
        """Close idle connections to nodes that left the cluster, and to seeds that it knows by another address."""
        for node, connection in list(self._open.items()):
            if node not in self._slots.nodes and connection.idle:
                connection.close()
