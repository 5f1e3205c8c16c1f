import asyncio
from collections.abc import Awaitable, Callable

import pytest

from switchboard_operator.kube import UnavailableError
from switchboard_operator.runtime import queue as reconcile
from switchboard_operator.runtime.queue import Controller, WorkQueue

CALLS = ("SignalingPool", "web", "calls")
TALKS = ("SignalingPool", "web", "talks")


async def test_a_key_is_queued_once_however_often_it_is_added() -> None:
    queue = WorkQueue()
    for _ in range(5):
        queue.add(CALLS)
    queue.add(TALKS)
    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == [CALLS, TALKS]
    assert len(queue) == 0


async def test_a_key_added_during_its_reconciliation_is_queued_afterwards() -> None:
    queue = WorkQueue()
    queue.add(CALLS)
    await queue.get()
    queue.add(CALLS)
    assert len(queue) == 0
    queue.done(CALLS)
    assert await queue.get() == CALLS
    queue.done(CALLS)
    assert len(queue) == 0


async def test_delays_grow_with_each_failure_and_reset_on_success() -> None:
    queue = WorkQueue()
    delays = [queue.failed(CALLS) for _ in range(12)]
    assert delays[0] < 0.31
    assert 48 <= delays[-1] <= 72
    queue.succeeded(CALLS)
    assert queue.failed(CALLS) < 0.31
    queue.close()


async def test_the_earlier_of_two_delays_counts() -> None:
    queue = WorkQueue()
    queue.add_after(CALLS, 60)
    queue.add_after(CALLS, 0.01)
    queue.add_after(CALLS, 60)
    assert await asyncio.wait_for(queue.get(), 1) == CALLS


async def test_an_event_cancels_a_delay() -> None:
    queue = WorkQueue()
    queue.add_after(CALLS, 0.01)
    queue.add(CALLS)
    queue.add_after(CALLS, 0.01)
    await queue.get()
    queue.done(CALLS)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.05)


class Recorder:
    """A reconciler with given results; `twice` is set when it was called a second time."""

    def __init__(self, act: Callable[[int], Awaitable[float | None]]) -> None:
        self.act = act
        self.calls = 0
        self.twice = asyncio.Event()

    async def __call__(self, _namespace: str, _name: str) -> float | None:
        self.calls += 1
        if self.calls == 2:
            self.twice.set()
        return await self.act(self.calls)


async def run_twice(reconciler: Recorder) -> None:
    """Run a controller with one key until its reconciler was called twice."""
    queue = WorkQueue()
    queue.add(CALLS)
    task = asyncio.create_task(Controller({"SignalingPool": reconciler}, queue).run(2))
    await asyncio.wait_for(reconciler.twice.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("error", [UnavailableError("no answer"), RuntimeError("a bug"), TimeoutError()])
async def test_a_failed_reconciliation_is_retried(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "SHORTEST_DELAY", 0.01)

    async def fail_once(call: int) -> None:
        if call == 1:
            raise error

    await run_twice(Recorder(fail_once))


async def test_a_reconciler_can_request_another_reconciliation() -> None:
    async def again(_call: int) -> float | None:
        return 0.01

    await run_twice(Recorder(again))


async def test_a_hanging_reconciliation_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "TIME_LIMIT", 0.01)
    monkeypatch.setattr(reconcile, "SHORTEST_DELAY", 0.01)

    async def hang(_call: int) -> None:
        await asyncio.Event().wait()

    await run_twice(Recorder(hang))


async def test_a_stalled_queue_is_detected() -> None:
    queue = WorkQueue()
    controller = Controller({}, queue)
    assert controller.stalled_for == 0
    queue.add(CALLS)
    await asyncio.sleep(0.01)
    assert controller.stalled_for > 0
