"""Prometheus metrics of calls: the clients' reports, and the outcomes of matches."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from switchboard_crds import metric_names
from switchboard_signaling.analytics.totals import BUCKETS
from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import Stats

BITRATES: Final = (32e3, 64e3, 128e3, 256e3, 512e3, 1e6, 1.5e6, 2e6, 3e6, 5e6, 10e6)


def counter(metric: metric_names.Metric, registry: CollectorRegistry) -> Counter:
    """Return a counter of the table of metrics."""
    return Counter(metric.name, metric.meaning, metric.labels, registry=registry)


def gauge(metric: metric_names.Metric, registry: CollectorRegistry) -> Gauge:
    """Return a gauge of the table of metrics."""
    return Gauge(metric.name, metric.meaning, metric.labels, registry=registry)


def histogram(metric: metric_names.Metric, registry: CollectorRegistry, bounds: Sequence[float]) -> Histogram:
    """Return a histogram of the table of metrics, with these upper bounds of its buckets."""
    return Histogram(metric.name, metric.meaning, metric.labels, registry=registry, buckets=bounds)


class CallMetrics:
    """The metrics of calls, in the pod's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def spans(name: str) -> list[float]:
            return [bound / 1000 for bound in BUCKETS[name]]

        self.matches = counter(metric_names.MATCHES, registry)
        self._ended = counter(metric_names.MATCHES_ENDED, registry)
        self._calls = counter(metric_names.CALLS, registry)
        self._failures = counter(metric_names.CALL_FAILURES, registry)
        self._setup = histogram(metric_names.CALL_SETUP, registry, spans("setup_ms"))
        self._seconds = histogram(metric_names.CALL_SECONDS, registry, BUCKETS["call_seconds"])
        self._rtt = histogram(metric_names.CALL_RTT, registry, spans("rtt_ms"))
        self._jitter = histogram(metric_names.CALL_JITTER, registry, spans("jitter_ms"))
        self._loss = histogram(metric_names.CALL_LOSS, registry, BUCKETS["loss"])
        self._bitrate = histogram(metric_names.CALL_BITRATE, registry, BITRATES)
        self._score = histogram(metric_names.CALL_SCORE, registry, BUCKETS["score"])
        self._freezes = counter(metric_names.CALL_FREEZES, registry)
        self._frozen = counter(metric_names.CALL_FROZEN, registry)
        self.webhooks = counter(metric_names.WEBHOOKS, registry)
        self.webhooks_lost = counter(metric_names.WEBHOOKS_LOST, registry)
        self.records_lost = counter(metric_names.RECORDS_LOST, registry)

    def reported(self, stats: Stats, score: float | None) -> None:
        """Observe a client's report, and the call's score after it."""
        if stats.rtt_ms is not None:
            self._rtt.observe(stats.rtt_ms / 1000)
        if stats.jitter_ms is not None:
            self._jitter.observe(stats.jitter_ms / 1000)
        for direction, loss, bitrate in (
            ("received", stats.loss, stats.received_bitrate),
            ("sent", stats.remote_loss, stats.sent_bitrate),
        ):
            if loss is not None:
                self._loss.labels(direction).observe(loss)
            if bitrate is not None:
                self._bitrate.labels(direction).observe(bitrate)
        if score is not None:
            self._score.observe(score)
        self._freezes.inc(stats.freezes or 0)
        self._frozen.inc((stats.frozen_ms or 0.0) / 1000)

    def connection_changed(self, verdict: str, path: str | None, reason: str | None, setup_ms: float | None) -> None:
        """Count the outcome of a media connection."""
        self._calls.labels(verdict, path or "unknown").inc()
        if verdict != "connected":
            self._failures.labels(verdict, reason or "other").inc()
        elif setup_ms is not None:
            self._setup.observe(setup_ms / 1000)

    def match_ended(self, record: MatchRecord, seconds: object) -> None:
        """Count an ended match, and observe its length in seconds if that is known."""
        self._ended.labels(record.outcome, record.reason or "").inc()
        if isinstance(seconds, int | float):
            self._seconds.observe(seconds)
