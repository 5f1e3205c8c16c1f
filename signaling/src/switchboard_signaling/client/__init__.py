"""The Python client, for bots, tests and load: decisions in `core` and `lanes`, sockets and timers in `connection`."""

from switchboard_signaling.client.connection import Client

__all__ = ["Client"]
