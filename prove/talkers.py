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
from contextlib import AsyncExitStack
from random import Random
from statistics import median
from typing import Any, Final

import uvloop

from switchboard_signaling.client import Client
from switchboard_signaling.protocol.client import Ended, Event, Met, Online, Partner, Problem, Said, Stopped
from switchboard_signaling.protocol.messages import Chat

MEET_SECONDS: Final = 60.0
MEETING_AT_ONCE: Final = 20
Json = dict[str, Any]


class Talker:
    """One client: what it said, what it was shown, where and when it was online."""

    def __init__(self, house: "House") -> None:
        self._house = house
        self.client = Client(self._url, on_event=self._told)
        self.met = asyncio.Event()
        self.said: list[float] = []
        self.shown: dict[int, float] = {}
        self.doubled = self.disordered = 0
        self.online: list[tuple[float, int]] = []
        """Since when at which port."""
        self._port = 0

    def _url(self) -> str:
        self._port = self._house.random.choice(self._house.living)
        return f"ws://127.0.0.1:{self._port}/ws"

    def arrived(self) -> None:
        """Note a welcome."""
        self.online.append((time.monotonic(), self._port))

    async def say(self) -> None:
        """Say the next number."""
        self.said.append(time.monotonic())
        number = str(len(self.said))
        await self.client.say(Chat(m="", from_="", to="", k=0, id=number, text=number))

    def port_at(self, when: float) -> int | None:
        """Return the port of the server that this client was last welcomed by at a time."""
        index = bisect_right(self.online, when, key=lambda one: one[0])
        return self.online[index - 1][1] if index else None

    def _told(self, event: Event) -> None:
        match event:
            case Online():
                self.arrived()
            case Met():
                self.met.set()
            case Said(frame=Chat(text=text)):
                number = int(text)
                self.doubled += number in self.shown
                self.disordered += number != len(self.shown) + 1
                self.shown.setdefault(number, time.monotonic())
            case Partner(state=state):
                self._house.events[f"partner-{state}"] += 1
            case Ended(reason=reason):
                self._house.events[f"ended-{reason}"] += 1
            case Problem(code=code):
                self._house.events[f"problem-{code}"] += 1
            case Stopped():
                self._house.events["stopped"] += 1


class House:
    """All pairs of this process."""

    def __init__(self, name: str, pairs: int) -> None:
        self.living: list[int] = []
        self.events: Counter[str] = Counter()
        self.random = Random(name)
        self._name = name
        self._pairs = [(Talker(self), Talker(self)) for _ in range(pairs)]
        self._talking: list[asyncio.Task[None]] = []

    @property
    def talkers(self) -> list[Talker]:
        """Everybody."""
        return [talker for pair in self._pairs for talker in pair]

    async def meet(self, stack: AsyncExitStack) -> None:
        """Connect everybody; each finds its partner by an attribute that the two share."""
        turn = asyncio.Semaphore(MEETING_AT_ONCE)

        async def one_pair(number: int) -> None:
            pair = {"pair": f"{self._name}-{number}"}
            async with turn:
                for talker in self._pairs[number]:
                    await stack.enter_async_context(talker.client)
                    talker.arrived()
                    await talker.client.join(pair, pair)
                try:
                    async with asyncio.timeout(MEET_SECONDS):
                        for talker in self._pairs[number]:
                            await talker.met.wait()
                except TimeoutError:
                    wants = [talker.client.session.want for talker in self._pairs[number]]
                    raise TimeoutError(f"a pair did not meet: {wants}, {self.events}") from None

        await asyncio.gather(*(one_pair(number) for number in range(len(self._pairs))))

    def talk(self) -> None:
        """Begin to talk: a message a second a pair, in turns."""
        self._talking = [asyncio.create_task(self._talk(*pair)) for pair in self._pairs]

    async def hush(self) -> None:
        """End it."""
        for task in self._talking:
            task.cancel()
        await asyncio.wait(self._talking)

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

    def offline(self, port: int, since: float) -> int:
        """Return how many that were at a server at a time have no newer welcome."""
        return sum(one.port_at(since) == port and one.online[-1][0] <= since for one in self.talkers)

    def aftermath(self, port: int, since: float) -> Json:
        """Return what a fault of a server meant: seconds to the next welcome and of silence, delays of messages."""
        hit = [one for one in self.talkers if one.port_at(since) == port]
        welcomes = [next((at for at, _ in one.online if at > since), None) for one in hit]
        silences = [gap for one in hit if (gap := _gap(sorted(one.shown.values()), since)) is not None]
        late = [
            hearer.shown[number] - said
            for pair in self._pairs
            for speaker, hearer in (pair, pair[::-1])
            if port in (speaker.port_at(since), hearer.port_at(since))
            for number, said in enumerate(speaker.said, 1)
            if said <= since < hearer.shown.get(number, since)
        ]
        return {
            "clients": len(hit),
            "welcomed_after": [at - since for at in welcomes if at is not None],
            "silence": silences,
            "in_flight": late,
        }

    def delays(self) -> list[float]:
        """Return how long each message took."""
        return [
            hearer.shown[number] - said
            for pair in self._pairs
            for speaker, hearer in (pair, pair[::-1])
            for number, said in enumerate(speaker.said, 1)
            if number in hearer.shown
        ]


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
    async with AsyncExitStack() as stack:
        while line := await reader.readline():
            answer: Any = None
            match json.loads(line):
                case ["living", ports]:
                    house.living = ports
                case ["meet"]:
                    await house.meet(stack)
                case ["talk"]:
                    house.talk()
                case ["hush"]:
                    await house.hush()
                case ["counts"]:
                    answer = house.counts()
                case ["offline", port, since]:
                    answer = house.offline(port, since)
                case ["aftermath", port, since]:
                    answer = house.aftermath(port, since)
                case ["delays"]:
                    answer = house.delays()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(obey(sys.argv[1], int(sys.argv[2])))
