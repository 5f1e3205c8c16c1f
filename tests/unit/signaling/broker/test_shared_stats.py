"""The shared statistics of a single pod."""

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
from switchboard_signaling.broker import shared_stats as module
from switchboard_signaling.broker.shared_stats import (
    CALL_SECONDS,
    MAX_LISTED,
    ListedNames,
    ListName,
    MemorySharedStats,
    SharedStatsFullError,
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shared_stats(clock: Clock) -> MemorySharedStats:
    return MemorySharedStats("pod", clock)


async def test_counts_add_up_once_for_each_number(shared_stats: MemorySharedStats) -> None:
    live = Live(3, 2, 1)
    for number in (1, 1, 2):
        await shared_stats.count(number, {"connected": 2}, live)
    assert await shared_stats.totals() == (Counts(connected=4), {"pod": live})


async def test_totals_cover_the_last_hour_without_silent_pods(shared_stats: MemorySharedStats, clock: Clock) -> None:
    await shared_stats.count(1, {"connected": 1}, Live())
    clock.now += LIVE_SECONDS + 1
    assert (await shared_stats.totals())[1] == {}
    clock.now += WINDOW_SECONDS - SLOT_SECONDS
    await shared_stats.count(2, {"connected": 1}, Live())
    assert (await shared_stats.totals())[0] == Counts(connected=2)
    clock.now += SLOT_SECONDS
    assert (await shared_stats.totals())[0] == Counts(connected=1)
    clock.now += KEEP_SECONDS
    await shared_stats.count(3, {}, Live())
    assert len(shared_stats._slots) == 1


async def test_a_calls_record_is_joined_by_side(shared_stats: MemorySharedStats, clock: Clock) -> None:
    await shared_stats.keep("m", "a", {"setupMs": 100.0})
    await shared_stats.keep("m", "b", {"path": "relay"})
    await shared_stats.keep("m", "a", {"seconds": 9.0})
    assert await shared_stats.kept("m") == {"a": {"setupMs": 100.0, "seconds": 9.0}, "b": {"path": "relay"}}
    assert await shared_stats.kept("other") == {}
    clock.now += CALL_SECONDS + 1
    await shared_stats.keep("new", "a", {})
    assert await shared_stats.kept("m") == {}


async def test_the_number_of_remembered_calls_is_bounded(
    shared_stats: MemorySharedStats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CALLS", 1)
    await shared_stats.keep("one", "a", {"path": "relay"})
    await shared_stats.keep("two", "a", {"path": "relay"})
    assert await shared_stats.kept("one") == {}
    assert await shared_stats.kept("two") != {}


@pytest.mark.parametrize("which", MAX_LISTED)
async def test_listed_names_have_an_end_and_a_version(
    shared_stats: MemorySharedStats, clock: Clock, monkeypatch: pytest.MonkeyPatch, which: ListName
) -> None:
    assert await shared_stats.listed(which, 0) is None
    await shared_stats.add(which, "ada", 10)
    assert await shared_stats.listed(which, 0) == ListedNames(1, {"ada": 10})
    assert await shared_stats.listed(which, 1) is None
    clock.now += 4
    await shared_stats.add(which, "eve", 3)
    assert await shared_stats.listed(which, 1) == ListedNames(2, {"ada": 6, "eve": 3})
    await shared_stats.remove(which, "ada")
    await shared_stats.remove(which, "nobody")
    clock.now += 3
    assert await shared_stats.listed(which, 1) == ListedNames(4, {})
    monkeypatch.setitem(MAX_LISTED, which, 1)
    await shared_stats.add(which, "bob", 10)
    await shared_stats.add(which, "bob", 20)
    with pytest.raises(SharedStatsFullError):
        await shared_stats.add(which, "ada", 10)


async def test_lists_are_independent(shared_stats: MemorySharedStats) -> None:
    await shared_stats.add("watches", "ada", 10)
    assert await shared_stats.listed("blocks", 0) is None


async def test_events_wait_as_in_the_model(shared_stats: MemorySharedStats, clock: Clock) -> None:
    await shared_stats.put(Event("one", "{}"))
    assert await shared_stats.take(30, 5) == [Event("one", "{}", 1)]
    await shared_stats.settle("one", 1)
    clock.now += 1
    assert await shared_stats.take(30, 5) == [Event("one", "{}", 2)]
    await shared_stats.settle("one", None)
    clock.now += 30
    assert await shared_stats.take(30, 5) == []
    for number in range(MAX_EVENTS):
        await shared_stats.put(Event(str(number), "{}"))
    with pytest.raises(SharedStatsFullError):
        await shared_stats.put(Event("more", "{}"))
