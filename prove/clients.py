"""Clients in calls, in processes of their own: commands to them, and their counts."""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

from switchboard_signaling.wire import errors

Json = dict[str, Any]
HARMLESS: Final = frozenset({f"problem-{errors.PEER_UNREACHABLE.code}", f"problem-{errors.RETRY.code}"}) | {
    "peer-away",
    "peer-present",
}
"""Events of frames that are kept and repeated, and of a server that redirects a client to another one."""


@dataclass
class _ClientProcess:
    """A process of clients (prove/client_process.py) and its number of pairs."""

    process: asyncio.subprocess.Process
    pairs: int
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def execute(self, *command: object, seconds: float) -> Any:
        """Send a command and return its answer. Raises RuntimeError if the process has exited."""
        assert self.process.stdin
        assert self.process.stdout
        async with self._lock:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            async with asyncio.timeout(seconds):
                line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"a process of clients exited during {command}")
        return json.loads(line)


class ClientGroup:
    """The clients of all processes."""

    def __init__(self, processes: list[_ClientProcess]) -> None:
        self._processes = processes

    @classmethod
    @asynccontextmanager
    async def of(cls, clients: int, processes: int) -> AsyncIterator[Self]:
        """Start the processes for an even number of clients; leaving the context kills them."""
        pairs = clients // 2
        started: list[_ClientProcess] = []
        try:
            for index in range(processes):
                share = pairs // processes + (index < pairs % processes)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "prove.client_process", f"process{index}", str(share)),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
                )  # fmt: skip
                started.append(_ClientProcess(process, share))
            yield cls(started)
        finally:
            for one in started:
                if one.process.returncode is None:
                    one.process.kill()
                await one.process.wait()

    async def all(self, *command: object, seconds: float = 60.0) -> list[Any]:
        """Execute a command in all processes; return their answers."""
        return await asyncio.gather(*(one.execute(*command, seconds=seconds) for one in self._processes))

    async def some(self, command: str, first: float, last: float, seconds: float = 60.0) -> None:
        """Execute `connect`, `start`, `stop` or `leave` for a share of the pairs: from `first` to `last`, 0 to 1."""
        await asyncio.gather(
            *(
                one.execute(command, int(first * one.pairs), int(last * one.pairs), seconds=seconds)
                for one in self._processes
            )
        )

    async def set_servers(self, servers: list[str]) -> None:
        """Set the servers that clients may connect to (`host:port`)."""
        await self.all("servers", servers)

    async def counts(self) -> Json:
        """Return the sums of all processes' counts."""
        sums: Json = {}
        for one in await self.all("counts"):
            events = dict(Counter(sums.pop("events", {})) + Counter(one.pop("events")))
            sums = {**{name: round(sums.get(name, 0) + value, 1) for name, value in one.items()}, "events": events}
        return sums

    async def drained(self) -> bool:
        """Return whether all sent messages were received."""
        return not any(one["outstanding"] for one in await self.all("counts"))

    async def delays(self, since: float, until: float = float(2**53)) -> list[float]:
        """Return the delay in seconds of each message that was sent in a span of time (monotonic clock)."""
        return [one for part in await self.all("delays", since, until) for one in part]

    async def longest_delays(self, since: float, until: float) -> list[float]:
        """Return per client the longest delay in seconds of the messages sent to it in a span of time."""
        return [one for part in await self.all("longest_delays", since, until) for one in part]

    async def welcomes(self, since: float) -> list[int]:
        """Return the number of welcomes per client since a time."""
        return [one for part in await self.all("welcomes", since) for one in part]


def harm(events: dict[str, int]) -> set[str]:
    """Return the events that no client should receive."""
    return set(events) - HARMLESS


async def until(condition: Callable[[], Any], seconds: float) -> bool:
    """Wait for a condition; return whether it was true in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True
