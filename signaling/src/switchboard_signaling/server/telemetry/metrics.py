"""Prometheus metrics of one pod."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from switchboard_crds import metric_names
from switchboard_signaling.server.telemetry.meters import counter
from switchboard_signaling.wire.errors import CLOSE_CODES

log = structlog.get_logger(__name__)

_CODES: Final = frozenset({1000, *(code.code for code in CLOSE_CODES)})


class _Received(Collector):
    """Frames by their class: counted without locks and look-ups of labels, because each message is."""

    def __init__(self) -> None:
        self.counts: defaultdict[type, int] = defaultdict(int)

    def collect(self) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "switchboard_signaling_frames_received", "Valid frames of clients", labels=["type"]
        )
        for kind, count in self.counts.items():
            family.add_metric([kind.__name__], count)
        yield family


class Metrics:
    """The pod's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sessions = Gauge(
            metric_names.ACTIVE_SESSIONS, "Sessions attached to this pod or resumable on it", registry=self.registry
        )
        self._connections = Gauge("switchboard_signaling_connections", "Open WebSockets", registry=self.registry)
        received = _Received()
        self.registry.register(received)
        self.received = received.counts
        self.refused = Counter(
            "switchboard_signaling_frames_refused", "Frames that are not valid", ["code"], registry=self.registry
        )
        self.limited = Counter(
            "switchboard_signaling_limited",
            "What a limit refused (connects, tokens, candidates, sdp) or slowed down (frames)",
            ["limit"],
            registry=self.registry,
        )
        self.authenticated = Counter(
            "switchboard_signaling_authenticated",
            "JWTs checked, by what came of it",
            ["result"],
            registry=self.registry,
        )
        self.made_up = Counter(
            "switchboard_signaling_made_up_tokens", "Tokens in our name that are not ours", registry=self.registry
        )
        self._closed = Counter(
            "switchboard_signaling_sockets_closed",
            "WebSockets closed, by close code; `broken`: without one, `other`: with one that only the client knows",
            ["code"],
            registry=self.registry,
        )
        self.store_troubles = Counter(
            "switchboard_signaling_store_troubles",
            "What kept the store from answering at once, by the error's first word",
            ["code"],
            registry=self.registry,
        )
        self._faults = counter(metric_names.FAULTS, self.registry)

    def fault(self, work: str, error: Exception, **facts: str) -> None:
        """Log an unexpected exception with its traceback, and count it; whoever caught it goes on."""
        log.error("work_failed", work=work, exc_info=error, **facts)
        self._faults.labels(work).inc()

    def close(self, code: int | None) -> None:
        """Count a socket that was closed with a code, or broke off."""
        self._closed.labels("broken" if code is None else str(code) if code in _CODES else "other").inc()

    def watch(self, sessions: Callable[[], int], connections: Callable[[], int]) -> None:
        """Read the gauges from the hub whenever they are collected."""
        self._sessions.set_function(sessions)
        self._connections.set_function(connections)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
