"""`make bench-memory`: KiB of resident memory per connection, with 20,000 connections."""

import argparse
import asyncio
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvloop

from bench.processes import LOAD_CORE, Server, cpu_seconds, raise_file_limit, resident_kb, running
from bench.websocket import WebSocket

PER_SOURCE: Final = 10_000
"""Connections per source address, which has at most 28,232 ports (ip_local_port_range)."""
AT_ONCE: Final = 100
HEARTBEAT_SECONDS: Final = 5.0
HEARTBEATS: Final = 3
"""Rounds of heartbeats before memory is read: the first ones still allocate, for example for the queue position."""
READY_SECONDS: Final = 600.0
TARGET: Final = 18.0
OTHER_FILES: Final = 200
"""Files that a server opens besides its clients' sockets."""


class Bare(WebSocket):
    """A client that sends nothing."""

    def __init__(self, host: str, number: int, ready: Callable[[], None]) -> None:
        self.number, self.ready = number, ready
        self.problem = ""
        self.heartbeats = 0
        super().__init__(host, "/ws", "switchboard.v1")

    def opened(self) -> None:
        self.ready()

    def closed(self, why: str) -> None:
        self.problem = self.problem or why


class Queued(Bare):
    """A queued session that no other one matches; it answers heartbeats as the SDK does."""

    _heartbeat: bytes

    def opened(self) -> None:
        self._send({"type": "hello", "socket": 1, "instance": f"inst-{self.number:017}"})

    def received(self, text: bytes) -> None:
        if text.startswith(b'{"type":"heartbeat"'):
            self.heartbeats += 1
            self.send(self._heartbeat)
            return
        frame = json.loads(text)
        match frame["type"]:
            case "welcome":
                what = {"ticket": f"ticket-{self.number:015}", "required": {"number": str(self.number)}}
                self._intent = {"state": "queued", "revision": 1} | what
                self._send({"type": "join-queue", "revision": 1} | what)
            case "queued":
                self._heartbeat = _json(
                    {"type": "heartbeat", "intent": self._intent | {"queueToken": frame["queueToken"]}}
                )
                self.ready()
            case other:
                self.problem = f"{other}: {text!r}"

    def _send(self, frame: Mapping[str, Any]) -> None:
        self.send(_json(frame))


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


async def measure(
    command: Sequence[str], environment: Mapping[str, str], kind: type[Bare], count: int
) -> dict[str, float]:
    """Return a server's KiB per connection (`kb`), and the share of a core that idle connections use (`core`)."""
    async with running(command, environment) as server:
        first = await connect(server, kind, range(-AT_ONCE, 0))  # one-time allocations are not counted
        before = resident_kb(server.pid)
        clients = await connect(server, kind, range(count))
        if kind is Queued:
            await asyncio.sleep(HEARTBEATS * HEARTBEAT_SECONDS)
        used = cpu_seconds(server.pid)
        await asyncio.sleep(5)
        used = cpu_seconds(server.pid) - used
        problems = [one.problem for one in (*first, *clients) if one.problem]
        problems += ["no heartbeat" for one in clients if kind is Queued and one.heartbeats < HEARTBEATS - 1]
        if problems:
            raise RuntimeError(f"{len(problems)} of {count} connections had a problem; the first: {problems[0]}")
        return {"kb": (resident_kb(server.pid) - before) / count, "core": used / 5}


async def connect(server: Server, kind: type[Bare], numbers: range) -> list[Bare]:
    """Open connections, AT_ONCE at a time and PER_SOURCE per source address; wait until all are ready."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Semaphore(AT_ONCE)
    clients: list[Bare] = []
    async with asyncio.timeout(READY_SECONDS):
        for number in numbers:
            await ready.acquire()
            _, client = await loop.create_connection(
                partial(kind, f"127.0.0.1:{server.port}", number, ready.release),
                "127.0.0.1", server.port, local_addr=(f"127.0.0.{2 + number // PER_SOURCE}", 0),
            )  # fmt: skip
            clients.append(client)
        for _ in range(AT_ONCE):
            await ready.acquire()
    return clients


async def compare(count: int) -> dict[str, Any]:
    """Measure both servers; return the contents of build/bench/memory.json."""
    serve = ["switchboard-signaling", "serve", "--host", "127.0.0.1", "--port", "0", "--internal-port", "0"]
    ours = await measure(
        serve, {"SWITCHBOARD_CAPACITY": str(2 * count), "SWITCHBOARD_CONNECTS_PER_SECOND": "0"}, Queued, count
    )
    bare = await measure([sys.executable, "-m", "bench.memory.bare"], {}, Bare, count)
    return {
        "figures": {"kb_per_connection": round(ours["kb"], 2), "bare_kb_per_connection": round(bare["kb"], 2)},
        "idle_core": round(ours["core"], 3),
        "connections": count,
    }


def main() -> None:
    """Print the figures and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory")
    parser.add_argument("--out", type=Path, default=Path("build/bench/memory.json"))
    parser.add_argument("--connections", type=int, default=20_000)
    options = parser.parse_args()
    raise_file_limit()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - OTHER_FILES
    if options.connections > most:
        print(f"A process can open only {most} sockets on this machine: {options.connections} connections are too many")
        options.connections = most
    os.sched_setaffinity(0, {LOAD_CORE})
    report = uvloop.run(compare(options.connections))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    figures = report["figures"]
    print(f"KiB per connection, {options.connections} queued sessions with heartbeats: {figures['kb_per_connection']}")
    print(f"of which aiohttp alone: {figures['bare_kb_per_connection']}; target {TARGET}")
    print(f"CPU while idle: {report['idle_core'] * 100:.1f} % of a core")


if __name__ == "__main__":
    main()
