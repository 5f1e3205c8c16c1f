"""`make bench-match`: matches per second, and the time of one match, with 10,000 tickets in the queue.

The queue holds hosts that require a guest. Each guest that joins is matched with a host, and another host joins in its
place. So the length of the queue is constant, and each match costs two joins.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final

import redis.asyncio as redis
import uvloop
from tests.e2e.signaling import store

from bench.processes import SERVER_CORE, cpu_seconds, stolen
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.session.records import Announced, Enqueue
from switchboard_signaling.valkey.cluster import ClusterClient

WAITING: Final = 10_000
HARD: Final = 5
"""One in this many tickets requires an interest that one in a hundred has; the others require only a language."""
INTERESTS: Final = 100
LANGUAGES: Final = ("de", "en", "es", "fr", "ja")
PODS: Final = 4
AT_ONCE: Final = 64
"""Concurrent guests while the maximum rate is measured."""
PACE: Final = 250
"""Guests per second while the latency is measured: far below the maximum rate, so that none waits for others."""
TARGET: Final = 2000
"""Matches per second up to which the store's core must not be the limit."""


class Tickets:
    """A source of random tickets."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def next(self, role: str, required_role: str, hard: bool) -> Ticket:
        self._count += 1
        language, interest = self._random.choice(LANGUAGES), self._interest()
        attributes = {"role": role, "lang": language, "interest": interest, "region": self._random.choice(("eu", "us"))}
        required = {"role": required_role, "lang": language} | ({"interest": self._interest()} if hard else {})
        name = f"{self._count:022}"
        return Ticket(f"{name}/t", name, name, "i" * 22, f"pod{self._count % PODS}", 0, attributes, required)

    def _interest(self) -> str:
        return f"interest{self._random.randrange(INTERESTS)}"


class Bench:
    """One queue in one store."""

    def __init__(self, broker: RedisBroker) -> None:
        self._broker = broker
        self._tickets = Tickets(7)
        self._random = random.Random(8)
        self.spans: list[float] = []
        self.matches = 0

    async def fill(self) -> None:
        """Fill the queue with hosts."""
        for start in range(0, WAITING, 500):
            hosts = [self._tickets.next("host", "guest", number % HARD == 0) for number in range(start, start + 500)]
            await asyncio.gather(*map(self._join, hosts))

    async def flood(self, seconds: float) -> None:
        """Let guests join as fast as they are matched."""
        until = time.monotonic() + seconds

        async def guests() -> None:
            while time.monotonic() < until:
                await self._guest()

        await asyncio.gather(*(guests() for _ in range(AT_ONCE)))

    async def trickle(self, seconds: float) -> None:
        """Let guests join at PACE, independently of how long each match takes."""
        begin = time.monotonic()
        async with asyncio.TaskGroup() as guests:
            for number in range(int(seconds * PACE)):
                await asyncio.sleep(max(0.0, begin + number / PACE - time.monotonic()))
                guests.create_task(self._guest())

    async def _join(self, ticket: Ticket) -> Any:
        return await self._broker.ask(Enqueue(ticket, ticket.session_id, None))

    async def _guest(self) -> None:
        guest = self._tickets.next("guest", "host", self._random.randrange(HARD) == 0)
        began = time.perf_counter()
        answer = await self._join(guest)
        self.spans.append(time.perf_counter() - began)
        if not isinstance(answer, Proposal):
            return
        self.matches += 1
        host = answer.a if answer.b.session_id == guest.session_id else answer.b
        again = self._tickets.next("host", "guest", "interest" in host.required)
        await asyncio.gather(
            self._join(again), *(self._broker.ask(Announced(one.ticket, one.pod)) for one in (answer.a, answer.b))
        )


async def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the contents of build/bench/match.json."""
    async with AsyncExitStack() as stack:
        [(host, port)] = await stack.enter_async_context(store.single(folder))
        client = await stack.enter_async_context(redis.Redis(host=host, port=port, decode_responses=True))
        pid = int((await client.info("server"))["process_id"])
        os.sched_setaffinity(pid, {SERVER_CORE})
        broker = RedisBroker("pod0", "bench/pool", ClusterClient([(host, port)]))
        await broker.start(lambda _hint: None)
        bench = Bench(broker)
        await bench.fill()
        await bench.flood(1.0)  # warm up

        bench.matches, bench.spans = 0, []
        began, used, own, before = time.monotonic(), cpu_seconds(pid), time.process_time(), stolen()
        await bench.flood(seconds)
        lasted, used, own = time.monotonic() - began, cpu_seconds(pid) - used, time.process_time() - own
        matches, (taken, ticks) = bench.matches, (now - then for now, then in zip(stolen(), before, strict=True))

        bench.spans = []
        await bench.trickle(seconds)
        waiting = await client.zcard("{q:bench/pool}:order")
        await broker.close()
    return {
        "figures": {
            "matches_per_s": round(matches / lasted),
            "p99_ms": round(quantiles(bench.spans, n=100)[98] * 1000, 2),
            "matches_per_s_of_the_store_s_core": round(matches / used),
            "store_core": round(used / lasted, 2),
            "pod_core": round(own / lasted, 2),
            "waiting": waiting,
        },
        "stolen": round(taken / max(ticks, 1), 3),
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
    }


def main() -> None:
    """Print the figures and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.match")
    parser.add_argument("--out", type=Path, default=Path("build/bench/match.json"))
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        report = uvloop.run(measure(Path(folder), options.seconds))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    for name, figure in report["figures"].items():
        print(f"{name:36}{figure:>10}")
    print(f"the store's core must not be the limit below {TARGET} matches per second")


if __name__ == "__main__":
    main()
