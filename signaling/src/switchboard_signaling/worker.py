"""Background work: in order, in a task that lives only while there is some, and loops that outlive their faults."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


async def keep_running(run: Callable[[], Awaitable[None]], failed: Callable[[Exception], None], pause: float) -> None:
    """Run a loop until it returns or is cancelled; start it again `pause` seconds after an unexpected exception.

    `failed` gets the exception, to log and count it: it is a fault of ours, but no reason to end everything else.
    """
    while True:
        try:
            return await run()
        except Exception as error:  # noqa: BLE001 - handed to the owner
            failed(error)
        await asyncio.sleep(pause)


class Worker(Generic[T]):
    """Hands items to `work`, one after the other.

    An idle worker costs no task. `failed` gets what `work` raises; what waits then is dropped.
    """

    __slots__ = ("_bound", "_cancelled", "_failed", "_items", "_task", "_work")

    def __init__(self, work: Callable[[T], Awaitable[None]], failed: Callable[[Exception], None], bound: int) -> None:
        """`bound`: how many items may wait; few, so that a list does, which is lighter than a deque."""
        self._work = work
        self._failed = failed
        self._bound = bound
        self._items: list[T] = []
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

    @property
    def has_room(self) -> bool:
        """Whether less than half of what may wait is waiting."""
        return len(self._items) < self._bound // 2

    async def room(self) -> None:
        """Wait, if there is no room, until all that waits is done: back-pressure for who puts."""
        while self._task is not None and not self.has_room:
            await asyncio.wait([self._task])

    async def finish(self, seconds: float) -> None:
        """Let what waits be done, within `seconds`; drop the rest and end the task, for good."""
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
        await self.cancel()

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
                await self._work(self._items.pop(0))
        except Exception as error:  # noqa: BLE001 - handed to the owner, who logs it and closes
            self._items.clear()
            self._failed(error)
        finally:
            self._task = None
