"""Clients come, are matched and leave, for long enough that a leak shows: `make prove-soak`.

A cycle is one client's: connect, join, be matched with another one, leave; one in ten leaves the line unmatched, three
in ten vanish without a word. What the server keeps on purpose is bounded (broker/memory.py): the warm-up fills it.
"""

import argparse
import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import uvloop

from prove.pool import OPEN
from prove.report import FOLDER, resident_kib, write
from prove.visitor import Visitor
from switchboard_signaling.broker.memory import RECORDS

WARM_UP = 3 * RECORDS
"""Cycles until all that is bounded by number is full: two clients make one match."""
ALLOWED = 0.05
"""Growth of resident memory over the measured cycles, as a part of what it was."""
SAMPLES = 20


async def main(cycles: int, warm_up: int, at_once: int) -> int:
    """Run the proof; return the exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    counts = FOLDER / "objects.json"
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prove.observed", "serve", "--host", "127.0.0.1"),
        *("--port", "0", "--internal-port", "0"),
        env={
            **os.environ,
            "SWITCHBOARD_ENVIRONMENT": "Staging",
            **{f"SWITCHBOARD_{name}": value for name, value in OPEN.items()},
            "OBSERVED_FILE": str(counts),
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        port = await _port(server)
        drain = asyncio.create_task(_drain(server))
        load = Load(port, at_once)
        await load.run(warm_up)
        before, objects = resident_kib(server.pid), await _objects(server.pid, counts)
        started = time.monotonic()
        samples = []
        for _ in range(SAMPLES):
            await load.run(cycles // SAMPLES)
            samples.append(resident_kib(server.pid))
        seconds = time.monotonic() - started
        after_objects = await _objects(server.pid, counts)
        problems = dict(load.problems.most_common(10))
        load.close()
    finally:
        server.terminate()
        await server.wait()
    await drain
    after = samples[-1]
    grown = {kind: after_objects[kind] - number for kind, number in objects.items() if kind in after_objects}
    figures = {
        "cycles": cycles // SAMPLES * SAMPLES,
        "warm_up_cycles": warm_up,
        "seconds": round(seconds, 1),
        "cycles_per_second": round(cycles / seconds),
        "rss_kib": {"after_warm_up": before, "at_the_end": after, "samples": samples},
        "growth": round(after / before - 1, 4),
        "objects_grown": dict(Counter(grown).most_common(10)),
        "problems": problems,
        "passed": after / before - 1 <= ALLOWED and not problems,
    }
    print(f"{write('soak', figures)}: {json.dumps({name: figures[name] for name in ('cycles', 'growth', 'passed')})}")
    return 0 if figures["passed"] else 1


class Load:
    """Visitors, so many at once."""

    def __init__(self, port: int, at_once: int) -> None:
        self._port = port
        self._at_once = at_once
        self._begun = 0
        self._here: set[Visitor] = set()
        self._ended = asyncio.Event()
        self.problems: Counter[str] = Counter()

    async def run(self, cycles: int) -> None:
        """Run cycles to their end. Those that wait for a partner at last are given one by further visitors."""
        left = cycles
        while left > 0 or len(self._here) > 1:
            if left > 0 and len(self._here) < self._at_once:
                left -= 1
                await self._come()
            else:
                self._ended.clear()
                async with asyncio.timeout(60):
                    await self._ended.wait()

    def close(self) -> None:
        """Send away whoever waits for a partner still: a server that stops would wait for them."""
        for visitor in list(self._here):
            visitor.abort()

    async def _come(self) -> None:
        self._begun += 1
        visitor = Visitor(self._begun, self._gone)
        self._here.add(visitor)
        await asyncio.get_running_loop().create_connection(lambda: visitor, "127.0.0.1", self._port)

    def _gone(self, visitor: Visitor, problem: str | None) -> None:
        self._here.discard(visitor)
        self._ended.set()
        if problem:
            self.problems[problem] += 1


async def _port(server: asyncio.subprocess.Process) -> int:
    assert server.stdout
    async with asyncio.timeout(60):
        while line := await server.stdout.readline():
            if found := re.search(rb"ready: http://\S+:(\d+)", line):
                return int(found[1])
    raise RuntimeError("the server ended without a URL")


async def _drain(server: asyncio.subprocess.Process) -> None:
    assert server.stdout
    while await server.stdout.readline():
        pass


async def _objects(pid: int, file: Path) -> dict[str, int]:
    """Return how many objects of each type the server has."""
    os.kill(pid, signal.SIGUSR1)
    async with asyncio.timeout(60):
        while (found := _taken(file)) is None:  # noqa: ASYNC110 - another process's file
            await asyncio.sleep(0.05)
    return found


def _taken(file: Path) -> dict[str, int] | None:
    """Return what a file holds, once, or None if it is not there."""
    if not file.exists():
        return None
    found: dict[str, int] = json.loads(file.read_text())
    file.unlink()
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200_000)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--at-once", type=int, default=64)
    given = parser.parse_args()
    sys.exit(uvloop.run(main(given.cycles, given.warm_up, given.at_once)))
