"""The totals of a pool."""

import pytest

from switchboard_signaling.analytics.totals import BUCKETS, Counts, Distribution, Live, observe, percentile, report


def observed(name: str, *values: float) -> Counts:
    counts = Counts()
    for value in values:
        observe(counts, name, value)
    return counts


def test_a_value_is_counted_in_the_lowest_bucket_that_contains_it() -> None:
    assert observed("setup_ms", 0, 50, 50.1, 30_000, 30_001) == {
        "setup_ms/50": 2, "setup_ms/100": 1, "setup_ms/30000": 1, "setup_ms/inf": 1,
    }  # fmt: skip


def test_a_percentile_lies_within_its_bucket() -> None:
    counts = observed("setup_ms", *[150] * 50, *[400] * 50)
    assert percentile(counts, "setup_ms", 0.25) == pytest.approx(150)
    assert percentile(counts, "setup_ms", 0.5) == pytest.approx(200)
    assert percentile(counts, "setup_ms", 0.75) == pytest.approx(400)
    assert percentile(counts, "setup_ms", 1.0) == pytest.approx(500)
    assert percentile(observed("setup_ms", 10**6), "setup_ms", 0.5) == 30_000
    assert percentile(Counts(), "setup_ms", 0.5) is None
    assert percentile(observed("loss", 0.0), "loss", 0.5) == 0


def test_sums_over_pods_equal_the_counts_of_a_single_pod() -> None:
    one, two = observed("rtt_ms", 5, 30, 90), observed("rtt_ms", 30, 700)
    both = observed("rtt_ms", 5, 30, 90, 30, 700)
    assert one + two == both
    assert percentile(one + two, "rtt_ms", 0.5) == percentile(both, "rtt_ms", 0.5)


def test_the_report_has_shares_reasons_and_distributions() -> None:
    counts = Counts(
        {"matches": 11, "connected": 9, "failed": 1, "failed.ice-failed": 1, "dropped": 2, "dropped.other": 2,
         "relay": 3,
         "direct": 6, "ended.skip": 4, "ended.user": 5, "aborted": 1}
    ) + observed("setup_ms", 100, 100)  # fmt: skip
    stats = report(counts, [Live(3, 2, 2), Live(1, 1, 0)])
    assert (stats.active_sessions, stats.connections, stats.matched_sessions, stats.pods) == (4, 3, 2, 2)
    assert (stats.matches, stats.connected, stats.failed, stats.dropped, stats.aborted) == (11, 9, 1, 2, 1)
    assert (stats.success_rate, stats.relayed_share) == (0.9, 0.3333)
    assert stats.failures == {"ice-failed": 1}
    assert stats.drops == {"other": 2}
    assert stats.endings == {"skip": 4, "user": 5}
    assert stats.setup_ms == Distribution(count=2, p5=52.5, p50=75.0, p95=97.5, p99=99.5)
    assert stats.rtt_ms == Distribution(count=0, p5=None, p50=None, p95=None, p99=None)
    assert stats.current


def test_without_calls_there_are_no_shares() -> None:
    stats = report({}, [])
    assert (stats.success_rate, stats.relayed_share, stats.pods) == (None, None, 0)


def test_bounds_ascend() -> None:
    for bounds in BUCKETS.values():
        assert list(bounds) == sorted(set(bounds))
