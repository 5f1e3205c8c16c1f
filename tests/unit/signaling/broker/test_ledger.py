"""The ledger of a pod alone."""

import pytest

from switchboard_signaling.analytics.outbox import MAX_EVENTS, Event
from switchboard_signaling.analytics.totals import (
    KEEP_SECONDS,
    LIVE_SECONDS,
    SLOT_SECONDS,
    WINDOW_SECONDS,
    Counts,
    Live,
)
from switchboard_signaling.broker import ledger as module
from switchboard_signaling.broker.ledger import CALL_SECONDS, Blocks, LedgerFullError, MemoryLedger


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> MemoryLedger:
    return MemoryLedger("pod", clock)


async def test_counts_add_up_once_for_each_number(ledger: MemoryLedger) -> None:
    live = Live(3, 2, 1)
    for number in (1, 1, 2):
        await ledger.count(number, {"connected": 2}, live)
    assert await ledger.totals() == (Counts(connected=4), {"pod": live})


async def test_totals_are_of_the_last_hour_and_pods_that_fell_silent_do_not_count(
    ledger: MemoryLedger, clock: Clock
) -> None:
    await ledger.count(1, {"connected": 1}, Live())
    clock.now += LIVE_SECONDS + 1
    assert (await ledger.totals())[1] == {}
    clock.now += WINDOW_SECONDS - SLOT_SECONDS
    await ledger.count(2, {"connected": 1}, Live())
    assert (await ledger.totals())[0] == Counts(connected=2)
    clock.now += SLOT_SECONDS
    assert (await ledger.totals())[0] == Counts(connected=1)
    clock.now += KEEP_SECONDS
    await ledger.count(3, {}, Live())
    assert len(ledger._slots) == 1


async def test_what_is_known_of_a_call_is_joined_by_side(ledger: MemoryLedger, clock: Clock) -> None:
    await ledger.keep("m", "a", {"setupMs": 100.0})
    await ledger.keep("m", "b", {"path": "relay"})
    await ledger.keep("m", "a", {"seconds": 9.0})
    assert await ledger.kept("m") == {"a": {"setupMs": 100.0, "seconds": 9.0}, "b": {"path": "relay"}}
    assert await ledger.kept("other") == {}
    clock.now += CALL_SECONDS + 1
    await ledger.keep("new", "a", {})
    assert await ledger.kept("m") == {}


async def test_so_many_calls_are_remembered(ledger: MemoryLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 1)
    await ledger.keep("one", "a", {"path": "relay"})
    await ledger.keep("two", "a", {"path": "relay"})
    assert await ledger.kept("one") == {}
    assert await ledger.kept("two") != {}


async def test_blocks_have_an_end_and_a_version(
    ledger: MemoryLedger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await ledger.blocks(0) is None
    await ledger.block("ada", 10)
    assert await ledger.blocks(0) == Blocks(1, {"ada": 10})
    assert await ledger.blocks(1) is None
    clock.now += 4
    await ledger.block("eve", 3)
    assert await ledger.blocks(1) == Blocks(2, {"ada": 6, "eve": 3})
    await ledger.unblock("ada")
    await ledger.unblock("nobody")
    clock.now += 3
    assert await ledger.blocks(1) == Blocks(4, {})
    monkeypatch.setattr(module, "MAX_BLOCKS", 1)
    await ledger.block("bob", 10)
    await ledger.block("bob", 20)
    with pytest.raises(LedgerFullError):
        await ledger.block("ada", 10)


async def test_events_wait_as_the_model_says(ledger: MemoryLedger, clock: Clock) -> None:
    await ledger.put(Event("one", "{}"))
    assert await ledger.take(30, 5) == [Event("one", "{}", 1)]
    await ledger.settle("one", 1)
    clock.now += 1
    assert await ledger.take(30, 5) == [Event("one", "{}", 2)]
    await ledger.settle("one", None)
    clock.now += 30
    assert await ledger.take(30, 5) == []
    for number in range(MAX_EVENTS):
        await ledger.put(Event(str(number), "{}"))
    with pytest.raises(LedgerFullError):
        await ledger.put(Event("more", "{}"))
