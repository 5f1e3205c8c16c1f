"""Work that is done in order, in a task that lives only while there is some."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """Hands items to `work`, one after the other.

    An idle worker costs no task. `failed` gets what `work` raises; what waits then is dropped.
    """

    def __init__(self, work: Callable[[T], Awaitable[None]], failed: Callable[[Exception], None], bound: int) -> None:
        """`bound`: how many items may wait."""
        self._work = work
        self._failed = failed
        self._bound = bound
        self._items: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    def put(self, item: T) -> bool:
        """Add an item; False if as many as may wait are waiting already. Dropped once the worker is cancelled."""
        if self._cancelled:
            return True
        if len(self._items) >= self._bound:
            return False
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return True

    async def room(self) -> None:
        """Wait, if half of what may wait is waiting, until all of it is done: back-pressure for who puts."""
        while self._task is not None and len(self._items) >= self._bound // 2:
            await asyncio.wait([self._task])

    async def cancel(self) -> None:
        """Drop what waits and end the task, for good."""
        self._cancelled = True
        self._items.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._items:
                await self._work(self._items.popleft())
        except Exception as error:  # noqa: BLE001 - handed to the owner, who logs it and closes
            self._items.clear()
            self._failed(error)
        finally:
            self._task = None
