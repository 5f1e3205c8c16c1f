"""The load: pairs of clients with a number of messages in flight in both directions, each message acknowledged."""

import asyncio
import ctypes
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from bench.processes import Server, cpu_seconds, stolen
from bench.relay.dialects import DIALECTS, Client

READY_SECONDS: Final = 30.0
SETTLE_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Result:
    """Messages and CPU time in a window of time."""

    messages: int
    seconds: float
    cpu_seconds: float
    load_cpu_seconds: float
    stolen: float
    """The share of the machine that the hypervisor gave to other guests."""

    @property
    def per_cpu_second(self) -> float:
        """Messages, each with its acknowledgement, per second of the server's CPU time."""
        return self.messages / self.cpu_seconds


async def load(server: Server, dialect: str, pump: Path, pairs: int, in_flight: int, seconds: float) -> Result:
    """Exchange messages between pairs of clients for some seconds.

    Raises RuntimeError if a message was lost, duplicated or out of order.
    """
    clients = await _connect(server, DIALECTS[dialect], pairs)
    try:
        return _Pump(pump, dialect, clients).measure(server, in_flight, seconds)
    finally:
        for client in clients:
            client.transport.abort()


class _Pump:
    """The clients' connections in pump.c."""

    def __init__(self, library: Path, dialect: str, clients: Sequence[Client]) -> None:
        self._pump = ctypes.CDLL(str(library.resolve()))
        self._pump.pump_new.restype = ctypes.c_void_p
        self._dialect = dialect
        self._count = len(clients)
        self._clients = ctypes.c_void_p(self._pump.pump_new(self._count))
        # pump.c keeps pointers into these.
        self._frames = [(*client.message(), *client.ack(), client.heartbeat(), os.urandom(4)) for client in clients]
        for i, client in enumerate(clients):
            client.transport.pause_reading()
            connection = client.transport.get_extra_info("socket").fileno()
            os.set_blocking(connection, True)
            self._pump.pump_add(self._clients, i, connection, *self._frames[i])

    def measure(self, server: Server, in_flight: int, seconds: float) -> Result:
        """Exchange messages for SETTLE_SECONDS, then measure for `seconds`."""
        self._pump.pump_start(self._clients, self._count, in_flight)
        self._run(SETTLE_SECONDS)
        before = self._now(server)
        self._run(seconds)
        after = self._now(server)
        messages, took, used, load_used, taken, ticks = (b - a for a, b in zip(before, after, strict=True))
        return Result(int(messages), took, used, load_used, taken / max(ticks, 1))

    def _run(self, seconds: float) -> None:
        lost = self._pump.pump_run(self._clients, self._count, ctypes.c_double(seconds))
        _, wrong, silent = self._counts()
        if lost or wrong or silent:
            raise RuntimeError(
                f"{self._dialect}: {lost} sockets lost, {wrong} frames wrong, {silent} clients without acknowledgement"
            )

    def _counts(self) -> list[int]:
        counts = (ctypes.c_int64 * 3)()
        self._pump.pump_counts(self._clients, self._count, counts)
        return list(counts)

    def _now(self, server: Server) -> tuple[float, ...]:
        return (self._counts()[0], time.monotonic(), cpu_seconds(server.pid), time.process_time(), *stolen())


async def _connect(server: Server, dialect: type[Client], pairs: int) -> list[Client]:
    loop = asyncio.get_running_loop()
    waiting = 2 * pairs
    ready = asyncio.Event()

    def one_is_ready() -> None:
        nonlocal waiting
        waiting -= 1
        if not waiting:
            ready.set()

    clients: list[Client] = []
    for pair in range(pairs):
        for side in (0, 1):
            _, client = await loop.create_connection(
                partial(dialect, f"127.0.0.1:{server.port}", pair, side, one_is_ready),
                "127.0.0.1", server.port,
            )  # fmt: skip
            clients.append(client)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await ready.wait()
    except TimeoutError:
        problems = [client.problem for client in clients if client.problem]
        raise RuntimeError(f"{waiting} of {2 * pairs} clients have no peer; problems: {problems[:1]}") from None
    await asyncio.sleep(SETTLE_SECONDS)  # a relay may still have to join the last pair
    return clients
