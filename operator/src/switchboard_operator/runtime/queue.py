"""The level-triggered work queue between events and reconcilers, and its workers.

A key is queued at most once, so the queue is bounded by the number of resources. No two workers process the same key at
a time. A key that fails is retried with exponential backoff.
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
"""Minimum and maximum seconds between attempts for a key that keeps failing."""
WORKERS: Final = 8
"""Concurrent reconciliations. The API server is the bottleneck, and more concurrency would overload it."""
TIME_LIMIT: Final = 60.0
"""Timeout of one reconciliation in seconds; each of its requests has a shorter one."""

Reconciler = Callable[[str, str], Awaitable[float | None]]
"""Reconciles a resource by namespace and name; returns the seconds after which to reconcile again, or None."""


class WorkQueue:
    """Keys that are queued, in progress, or scheduled for later."""

    def __init__(self) -> None:
        self._waiting: deque[OwnerKey] = deque()
        self._dirty: set[OwnerKey] = set()
        """Keys that are queued, or were added while in progress."""
        self._busy: set[OwnerKey] = set()
        self._failures: dict[OwnerKey, int] = {}
        self._timers: dict[OwnerKey, asyncio.TimerHandle] = {}
        self._wake = asyncio.Semaphore(0)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, key: OwnerKey) -> None:
        """Queue a key unless it is queued already."""
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if key not in self._dirty:
            self._dirty.add(key)
            if key not in self._busy:
                self._put(key)

    def add_after(self, key: OwnerKey, seconds: float) -> None:
        """Schedule a key after a delay, unless it is queued or scheduled earlier."""
        if key in self._dirty:
            return
        due = asyncio.get_running_loop().time() + seconds
        if (timer := self._timers.get(key)) is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_at(due, self.add, key)

    def failed(self, key: OwnerKey) -> float:
        """Schedule a retry of a failed key and return the delay in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay: float = min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** min(failures - 1, 16))
        delay *= random.uniform(0.8, 1.2)  # noqa: S311 (spreads load, no secret)
        self.add_after(key, delay)
        return delay

    def succeeded(self, key: OwnerKey) -> None:
        """Reset the backoff of a key."""
        self._failures.pop(key, None)

    async def get(self) -> OwnerKey:
        """Wait for a key. Call `done` afterwards."""
        await self._wake.acquire()
        key = self._waiting.popleft()
        self._dirty.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: OwnerKey) -> None:
        """Finish a key; if it was added meanwhile, queue it again."""
        self._busy.discard(key)
        if key in self._dirty:
            self._put(key)

    def close(self) -> None:
        """Cancel all scheduled keys."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _put(self, key: OwnerKey) -> None:
        self._waiting.append(key)
        self._wake.release()


class Controller:
    """Runs workers that pass keys from the queue to the reconciler of their kind."""

    def __init__(self, reconcilers: Mapping[str, Reconciler], queue: WorkQueue) -> None:
        self._reconcilers = reconcilers
        self._queue = queue
        self._progress = time.monotonic()
        metrics.queue_length.set_function(lambda: len(queue))

    @property
    def stalled_for(self) -> float:
        """Seconds since a worker last took a key; 0 if none is queued."""
        return time.monotonic() - self._progress if len(self._queue) else 0.0

    async def run(self, workers: int = WORKERS) -> None:
        """Run until cancelled. An unexpected exception of a reconciler fails its key, not the operator."""
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
            log.error("resource_unreadable", error=str(error), retry_in=self._failed(key, error))  # noqa: TRY400 (not a bug)
        except Exception as error:  # a bug with one resource must not stop the others
            log.exception("reconcile_crashed", retry_in=self._failed(key, error))
        else:
            self._queue.succeeded(key)
            if again is not None:
                self._queue.add_after(key, again)

    def _failed(self, key: OwnerKey, error: Exception) -> float:
        metrics.reconcile_errors.labels(key[0], type(error).__name__).inc()
        return round(self._queue.failed(key), 2)
