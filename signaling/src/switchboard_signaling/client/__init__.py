"""The Python client for bots, tests and load. `core` and `lanes` decide; `connection` has the sockets and timers."""

from switchboard_signaling.client.connection import Client

__all__ = ["Client"]
