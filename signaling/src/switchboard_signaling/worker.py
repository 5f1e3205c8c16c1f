"""Background work: `Worker` processes items one after another, `keep_running` restarts a loop after a fault.

A `Worker` has a task only while it has items; it suits occasional work that awaits something, such as a session's
questions to the store. `keep_running` suits loops that last as long as the process.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


async def keep_running(run: Callable[[], Awaitable[None]], failed: Callable[[Exception], None], pause: float) -> None:
    """Run a loop until it returns or is cancelled; restart it `pause` seconds after an unexpected exception.

    `failed` gets the exception, to log and count it: it is a bug, but no reason to end everything else.
    """
    while True:
        try:
            return await run()
        except Exception as error:  # noqa: BLE001 - handed to the owner
            failed(error)
        await asyncio.sleep(pause)


class Worker(Generic[T]):
    """Passes items to `work`, one after another, in the order in which they were put.

    An idle worker has no task. If `work` raises, `failed` gets the exception and the waiting items are dropped; items
    that are put later are processed again.
    """

    __slots__ = ("_bound", "_cancelled", "_failed", "_items", "_task", "_work")

    def __init__(self, work: Callable[[T], Awaitable[None]], failed: Callable[[Exception], None], bound: int) -> None:
        """`bound`: maximum number of waiting items. Keep it small: a list holds them, which is lighter than a deque."""
        self._work = work
        self._failed = failed
        self._bound = bound
        self._items: list[T] = []
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False

    def put(self, item: T) -> bool:
        """Add an item; return False, without adding it, if `bound` items wait. A cancelled worker drops items."""
        if self._cancelled:
            return True
        if len(self._items) >= self._bound:
            return False
        self._items.append(item)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return True

    @property
    def has_room(self) -> bool:
        """Whether fewer than half of `bound` items wait."""
        return len(self._items) < self._bound // 2

    async def room(self) -> None:
        """Return at once if there is room, otherwise when all waiting items are done: back-pressure for producers."""
        while self._task is not None and not self.has_room:
            await asyncio.wait([self._task])

    async def finish(self, seconds: float) -> None:
        """Process waiting items for at most `seconds`, then cancel."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
        await self.cancel()

    async def cancel(self) -> None:
        """Drop waiting items and end the task. The worker cannot be used again."""
        self._cancelled = True
        self._items.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._items:
                await self._work(self._items.pop(0))
        except Exception as error:  # noqa: BLE001 - handed to the owner, who logs it and closes
            self._items.clear()
            self._failed(error)
        finally:
            self._task = None
