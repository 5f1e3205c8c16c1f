"""A pod's part of the pool's totals."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from switchboard_signaling.analytics.call import Fields
from switchboard_signaling.analytics.totals import Counts, Live
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import MemorySharedStats
from switchboard_signaling.server.telemetry import stats_flusher as module
from switchboard_signaling.server.telemetry.call_metrics import CallMetrics
from switchboard_signaling.server.telemetry.stats_flusher import StatsFlusher


class Shaky(MemorySharedStats):
    """Shared stats that are unavailable (`away`), or whose next reply is lost."""

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
def stats(shared_stats: Shaky, registry: CollectorRegistry) -> StatsFlusher:
    return StatsFlusher(shared_stats, "pod", CallMetrics(registry))


async def test_counts_are_taken_over_and_written(stats: StatsFlusher, shared_stats: Shaky) -> None:
    counts = Counts(connected=1)
    stats.add(counts)
    assert not counts
    await stats.flush()
    await stats.flush()
    assert (await shared_stats.totals())[0] == Counts(connected=1)


async def test_an_outage_or_a_lost_reply_neither_loses_nor_doubles_counts(
    stats: StatsFlusher, shared_stats: Shaky
) -> None:
    stats.add(Counts(connected=1))
    stats.keep("m", "a", {"path": "relay"})
    shared_stats.away = True
    await stats.flush()
    stats.add(Counts(connected=1))
    shared_stats.away, shared_stats.lose_reply = False, True
    await stats.flush()
    await stats.flush()
    await stats.flush()
    assert (await shared_stats.totals())[0] == Counts(connected=2)
    assert await shared_stats.kept("m") == {"a": {"path": "relay"}}


async def test_the_report_includes_unwritten_counts_and_other_pods(stats: StatsFlusher, shared_stats: Shaky) -> None:
    stats.live = lambda: Live(2, 2, 0)
    other = StatsFlusher(shared_stats, "other", stats._metrics)
    shared_stats._pod = "other"
    other.add(Counts(connected=3))
    await other.flush()
    shared_stats._pod = "pod"
    stats.add(Counts(connected=1))
    report = await stats.report()
    assert (report.current, report.connected, report.active_sessions, report.pods) == (True, 4, 2, 2)
    stats.add(Counts(connected=1))
    assert await stats.report() is report


async def test_without_the_store_the_last_report_is_returned(
    stats: StatsFlusher, shared_stats: Shaky, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRESH_SECONDS", 0)
    shared_stats.away = True
    report = await stats.report()
    assert (report.connected, report.pods, report.current) == (0, 1, False)
    shared_stats.away = False
    stats.add(Counts(connected=1))
    last = await stats.report()
    assert last.current
    shared_stats.away = True
    assert await stats.report() == replace(last, current=False)


async def test_the_number_of_waiting_records_is_limited(
    stats: StatsFlusher, shared_stats: Shaky, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNKEPT", 1)
    stats.keep("one", "a", {"path": "relay"})
    stats.keep("two", "a", {"path": "relay"})
    stats.keep("two", "a", {"seconds": 1})
    await stats.flush()
    assert await shared_stats.kept("one") == {}
    assert await shared_stats.kept("two") == {"a": {"path": "relay", "seconds": 1}}
    assert registry.get_sample_value("switchboard_signaling_call_records_lost_total") == 1


async def test_a_record_that_cannot_be_written_blocks_no_other(
    stats: StatsFlusher, shared_stats: Shaky, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(match_id: str, side: str, fields: Fields) -> None:
        if match_id == "one":
            raise ValueError("unexpected")
        await Shaky.keep(shared_stats, match_id, side, fields)

    monkeypatch.setattr(shared_stats, "keep", keep)
    stats.keep("one", "a", {"path": "relay"})
    stats.keep("two", "a", {"path": "relay"})
    await stats.flush()
    assert await shared_stats.kept("two") == {"a": {"path": "relay"}}
    assert registry.get_sample_value("switchboard_signaling_call_records_lost_total") == 1
