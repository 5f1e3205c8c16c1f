"""Many pairs of clients in one process that exchange numbered messages and count them: started by prove/clients.py.

Commands and answers are JSON lines on standard input and output. Both clients of a pair are in the same process, so all
times are from one clock and all counts are independent of the servers.
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

CONNECT_SECONDS: Final = 60.0
CONNECTING_AT_ONCE: Final = 20
Json = dict[str, Any]


class CountingClient:
    """A client that records its messages, and when and where it was online."""

    def __init__(self, pairs: "Pairs", address: str) -> None:
        """`address` is the client's address in X-Forwarded-For."""
        self._pairs = pairs
        self.client = Client(self._url, on_event=self._on_event, headers={"X-Forwarded-For": address})
        self.matched = asyncio.Event()
        self.sent: list[float] = []
        """Time of each sent message, by its number less one."""
        self.received: dict[int, float] = {}
        """Time of each received message, by its number."""
        self.duplicated = self.out_of_order = 0
        self.online: list[tuple[float, str]] = []
        """Time and server of each welcome."""
        self.leaving = False
        self._server = ""

    def _url(self) -> str:
        self._server = self._pairs.random.choice(self._pairs.servers)
        return f"ws://{self._server}/ws"

    def welcomed(self) -> None:
        """Record a welcome."""
        self.online.append((time.monotonic(), self._server))

    async def send(self) -> None:
        """Send the next number to the peer."""
        self.sent.append(time.monotonic())
        number = str(len(self.sent))
        await self.client.say(Chat(match_id="", from_="", to="", seq=0, id=number, text=number))

    def server_at(self, when: float) -> str | None:
        """Return the server of the last welcome before a time, if any."""
        index = bisect_right(self.online, when, key=lambda one: one[0])
        return self.online[index - 1][1] if index else None

    def _on_event(self, event: Event) -> None:
        if self.leaving:
            return
        match event:
            case Online():
                self.welcomed()
            case MatchReady():
                self.matched.set()
            case PeerMessageReceived(frame=Chat(text=text)):
                number = int(text)
                self.duplicated += number in self.received
                self.out_of_order += number != len(self.received) + 1
                self.received.setdefault(number, time.monotonic())
            case PeerPresenceChanged(state=state):
                self._pairs.events[f"peer-{state}"] += 1
            case Ended(reason=reason):
                self._pairs.events[f"ended-{reason}"] += 1
            case ClientProblem(code=code):
                self._pairs.events[f"problem-{code}"] += 1
            case Stopped():
                self._pairs.events["stopped"] += 1


class Pairs:
    """All pairs of this process."""

    def __init__(self, name: str, count: int) -> None:
        self.servers: list[str] = []
        """Servers (`host:port`) that clients may connect to."""
        self.events: Counter[str] = Counter()
        self.random = Random(name)
        self._name = name
        self._pairs = [
            (CountingClient(self, self._address()), CountingClient(self, self._address())) for _ in range(count)
        ]
        self._sending: dict[int, asyncio.Task[None]] = {}

    @property
    def clients(self) -> list[CountingClient]:
        """The clients of all pairs."""
        return [client for pair in self._pairs for client in pair]

    async def connect(self, first: int, last: int) -> None:
        """Connect and match the pairs of a range, by an attribute that only the two share.

        Raises TimeoutError if a pair is not matched within CONNECT_SECONDS.
        """
        at_once = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def connect_pair(number: int) -> None:
            pair = {"pair": f"{self._name}-{number}"}
            async with at_once:
                for one in self._pairs[number]:
                    await one.client.__aenter__()
                    one.welcomed()
                    await one.client.join(pair, pair)
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        for one in self._pairs[number]:
                            await one.matched.wait()
                except TimeoutError:
                    intents = [one.client.session.intent for one in self._pairs[number]]
                    raise TimeoutError(f"a pair was not matched: {intents}, {self.events}") from None

        await asyncio.gather(*map(connect_pair, range(first, last)))

    def start(self, first: int, last: int) -> None:
        """Start to send one message per second and pair, alternating between its clients."""
        for number in range(first, last):
            self._sending[number] = asyncio.create_task(self._send(*self._pairs[number]))

    async def stop(self, first: int, last: int) -> None:
        """Stop sending."""
        tasks = [self._sending.pop(number) for number in range(first, last)]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    async def leave(self, first: int, last: int) -> None:
        """End the matches of pairs that have stopped, one client after the other, and close their sockets."""
        for pair in self._pairs[first:last]:
            for one in pair:
                one.leaving = True
        for pair in self._pairs[first:last]:
            for one in pair:
                await one.client.leave()
            await self._close(pair)

    async def close(self) -> None:
        """Close all sockets."""
        for pair in self._pairs:
            await self._close(pair)

    async def _close(self, pair: tuple[CountingClient, CountingClient]) -> None:
        for one in pair:
            if one.matched.is_set():
                await one.client.__aexit__()

    def _address(self) -> str:
        return f"10.{self.random.randrange(256)}.{self.random.randrange(256)}.{self.random.randrange(1, 255)}"

    async def _send(self, one: CountingClient, other: CountingClient) -> None:
        due = time.monotonic() + self.random.random()
        while True:
            await asyncio.sleep(due - time.monotonic())
            await one.send()
            one, other, due = other, one, due + 1.0

    def counts(self) -> Json:
        """Return the numbers of messages and events so far."""
        sent = sum(len(one.sent) for one in self.clients)
        received = sum(len(one.received) for one in self.clients)
        return {
            "sent": sent,
            "received": received,
            "outstanding": sent - received,
            "duplicated": sum(one.duplicated for one in self.clients),
            "out_of_order": sum(one.out_of_order for one in self.clients),
            "events": dict(self.events),
            "cpu_seconds": round(time.process_time(), 1),
        }

    def offline(self, server: str, since: float) -> int:
        """Return the number of clients that were at a server at a time and have no newer welcome."""
        return sum(one.server_at(since) == server and one.online[-1][0] <= since for one in self.clients)

    def impact(self, server: str, since: float) -> Json:
        """Return the impact of a server's fault, in seconds: until the next welcome, between messages, of delays."""
        affected = [one for one in self.clients if one.server_at(since) == server]
        welcomes = [next((at for at, _ in one.online if at > since), None) for one in affected]
        silences = [gap for one in affected if (gap := _gap(sorted(one.received.values()), since)) is not None]
        late = [
            receiver.received[number] - sent
            for pair in self._pairs
            for sender, receiver in (pair, pair[::-1])
            if server in (sender.server_at(since), receiver.server_at(since))
            for number, sent in enumerate(sender.sent, 1)
            if sent <= since < receiver.received.get(number, since)
        ]
        return {
            "clients": len(affected),
            "welcomed_after": [at - since for at in welcomes if at is not None],
            "silence": silences,
            "in_flight": late,
        }

    def delays(self, since: float, until: float) -> list[float]:
        """Return the delay in seconds of each received message that was sent in a span of time."""
        return [
            receiver.received[number] - sent
            for pair in self._pairs
            for sender, receiver in (pair, pair[::-1])
            for number, sent in enumerate(sender.sent, 1)
            if since <= sent < until and number in receiver.received
        ]

    def longest_delays(self, since: float, until: float) -> list[float]:
        """Return per client the longest delay in seconds of the messages sent to it in a span of time."""
        return [
            max(late)
            for pair in self._pairs
            for sender, receiver in (pair, pair[::-1])
            if (
                late := [
                    receiver.received.get(number, until) - sent
                    for number, sent in enumerate(sender.sent, 1)
                    if since <= sent < until
                ]
            )
        ]

    def welcomes(self, since: float) -> list[int]:
        """Return the number of welcomes per client since a time."""
        return [sum(at > since for at, _ in one.online) for one in self.clients]


def _gap(times: list[float], since: float) -> float | None:
    """Return the span from the last time before a moment to the first one after it."""
    index = bisect_right(times, since)
    return times[index] - times[index - 1] if 0 < index < len(times) else None


def summary(seconds: list[float]) -> Json:
    """Return the count, median, 99th percentile and maximum of some times in seconds."""
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


async def serve(name: str, count: int) -> None:
    """Execute the commands on standard input until it ends."""
    pairs = Pairs(name, count)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while line := await reader.readline():
            command, *arguments = json.loads(line)
            print(json.dumps(await _execute(pairs, command, arguments)), flush=True)
    finally:
        await pairs.close()


async def _execute(pairs: Pairs, command: str, arguments: list[Any]) -> Any:
    match command:
        case "servers":
            [pairs.servers] = arguments
        case "connect" | "stop" | "leave":
            await getattr(pairs, command)(*arguments)
        case "start" | "counts" | "offline" | "impact" | "delays" | "longest_delays" | "welcomes":
            return getattr(pairs, command)(*arguments)
    return None


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
