"""Hints between pods: one sharded pub/sub channel a pod, whose subscription follows its slot through the cluster.

A hint may be lost; nothing depends on one. The pod also tells itself something every few seconds: if the store takes
it but it does not arrive, the subscription is renewed, and until then the pod is `deaf`.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import MovedError, RedisError, SlotNotCoveredError

from switchboard_signaling.broker.scripts import STORE_ERRORS, Client, Script, SlotsUnknownError, of_store
from switchboard_signaling.protocol.effects import Hint, Proposed, decode_hint, encode_hint
from switchboard_signaling.worker import Worker

ECHO_SECONDS: Final = 2.0
DEAF_SECONDS: Final = 10.0
"""Silence after which the subscription is renewed, though the store takes what is published."""
MAX_UNSENT: Final = 10_000
"""Hints that may wait for one pod's channel; what is beyond is lost, as hints may be."""
MAX_AT_ONCE: Final = 128
"""Hints in one message. All that gathered while the last message was under way go together, one a line: the store's
client costs much more a message than a hint does, above all where there is no time to spare."""
PAUSE_FIRST: Final = 0.05
PAUSE_CEILING: Final = 1.0

Address = tuple[str, int]

log = structlog.get_logger(__name__)


def channel_of(pod: str) -> str:
    """Return the name of a pod's channel; its hash tag spreads the pods' channels over the cluster."""
    return "switchboard:{p:" + pod + "}"


def _ended(task: "asyncio.Task[None]") -> None:
    """Let a fault of ours be seen: without its listener the pod is deaf, and not ready, until it is restarted."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("channel failed", exc_info=error)


class Channel:
    """This pod's ear, and its voice to others."""

    def __init__(
        self,
        pod: str,
        client: Client,
        options: dict[str, Any],
        on_hint: Callable[[Hint], None],
        slots_unknown: Callable[[], None],
    ) -> None:
        self._pod = pod
        self._client = client
        self._options = options
        self._on_hint = on_hint
        self._slots_unknown = slots_unknown
        self._script = Script("publish")
        self._waiting: dict[str, list[bytes]] = {}
        self._outbox: Worker[str] = Worker(self._publish, self._lost, MAX_UNSENT)
        self._tasks: list[asyncio.Task[None]] = []
        self._subscribed = asyncio.Event()
        self._heard_at = self._told_at = time.monotonic()

    async def start(self) -> None:
        """Subscribe; returns once the store has confirmed it."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._echo())]
        for task in self._tasks:
            task.add_done_callback(_ended)
        await self._subscribed.wait()

    async def close(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._outbox.cancel()

    @property
    def deaf(self) -> bool:
        """Whether the store takes what this pod tells itself, and it does not arrive."""
        return self._told_at - self._heard_at > DEAF_SECONDS

    def tell(self, pod: str, hint: Hint) -> None:
        """Publish a hint, soon and perhaps."""
        waiting = self._waiting.get(pod)
        if waiting is None and self._outbox.put(pod):
            self._waiting[pod] = [encode_hint(hint)]
        elif waiting is not None and len(waiting) < MAX_UNSENT:
            waiting.append(encode_hint(hint))

    async def _publish(self, pod: str) -> None:
        hints = self._waiting.pop(pod, [])
        if later := hints[MAX_AT_ONCE:]:
            self._waiting[pod] = later
            self._outbox.put(pod)
        text = b"\n".join(hints[:MAX_AT_ONCE]).decode()
        await of_store(self._script.run(self._client, [channel_of(pod)], [text]))
        if pod == self._pod:
            self._told_at = time.monotonic()

    def _lost(self, error: Exception) -> None:
        self._waiting.clear()
        if isinstance(error, SlotsUnknownError):
            self._slots_unknown()
        log.warning("hints lost", error=f"{type(error).__name__}: {error}")

    async def _echo(self) -> None:
        while True:
            self.tell(self._pod, Proposed())
            await asyncio.sleep(ECHO_SECONDS)

    async def _listen(self) -> None:
        pause, moved = PAUSE_FIRST, None
        while True:
            try:
                await self._hear_from(moved or self._owner())
                pause, moved = PAUSE_FIRST, None
            except MovedError as error:
                moved = (error.host, error.port)
            except STORE_ERRORS as error:
                if isinstance(error, SlotsUnknownError | SlotNotCoveredError):
                    self._slots_unknown()
                log.warning("subscription lost", error=f"{type(error).__name__}: {error}")
                moved, pause = None, min(pause * 2, PAUSE_CEILING)
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter

    def _owner(self) -> Address:
        """Return the node to subscribe at. The echo goes through the same client, which keeps its slots fresh."""
        if isinstance(self._client, RedisCluster):
            node = self._client.get_node_from_key(channel_of(self._pod))
            if node is None:
                raise RedisError("no node of the cluster serves this pod's channel")
            return node.host, int(node.port)
        options = self._client.connection_pool.connection_kwargs
        return options["host"], options["port"]

    async def _hear_from(self, address: Address) -> None:
        """Listen at one node until it no longer serves the channel; raises what ends the connection otherwise."""
        client = Redis(host=address[0], port=address[1], **self._options)
        subscription = client.pubsub()
        try:
            await of_store(subscription.ssubscribe(channel_of(self._pod)))
            self._heard_at = time.monotonic()
            while time.monotonic() - self._heard_at < DEAF_SECONDS:
                message = await of_store(subscription.get_message(timeout=1.0))
                if message is None:
                    continue
                if message["type"] == "sunsubscribe":
                    return  # the slot moves to another node
                self._heard_at = time.monotonic()
                if message["type"] == "ssubscribe":
                    self._subscribed.set()
                elif message["type"] == "smessage":
                    self._take(message["data"])
        finally:
            await subscription.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    def _take(self, text: str) -> None:
        for line in text.split("\n"):
            try:
                hint = decode_hint(line.encode())
            except msgspec.DecodeError as error:
                log.warning("hint not understood", error=str(error))  # a newer version's, during a rollout
                continue
            self._on_hint(hint)
