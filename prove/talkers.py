"""Clients in calls, many in one process, that count what was said and what was shown: a part of prove/relay.py.

Commands come as JSON lines on standard input, answers go out the same way. Both clients of a pair live here, so that
all counting is by one clock and without the servers' help.
"""

import asyncio
import json
import resource
import sys
import time
from bisect import bisect_right
from collections import Counter
from random import Random
from statistics import median
from typing import Any, Final

import uvloop

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import (
    ClientProblem,
    Ended,
    Event,
    MatchReady,
    Online,
    PeerMessageReceived,
    PeerPresenceChanged,
    Stopped,
)
from switchboard_signaling.wire.messages import Chat

MEET_SECONDS: Final = 60.0
MEETING_AT_ONCE: Final = 20
Json = dict[str, Any]


class Talker:
    """One client: what it said, what it was shown, where and when it was online."""

    def __init__(self, house: "House", address: str) -> None:
        """`address` is what a proxy would say that this client comes from."""
        self._house = house
        self.client = Client(self._url, on_event=self._told, headers={"X-Forwarded-For": address})
        self.met = asyncio.Event()
        self.said: list[float] = []
        self.shown: dict[int, float] = {}
        self.doubled = self.disordered = 0
        self.online: list[tuple[float, str]] = []
        """Since when at which server."""
        self.parted = False
        self._server = ""

    def _url(self) -> str:
        self._server = self._house.random.choice(self._house.living)
        return f"ws://{self._server}/ws"

    def arrived(self) -> None:
        """Note a welcome."""
        self.online.append((time.monotonic(), self._server))

    async def say(self) -> None:
        """Say the next number."""
        self.said.append(time.monotonic())
        number = str(len(self.said))
        await self.client.say(Chat(match_id="", from_="", to="", seq=0, id=number, text=number))

    def server_at(self, when: float) -> str | None:
        """Return the server that this client was last welcomed by at a time."""
        index = bisect_right(self.online, when, key=lambda one: one[0])
        return self.online[index - 1][1] if index else None

    def _told(self, event: Event) -> None:
        if self.parted:
            return
        match event:
            case Online():
                self.arrived()
            case MatchReady():
                self.met.set()
            case PeerMessageReceived(frame=Chat(text=text)):
                number = int(text)
                self.doubled += number in self.shown
                self.disordered += number != len(self.shown) + 1
                self.shown.setdefault(number, time.monotonic())
            case PeerPresenceChanged(state=state):
                self._house.events[f"partner-{state}"] += 1
            case Ended(reason=reason):
                self._house.events[f"ended-{reason}"] += 1
            case ClientProblem(code=code):
                self._house.events[f"problem-{code}"] += 1
            case Stopped():
                self._house.events["stopped"] += 1


class House:
    """All pairs of this process."""

    def __init__(self, name: str, pairs: int) -> None:
        self.living: list[str] = []
        """Servers (`host:port`) that a Service would send clients to."""
        self.events: Counter[str] = Counter()
        self.random = Random(name)
        self._name = name
        self._pairs = [(Talker(self, self._address()), Talker(self, self._address())) for _ in range(pairs)]
        self._talking: dict[int, asyncio.Task[None]] = {}

    @property
    def talkers(self) -> list[Talker]:
        """Everybody."""
        return [talker for pair in self._pairs for talker in pair]

    async def meet(self, first: int, last: int) -> None:
        """Connect the pairs of a range; each finds its partner by an attribute that the two share."""
        turn = asyncio.Semaphore(MEETING_AT_ONCE)

        async def one_pair(number: int) -> None:
            pair = {"pair": f"{self._name}-{number}"}
            async with turn:
                for talker in self._pairs[number]:
                    await talker.client.__aenter__()
                    talker.arrived()
                    await talker.client.join(pair, pair)
                try:
                    async with asyncio.timeout(MEET_SECONDS):
                        for talker in self._pairs[number]:
                            await talker.met.wait()
                except TimeoutError:
                    wants = [talker.client.session.intent for talker in self._pairs[number]]
                    raise TimeoutError(f"a pair did not meet: {wants}, {self.events}") from None

        await asyncio.gather(*map(one_pair, range(first, last)))

    def talk(self, first: int, last: int) -> None:
        """Begin to talk: a message a second a pair, in turns."""
        for number in range(first, last):
            self._talking[number] = asyncio.create_task(self._talk(*self._pairs[number]))

    async def hush(self, first: int, last: int) -> None:
        """End it."""
        tasks = [self._talking.pop(number) for number in range(first, last)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def part(self, first: int, last: int) -> None:
        """Let pairs that were silent for a while leave, one side after the other, and close their sockets."""
        for pair in self._pairs[first:last]:
            for talker in pair:
                talker.parted = True
        for pair in self._pairs[first:last]:
            for talker in pair:
                await talker.client.leave()
            await self._close(pair)

    async def close(self) -> None:
        """Close all sockets."""
        for pair in self._pairs:
            await self._close(pair)

    async def _close(self, pair: tuple[Talker, Talker]) -> None:
        for talker in pair:
            if talker.met.is_set():
                await talker.client.__aexit__()

    def _address(self) -> str:
        return f"10.{self.random.randrange(256)}.{self.random.randrange(256)}.{self.random.randrange(1, 255)}"

    async def _talk(self, one: Talker, other: Talker) -> None:
        due = time.monotonic() + self.random.random()
        while True:
            await asyncio.sleep(due - time.monotonic())
            await one.say()
            one, other, due = other, one, due + 1.0

    def counts(self) -> Json:
        """Return what was said and shown so far."""
        said = sum(len(one.said) for one in self.talkers)
        shown = sum(len(one.shown) for one in self.talkers)
        lost = sum(
            len(speaker.said) - len(hearer.shown) for pair in self._pairs for speaker, hearer in (pair, pair[::-1])
        )
        return {
            "said": said,
            "shown": shown,
            "outstanding": lost,
            "doubled": sum(one.doubled for one in self.talkers),
            "disordered": sum(one.disordered for one in self.talkers),
            "events": dict(self.events),
            "cpu_seconds": round(time.process_time(), 1),
        }

    def offline(self, server: str, since: float) -> int:
        """Return how many that were at a server at a time have no newer welcome."""
        return sum(one.server_at(since) == server and one.online[-1][0] <= since for one in self.talkers)

    def aftermath(self, server: str, since: float) -> Json:
        """Return what a fault of a server meant: seconds to the next welcome and of silence, delays of messages."""
        hit = [one for one in self.talkers if one.server_at(since) == server]
        welcomes = [next((at for at, _ in one.online if at > since), None) for one in hit]
        silences = [gap for one in hit if (gap := _gap(sorted(one.shown.values()), since)) is not None]
        late = [
            hearer.shown[number] - said
            for pair in self._pairs
            for speaker, hearer in (pair, pair[::-1])
            if server in (speaker.server_at(since), hearer.server_at(since))
            for number, said in enumerate(speaker.said, 1)
            if said <= since < hearer.shown.get(number, since)
        ]
        return {
            "clients": len(hit),
            "welcomed_after": [at - since for at in welcomes if at is not None],
            "silence": silences,
            "in_flight": late,
        }

    def delays(self, since: float, until: float) -> list[float]:
        """Return how long each message took that was said in a span of time."""
        return [
            hearer.shown[number] - said
            for pair in self._pairs
            for speaker, hearer in (pair, pair[::-1])
            for number, said in enumerate(speaker.said, 1)
            if since <= said < until and number in hearer.shown
        ]

    def silences(self, since: float, until: float) -> list[float]:
        """Return for each client how late its latest message was, of those said to it in a span of time."""
        return [
            max(late)
            for pair in self._pairs
            for speaker, hearer in (pair, pair[::-1])
            if (
                late := [
                    hearer.shown.get(number, until) - said
                    for number, said in enumerate(speaker.said, 1)
                    if since <= said < until
                ]
            )
        ]

    def arrivals(self, since: float) -> list[int]:
        """Return how often each client was welcomed since a time."""
        return [sum(at > since for at, _ in one.online) for one in self.talkers]


def _gap(times: list[float], since: float) -> float | None:
    """Return the span between the last time before a moment and the first after it."""
    index = bisect_right(times, since)
    return times[index] - times[index - 1] if 0 < index < len(times) else None


def summary(seconds: list[float]) -> Json:
    """Return median, 99th percentile and maximum, in seconds."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    percentile = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return {
        "count": len(ordered),
        "median": round(median(ordered), 3),
        "p99": round(percentile, 3),
        "max": round(ordered[-1], 3),
    }


async def obey(name: str, pairs: int) -> None:
    """Do what the lines on standard input say, until they end."""
    house = House(name, pairs)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            command, *given = json.loads(line)
            answer = await _obey(house, command, given)
            print(json.dumps(answer), flush=True)
    finally:
        await house.close()


async def _obey(house: House, command: str, given: list[Any]) -> Any:
    match command:
        case "living":
            [house.living] = given
        case "meet" | "hush" | "part":
            await getattr(house, command)(*given)
        case "talk" | "counts" | "offline" | "aftermath" | "delays" | "silences" | "arrivals":
            return getattr(house, command)(*given)
    return None


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(obey(sys.argv[1], int(sys.argv[2])))
