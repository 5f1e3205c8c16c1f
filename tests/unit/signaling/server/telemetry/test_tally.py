"""What a pod adds to the pool's totals."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from switchboard_signaling.analytics.call import Fields
from switchboard_signaling.analytics.totals import Counts, Live
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import MemorySharedStats
from switchboard_signaling.server.telemetry import tally as module
from switchboard_signaling.server.telemetry.meters import Meters
from switchboard_signaling.server.telemetry.tally import Tally


class Shaky(MemorySharedStats):
    """A ledger that is `away`, or whose next reply is lost."""

    away = lose_reply = False

    def check(self) -> None:
        if self.away:
            raise BrokerUnavailableError("away")

    async def count(self, number: int, counts: Mapping[str, int], live: Live) -> None:
        self.check()
        await super().count(number, counts, live)
        if self.lose_reply:
            self.lose_reply = False
            raise BrokerUnavailableError("lost")

    async def totals(self) -> tuple[Counts, dict[str, Live]]:
        self.check()
        return await super().totals()

    async def keep(self, match_id: str, side: str, fields: Fields) -> None:
        self.check()
        await super().keep(match_id, side, fields)


@pytest.fixture
def shared_stats() -> Shaky:
    return Shaky("pod", lambda: 1000.0)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def tally(shared_stats: Shaky, registry: CollectorRegistry) -> Tally:
    return Tally(shared_stats, "pod", Meters(registry))


async def test_counts_are_taken_over_and_written(tally: Tally, shared_stats: Shaky) -> None:
    counts = Counts(connected=1)
    tally.add(counts)
    assert not counts
    await tally.flush()
    await tally.flush()
    assert (await shared_stats.totals())[0] == Counts(connected=1)


async def test_nothing_is_lost_nor_doubled_by_an_outage_or_a_lost_reply(tally: Tally, shared_stats: Shaky) -> None:
    tally.add(Counts(connected=1))
    tally.keep("m", "a", {"path": "relay"})
    shared_stats.away = True
    await tally.flush()
    tally.add(Counts(connected=1))
    shared_stats.away, shared_stats.lose_reply = False, True
    await tally.flush()
    await tally.flush()
    await tally.flush()
    assert (await shared_stats.totals())[0] == Counts(connected=2)
    assert await shared_stats.kept("m") == {"a": {"path": "relay"}}


async def test_the_report_has_what_is_not_written_yet_and_what_other_pods_have(
    tally: Tally, shared_stats: Shaky
) -> None:
    tally.live = lambda: Live(2, 2, 0)
    other = Tally(shared_stats, "other", tally._meters)
    shared_stats._pod = "other"
    other.add(Counts(connected=3))
    await other.flush()
    shared_stats._pod = "pod"
    tally.add(Counts(connected=1))
    report = await tally.report()
    assert (report.current, report.connected, report.active_sessions, report.pods) == (True, 4, 2, 2)
    tally.add(Counts(connected=1))
    assert await tally.report() is report


async def test_without_the_store_the_last_report_is_given(
    tally: Tally, shared_stats: Shaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    shared_stats.away = True
    report = await tally.report()
    assert (report.connected, report.pods, report.current) == (0, 1, False)
    shared_stats.away = False
    tally.add(Counts(connected=1))
    last = await tally.report()
    assert last.current
    shared_stats.away = True
    assert await tally.report() == replace(last, current=False)


async def test_records_that_the_store_does_not_take_in_time_make_room(
    tally: Tally, shared_stats: Shaky, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNKEPT", 1)
    tally.keep("one", "a", {"path": "relay"})
    tally.keep("two", "a", {"path": "relay"})
    tally.keep("two", "a", {"seconds": 1})
    await tally.flush()
    assert await shared_stats.kept("one") == {}
    assert await shared_stats.kept("two") == {"a": {"path": "relay", "seconds": 1}}
    assert registry.get_sample_value("switchboard_signaling_call_records_lost_total") == 1


async def test_a_record_that_cannot_be_written_holds_up_no_other(
    tally: Tally, shared_stats: Shaky, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(match_id: str, side: str, fields: Fields) -> None:
        if match_id == "one":
            raise ValueError("unexpected")
        await Shaky.keep(shared_stats, match_id, side, fields)

    monkeypatch.setattr(shared_stats, "keep", keep)
    tally.keep("one", "a", {"path": "relay"})
    tally.keep("two", "a", {"path": "relay"})
    await tally.flush()
    assert await shared_stats.kept("two") == {"a": {"path": "relay"}}
    assert registry.get_sample_value("switchboard_signaling_call_records_lost_total") == 1
