"""Prometheus metrics of one pod."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import structlog
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from switchboard_crds import metric_names
from switchboard_signaling.server.telemetry.call_metrics import counter, gauge
from switchboard_signaling.wire.errors import CLOSE_CODES

log = structlog.get_logger(__name__)

_CODES: Final = frozenset({1000, *(code.code for code in CLOSE_CODES)})


class _FramesReceived(Collector):
    """Counts frames by class, without locks and label look-ups, because each message is counted."""

    def __init__(self) -> None:
        self.counts: defaultdict[type[Struct], int] = defaultdict(int)

    def collect(self) -> Iterator[CounterMetricFamily]:
        metric = metric_names.FRAMES_RECEIVED
        family = CounterMetricFamily(metric.name, metric.meaning, labels=metric.labels)
        for kind, count in self.counts.items():
            family.add_metric([str(kind.__struct_config__.tag)], count)
        yield family


class Metrics:
    """The pod's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sessions = gauge(metric_names.ACTIVE_SESSIONS, self.registry)
        self._connections = gauge(metric_names.CONNECTIONS, self.registry)
        frames = _FramesReceived()
        self.registry.register(frames)
        self.received = frames.counts
        self.refused = counter(metric_names.FRAMES_REFUSED, self.registry)
        self.limited = counter(metric_names.LIMITED, self.registry)
        self.authenticated = counter(metric_names.AUTHENTICATED, self.registry)
        self.forged = counter(metric_names.FORGED_TOKENS, self.registry)
        self._closed = counter(metric_names.SOCKETS_CLOSED, self.registry)
        self.store_errors = counter(metric_names.STORE_ERRORS, self.registry)
        self._faults = counter(metric_names.FAULTS, self.registry)

    def fault(self, work: str, error: Exception, **facts: str) -> None:
        """Log and count an unexpected exception that the caller contains."""
        log.error("work_failed", work=work, exc_info=error, **facts)
        self._faults.labels(work).inc()

    def close(self, code: int | None) -> None:
        """Count a socket that closed with a code, or broke (None)."""
        self._closed.labels("broken" if code is None else str(code) if code in _CODES else "other").inc()

    def watch(self, sessions: Callable[[], int], connections: Callable[[], int]) -> None:
        """Set the functions that the gauges read when they are collected."""
        self._sessions.set_function(sessions)
        self._connections.set_function(connections)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
