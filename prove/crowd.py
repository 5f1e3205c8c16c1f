"""Clients in calls, in processes of their own: what a proof tells them, and what they counted."""

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
    "partner-away",
    "partner-present",
}
"""Said of frames that are kept and repeated, and of a server that sent a client on to another one."""


@dataclass
class _Talkers:
    """A process of clients (prove/talkers.py) and how many pairs it has."""

    process: asyncio.subprocess.Process
    pairs: int
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def ask(self, *command: object, seconds: float) -> Any:
        """Give a command, after those that are under way, and return the answer."""
        assert self.process.stdin
        assert self.process.stdout
        async with self._turn:
            self.process.stdin.write(json.dumps(command).encode() + b"\n")
            async with asyncio.timeout(seconds):
                line = await self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"clients ended at {command}")
        return json.loads(line)


class Crowd:
    """All clients; commands that speak of pairs take a share of all, from 0 to 1."""

    def __init__(self, talkers: list[_Talkers]) -> None:
        self._talkers = talkers

    @classmethod
    @asynccontextmanager
    async def of(cls, clients: int, processes: int) -> AsyncIterator[Self]:
        """Start the processes for an even number of clients; they end with the context."""
        pairs = clients // 2
        started: list[_Talkers] = []
        try:
            for index in range(processes):
                share = pairs // processes + (index < pairs % processes)
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "prove.talkers", f"house{index}", str(share)),
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
                )  # fmt: skip
                started.append(_Talkers(process, share))
            yield cls(started)
        finally:
            for one in started:
                if one.process.returncode is None:
                    one.process.kill()
                await one.process.wait()

    async def all(self, *command: object, seconds: float = 60.0) -> list[Any]:
        """Ask all processes."""
        return await asyncio.gather(*(one.ask(*command, seconds=seconds) for one in self._talkers))

    async def some(self, command: str, first: float, last: float, seconds: float = 60.0) -> None:
        """Have a share of the pairs meet, talk, hush or part: those from `first` to `last` of all."""
        await asyncio.gather(
            *(one.ask(command, int(first * one.pairs), int(last * one.pairs), seconds=seconds) for one in self._talkers)
        )

    async def living(self, servers: list[str]) -> None:
        """Tell the clients where they may connect (`host:port`)."""
        await self.all("living", servers)

    async def counts(self) -> Json:
        """Return the clients' counts, added up."""
        added: Json = {}
        for one in await self.all("counts"):
            events = dict(Counter(added.pop("events", {})) + Counter(one.pop("events")))
            added = {**{name: round(added.get(name, 0) + value, 1) for name, value in one.items()}, "events": events}
        return added

    async def drained(self) -> bool:
        """Whether all that was said was shown."""
        return not any(one["outstanding"] for one in await self.all("counts"))

    async def delays(self, since: float, until: float = float(2**53)) -> list[float]:
        """Return how long each message took that was said in a span of time (seconds of the monotonic clock)."""
        return [one for part in await self.all("delays", since, until) for one in part]

    async def silences(self, since: float, until: float) -> list[float]:
        """Return for each client how late its latest message was, of those said to it in a span of time."""
        return [one for part in await self.all("silences", since, until) for one in part]

    async def arrivals(self, since: float) -> list[int]:
        """Return how often each client was welcomed since a time."""
        return [one for part in await self.all("arrivals", since) for one in part]


def harm(events: dict[str, int]) -> set[str]:
    """Return the events that no client should have seen."""
    return set(events) - HARMLESS


async def until(condition: Callable[[], Any], seconds: float) -> bool:
    """Wait for what other processes bring about; return whether it came in time."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True
