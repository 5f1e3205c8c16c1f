"""Metrics of calls."""

import pytest
from prometheus_client import CollectorRegistry

from switchboard_signaling.server.telemetry.call_metrics import CallMetrics
from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import Stats


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def call_metrics(registry: CollectorRegistry) -> CallMetrics:
    return CallMetrics(registry)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"switchboard_signaling_{name}", labels)


def test_a_report_is_observed_in_seconds_and_in_both_directions(
    registry: CollectorRegistry, call_metrics: CallMetrics
) -> None:
    full = Stats(match_id="m", rtt_ms=250.0, jitter_ms=20.0, loss=0.25, remote_loss=0.5, sent_bitrate=1e6, freezes=2,
                 frozen_ms=1500.0)  # fmt: skip
    call_metrics.reported(full, 90.0)
    assert value(registry, "call_rtt_seconds_sum") == 0.25
    assert value(registry, "call_jitter_seconds_sum") == 0.02
    assert value(registry, "call_loss_ratio_sum", direction="received") == 0.25
    assert value(registry, "call_loss_ratio_sum", direction="sent") == 0.5
    assert value(registry, "call_bitrate_bits_per_second_sum", direction="sent") == 1e6
    assert value(registry, "call_bitrate_bits_per_second_count", direction="received") is None
    assert value(registry, "call_score_sum") == 90
    assert value(registry, "call_freezes_total") == 2
    assert value(registry, "call_frozen_seconds_total") == 1.5


def test_what_a_client_does_not_report_is_not_observed(registry: CollectorRegistry, call_metrics: CallMetrics) -> None:
    call_metrics.reported(Stats(match_id="m"), None)
    for name in ("call_rtt_seconds_count", "call_jitter_seconds_count", "call_score_count", "call_freezes_total"):
        assert value(registry, name) == 0


@pytest.mark.parametrize(
    ("verdict", "path", "reason", "setup_ms", "calls", "failure"),
    [
        ("connected", "relay", None, 500.0, {"verdict": "connected", "path": "relay"}, None),
        ("connected", None, None, None, {"verdict": "connected", "path": "unknown"}, None),
        ("failed", None, "ice-failed", 500.0, {"verdict": "failed", "path": "unknown"}, "ice-failed"),
        ("failed", None, None, None, {"verdict": "failed", "path": "unknown"}, "other"),
    ],
)
def test_the_outcome_of_a_connection_is_counted_once(
    registry: CollectorRegistry,
    call_metrics: CallMetrics,
    verdict: str,
    path: str | None,
    reason: str | None,
    setup_ms: float | None,
    calls: dict[str, str],
    failure: str | None,
) -> None:
    call_metrics.connection_changed(verdict, path, reason, setup_ms)
    assert value(registry, "calls_total", **calls) == 1
    failures = value(registry, "call_failures_total", verdict=verdict, reason=failure or "other")
    assert failures == (1 if failure else None)
    assert value(registry, "call_setup_seconds_count") == (1 if verdict == "connected" and setup_ms else 0)


@pytest.mark.parametrize(("seconds", "observed"), [(9.0, 1), (None, 0)])
def test_an_ended_match_is_counted_and_its_length_observed_if_known(
    registry: CollectorRegistry, call_metrics: CallMetrics, seconds: float | None, observed: int
) -> None:
    call_metrics.match_ended(MatchRecord("m", outcome="ended", by="a", reason="skip"), seconds)
    assert value(registry, "matches_ended_total", outcome="ended", reason="skip") == 1
    assert value(registry, "call_seconds_count") == observed
