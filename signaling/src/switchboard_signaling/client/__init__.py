"""The Python client: for bots, tests and load. The decisions are `protocol.client`; here are its sockets and timers."""

from switchboard_signaling.client.connection import Client

__all__ = ["Client"]
