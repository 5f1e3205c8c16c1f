"""Items are processed in order, in a task that exists only while there are any; loops survive faults."""

import asyncio

import pytest

from switchboard_signaling.worker import Worker, keep_running


class Desk:
    """Work that waits for a permit for each item."""

    def __init__(self, bound: int = 4) -> None:
        self.done: list[int] = []
        self.failures: list[Exception] = []
        self.permits = asyncio.Semaphore(0)
        self.worker = Worker(self.work, self.failures.append, bound)

    async def work(self, item: int) -> None:
        await self.permits.acquire()
        if item < 0:
            raise ValueError(item)
        self.done.append(item)

    async def permit(self, count: int) -> None:
        for _ in range(count):
            self.permits.release()
        for _ in range(10):
            await asyncio.sleep(0)


async def test_items_are_processed_in_order() -> None:
    desk = Desk()
    for item in range(3):
        assert desk.worker.put(item)
    await desk.permit(3)
    assert desk.done == [0, 1, 2]


async def test_the_number_of_waiting_items_is_limited() -> None:
    desk = Desk(bound=2)
    assert [desk.worker.put(item) for item in range(3)] == [True, True, False]
    await desk.worker.cancel()


async def test_producers_can_wait_for_room() -> None:
    desk = Desk(bound=4)
    assert desk.worker.has_room
    await desk.worker.room()
    for item in range(4):
        desk.worker.put(item)
    assert not desk.worker.has_room
    waiting = asyncio.create_task(desk.worker.room())
    await desk.permit(1)
    assert not waiting.done()
    await desk.permit(3)
    await asyncio.wait_for(waiting, 1)
    assert desk.done == [0, 1, 2, 3]


async def test_a_failure_is_reported_and_drops_the_waiting_items() -> None:
    desk = Desk()
    for item in (1, -1, 2):
        desk.worker.put(item)
    await desk.permit(3)
    assert desk.done == [1]
    assert [str(error) for error in desk.failures] == ["-1"]
    desk.worker.put(3)
    await desk.permit(1)
    assert desk.done == [1, 3]


async def test_a_cancelled_worker_stops() -> None:
    desk = Desk()
    desk.worker.put(1)
    await asyncio.sleep(0)
    await desk.worker.cancel()
    assert desk.worker.put(2)
    await desk.permit(5)
    assert desk.done == []
    assert desk.failures == []


@pytest.mark.parametrize("items", [0, 1])
async def test_cancelling_twice_is_harmless(items: int) -> None:
    desk = Desk()
    for item in range(items):
        desk.worker.put(item)
    await desk.worker.cancel()
    await desk.worker.cancel()


async def test_waiting_items_are_finished_before_the_end() -> None:
    desk = Desk()
    await desk.worker.finish(1)
    desk = Desk()
    for item in range(2):
        desk.worker.put(item)
    finishing = asyncio.create_task(desk.worker.finish(60))
    await desk.permit(2)
    await finishing
    assert desk.done == [0, 1]


async def test_unfinished_items_are_dropped_after_the_time_limit() -> None:
    desk = Desk()
    desk.worker.put(1)
    await desk.worker.finish(0)
    await desk.permit(1)
    assert desk.done == []


async def test_a_loop_is_restarted_after_a_fault_until_it_returns() -> None:
    faults: list[Exception] = []
    coming: list[Exception | None] = [ValueError("one"), KeyError("two"), None]

    async def run() -> None:
        if fault := coming.pop(0):
            raise fault

    await keep_running(run, faults.append, 0.0)
    assert [type(fault) for fault in faults] == [ValueError, KeyError]
    assert not coming


async def test_a_loop_that_is_cancelled_ends() -> None:
    faults: list[Exception] = []
    running = asyncio.create_task(keep_running(asyncio.Event().wait, faults.append, 0.0))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    assert running.cancelled()
    assert not faults
