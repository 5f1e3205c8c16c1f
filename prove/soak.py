"""Clients connect, are matched and leave, for long enough to reveal a memory leak: `make prove-soak`.

In a cycle, a client connects, joins the queue, is matched and leaves; one in ten leaves the queue unmatched, three in
ten disconnect without a close frame. The server's tables are bounded (broker/memory.py): the warm-up fills them.
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

from prove.minimal_client import MinimalClient
from prove.report import FOLDER, resident_kib, write
from prove.settings import UNLIMITED
from switchboard_signaling.broker.memory import RECORDS

WARM_UP = 3 * RECORDS
"""Cycles until all tables that are bounded by number are full: a match takes two clients."""
ALLOWED = 0.05
"""Allowed relative growth of resident memory over the measured cycles."""
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
            **{f"SWITCHBOARD_{name}": value for name, value in UNLIMITED.items()},
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
    """A bounded number of concurrent clients."""

    def __init__(self, port: int, at_once: int) -> None:
        self._port = port
        self._at_once = at_once
        self._started = 0
        self._active: set[MinimalClient] = set()
        self._ended = asyncio.Event()
        self.problems: Counter[str] = Counter()

    async def run(self, cycles: int) -> None:
        """Run this many cycles to their end; at most one client without a peer remains."""
        remaining = cycles
        while remaining > 0 or len(self._active) > 1:
            if remaining > 0 and len(self._active) < self._at_once:
                remaining -= 1
                await self._start()
            else:
                self._ended.clear()
                async with asyncio.timeout(60):
                    await self._ended.wait()

    def close(self) -> None:
        """Disconnect the remaining client, which would delay the server's shutdown."""
        for client in list(self._active):
            client.abort()

    async def _start(self) -> None:
        self._started += 1
        client = MinimalClient(self._started, self._done)
        self._active.add(client)
        await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", self._port)

    def _done(self, client: MinimalClient, problem: str | None) -> None:
        self._active.discard(client)
        self._ended.set()
        if problem:
            self.problems[problem] += 1


async def _port(server: asyncio.subprocess.Process) -> int:
    assert server.stdout
    async with asyncio.timeout(60):
        while line := await server.stdout.readline():
            if found := re.search(rb"ready: http://\S+:(\d+)", line):
                return int(found[1])
    raise RuntimeError("the server exited without printing its URL")


async def _drain(server: asyncio.subprocess.Process) -> None:
    assert server.stdout
    while await server.stdout.readline():
        pass


async def _objects(pid: int, file: Path) -> dict[str, int]:
    """Return the number of objects per type in the server."""
    os.kill(pid, signal.SIGUSR1)
    async with asyncio.timeout(60):
        while (found := _take(file)) is None:  # noqa: ASYNC110 - another process writes the file
            await asyncio.sleep(0.05)
    return found


def _take(file: Path) -> dict[str, int] | None:
    """Return the contents of a file and remove it; None if it does not exist."""
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
