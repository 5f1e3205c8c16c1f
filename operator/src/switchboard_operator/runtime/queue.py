"""The level-triggered queue between events and reconcilers, and the workers that empty it.

A key waits at most once, however many events name it, so the queue is bounded by the number of resources. No two
workers work on one key. A key that fails is tried again with a growing delay.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from pydantic import ValidationError

from switchboard_operator.kube import KubeError
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.runtime import metrics

logger = structlog.get_logger(__name__)

SHORTEST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 60.0
"""Seconds between attempts at a key that keeps failing."""
WORKERS: Final = 8
"""Reconciliations at a time. The API server is the bottleneck: unbounded parallelism makes it thrash."""
TIME_LIMIT: Final = 60.0
"""Seconds for one reconciliation; each request in it has a shorter limit of its own."""

Reconciler = Callable[[str, str], Awaitable[float | None]]
"""Reconciles namespace, name; returns the seconds after which to look again, or None."""


class WorkQueue:
    """Keys that wait for a worker, those that are worked on, and those that come again later."""

    def __init__(self) -> None:
        self._waiting: deque[OwnerKey] = deque()
        self._dirty: set[OwnerKey] = set()
        """Waiting, or named again while a worker has them."""
        self._busy: set[OwnerKey] = set()
        self._failures: dict[OwnerKey, int] = {}
        self._timers: dict[OwnerKey, asyncio.TimerHandle] = {}
        self._wake = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: OwnerKey) -> None:
        """Have the key worked on soon, once."""
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key not in self._dirty:
            self._dirty.add(key)
            if key not in self._busy:
                self._put(key)

    def add_after(self, key: OwnerKey, seconds: float) -> None:
        """Have the key worked on after a while; an earlier appointment stays."""
        if key in self._dirty:
            return
        due = asyncio.get_running_loop().time() + seconds
        if (timer := self._timers.get(key)) is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def failed(self, key: OwnerKey) -> float:
        """Have a failed key tried again and return the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay: float = min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** min(failures - 1, 16))
        delay *= random.uniform(0.8, 1.2)  # noqa: S311 (spreads load, no secret)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: OwnerKey) -> None:
        """Forget earlier failures of the key."""
        self._failures.pop(key, None)

    async def get(self) -> OwnerKey:
        """Wait for a key; pass it to `done` afterwards."""
        await self._wake.acquire()
        key = self._waiting.popleft()
        self._dirty.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: OwnerKey) -> None:
        """Give the key back; if it was named meanwhile, it waits again."""
        self._busy.discard(key)
        if key in self._dirty:
            self._put(key)

    def close(self) -> None:
        """Cancel all appointments."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _put(self, key: OwnerKey) -> None:
        self._waiting.append(key)
        self._wake.release()


class Controller:
    """Feeds the keys of the queue to the reconcilers of their kinds."""

    def __init__(self, reconcilers: Mapping[str, Reconciler], queue: WorkQueue) -> None:
        self._reconcilers = reconcilers
        self._queue = queue
        self._progress = time.monotonic()
        metrics.queue_length.set_function(lambda: len(queue))

    @property
    def stalled_for(self) -> float:
        """Seconds for which keys have waited without any being taken; 0 if none waits."""
        return time.monotonic() - self._progress if len(self._queue) else 0.0

    async def run(self, workers: int = WORKERS) -> None:
        """Work until cancelled. A bug in a reconciler fails its key, never the operator."""
        async with asyncio.TaskGroup() as group:
            for number in range(workers):
                group.create_task(self._work(), name=f"reconcile-{number}")

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            self._progress = time.monotonic()
            try:
                await self._reconcile(key)
            finally:
                self._queue.done(key)

    async def _reconcile(self, key: OwnerKey) -> None:
        kind, namespace, name = key
        log = logger.bind(kind=kind, namespace=namespace, name=name)
        try:
            with metrics.reconcile_seconds.labels(kind).time():
                async with asyncio.timeout(TIME_LIMIT):
                    again = await self._reconcilers[kind](namespace, name)
        except (KubeError, TimeoutError) as error:
            log.warning("reconcile_failed", error=str(error) or repr(error), retry_in=self._failed(key, error))
        except ValidationError as error:
            log.error("resource_unreadable", error=str(error), retry_in=self._failed(key, error))  # noqa: TRY400 (no bug)
        except Exception as error:  # one resource's bug must not stop the others
            log.exception("reconcile_crashed", retry_in=self._failed(key, error))
        else:
            self._queue.succeeded(key)
            if again is not None:
                self._queue.add_after(key, again)

    def _failed(self, key: OwnerKey, error: Exception) -> float:
        metrics.reconcile_errors.labels(key[0], type(error).__name__).inc()
        return round(self._queue.failed(key), 2)
