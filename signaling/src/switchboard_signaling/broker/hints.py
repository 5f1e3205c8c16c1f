"""Hints between pods: one sharded pub/sub channel per pod, whose subscription follows its slot through the cluster.

A hint may be lost; nothing depends on it. The pod also sends itself an echo every few seconds. If the store accepts
echoes that do not arrive, the subscription is renewed, and until then the pod is `deaf`.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
import structlog

from switchboard_signaling.session.hints import Hint, Proposed, decode_hint, encode_hint
from switchboard_signaling.valkey.cluster import ErrorReports, pauses
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.slots import ErrorReport, Remedy

ECHO_SECONDS: Final = 2.0
RENEW_AFTER: Final = 3
"""Number of accepted echoes that did not arrive, after which the subscription is renewed."""
DEAF_AFTER: Final = 5
"""The same, after which this pod should get no clients."""
MAX_UNSENT: Final = 10_000
"""Hints that may wait for one pod's channel; further ones are lost, as hints may be."""
MAX_AT_ONCE: Final = 128
"""Hints per message, one per line: those that gathered while the previous message to that pod was in flight."""

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """What a channel needs from the store."""

    reports: ErrorReports

    async def call(self, key: str, *words: str | bytes | int | float) -> Any:
        """Send a command; raises ValkeyUnavailableError."""

    async def listen(self, channel: str, received: Callable[[str], None], lost: Callable[[], None]) -> None:
        """Subscribe to a channel; `lost` reports its end. Raises ValkeyUnavailableError."""


def channel_of(pod: str) -> str:
    """Return the name of a pod's channel; its hash tag spreads the pods' channels over the cluster."""
    return "switchboard:{p:" + pod + "}"


def _ended(task: "asyncio.Task[None]") -> None:
    """Log a fault: without its listener the pod is deaf, and not ready, until it is restarted."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("channel_failed", exc_info=error)


class Channel:
    """This pod's subscription, and its way to publish to other pods."""

    def __init__(self, pod: str, store: Publisher, on_hint: Callable[[Hint], None]) -> None:
        self._pod = pod
        self._store = store
        self._on_hint = on_hint
        self._waiting: dict[str, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscribed = asyncio.Event()
        self._lost_subscription = asyncio.Event()
        self._missed = 0

    async def start(self) -> None:
        """Subscribe; returns once the store has confirmed it."""
        self._own(asyncio.create_task(self._listen()))
        self._own(asyncio.create_task(self._echo()))
        await self._subscribed.wait()

    async def close(self) -> None:
        """End all tasks."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def deaf(self) -> bool:
        """Whether the store accepts this pod's echoes and they do not arrive."""
        return self._missed >= DEAF_AFTER

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Publish a hint without waiting; it may be lost."""
        waiting = self._waiting.get(pod)
        if waiting is None:
            self._waiting[pod] = [encode_hint(hint)]
            self._own(asyncio.create_task(self._publish(pod)))
        elif len(waiting) < MAX_UNSENT:
            waiting.append(encode_hint(hint))
        else:
            self._lost(f"{MAX_UNSENT} wait for {pod}")

    def _lost(self, why: str) -> None:
        self._store.reports.record(ErrorReport("hints-lost", why, Remedy.WAIT), None)

    def _own(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(_ended)

    async def _publish(self, pod: str) -> None:
        """Publish what waits for a pod until nothing does."""
        channel, waiting = channel_of(pod), self._waiting[pod]
        try:
            while waiting:
                hints = waiting[:MAX_AT_ONCE]
                del waiting[:MAX_AT_ONCE]
                await self._store.call(channel, "SPUBLISH", channel, b"\n".join(hints))
                if pod == self._pod:
                    self._missed += 1  # until it arrives
        except ValkeyUnavailableError as error:
            self._lost(str(error))
        finally:
            del self._waiting[pod]

    async def _echo(self) -> None:
        while True:
            self.send_hint(self._pod, Proposed())
            await asyncio.sleep(ECHO_SECONDS)
            if self._missed >= RENEW_AFTER:
                self._lost_subscription.set()

    async def _listen(self) -> None:
        tries = pauses()
        while True:
            self._lost_subscription.clear()
            try:
                await self._store.listen(channel_of(self._pod), self._take, self._lost_subscription.set)
            except ValkeyUnavailableError as error:
                self._store.reports.record(ErrorReport("not-subscribed", str(error), Remedy.WAIT), None)
                await asyncio.sleep(next(tries))
                continue
            tries = pauses()
            self._subscribed.set()
            await self._lost_subscription.wait()
            self._store.reports.record(ErrorReport("subscription-moved", "subscribing again", Remedy.GO), None)

    def _take(self, text: str) -> None:
        self._missed = 0
        for line in text.split("\n"):
            try:
                hint = decode_hint(line.encode())
            except msgspec.DecodeError as error:
                log.warning("hint_not_understood", error=str(error))  # from a newer version during a rollout
                continue
            try:
                self._on_hint(hint)
            except Exception as error:  # raising would end the shared connection
                log.exception("hint_failed", kind=type(hint).__name__)
                self._store.reports.record(ErrorReport("hint-failed", repr(error), Remedy.GO), None)
