"""Prometheus metrics of one pod."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from switchboard_crds import metric_names


class Metrics:
    """The pod's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._sessions = Gauge(
            metric_names.ACTIVE_SESSIONS, "Sessions attached to this pod or resumable on it", registry=self.registry
        )
        self._connections = Gauge("switchboard_signaling_connections", "Open WebSockets", registry=self.registry)
        self.received = Counter(
            "switchboard_signaling_frames_received", "Valid frames of clients", ["type"], registry=self.registry
        )
        self.refused = Counter(
            "switchboard_signaling_frames_refused", "Frames that are not valid", ["code"], registry=self.registry
        )
        self.closed = Counter(
            "switchboard_signaling_sockets_closed", "WebSockets closed", ["code"], registry=self.registry
        )

    def watch(self, sessions: Callable[[], int], connections: Callable[[], int]) -> None:
        """Read the gauges from the hub whenever they are collected."""
        self._sessions.set_function(sessions)
        self._connections.set_function(connections)

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self.registry)
