"""A client that was written from docs/reference/protocol.md alone passes the vectors, and holds a call that is cut."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from typing import TypeVar

from tests.browser.server import signaling_server
from tests.e2e.reference import level1
from tests.e2e.reference.level1 import Json, Level1
from websockets.asyncio.client import ClientConnection

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import MatchReady, PeerMessageReceived
from switchboard_signaling.wire.messages import Chat

T = TypeVar("T")
MESSAGES = 200
CUTS = 10
AHEAD = 20
SECONDS = 100.0
"""Until a test fails. On a quiet machine it takes 3."""


def test_it_imports_nothing_of_ours_and_passes_the_vectors_of_its_level() -> None:
    program = Path(level1.__file__)
    assert "switchboard_" not in program.read_text()
    runner = [sys.executable, "-m", "switchboard_signaling.wire.vectors", "--level", "1"]
    run = subprocess.run(
        [*runner, "--", sys.executable, str(program)], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


class Watched(Level1):
    """A client that others can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def receive(self, frame: Json) -> None:
        super().receive(frame)
        self._news.set()
        self._news = asyncio.Event()

    async def until(self, condition: Callable[[], T | None]) -> T:
        """Return what a condition finds, checked after each frame."""
        while not (found := condition()):
            await self._news.wait()
        return found


class Caller:
    """A client, its newest socket, and the messages that it has received."""

    def __init__(self, client: Watched | None = None) -> None:
        self.client = client or Watched()
        self.socket: ClientConnection | None = None
        self.received: list[Json] = []
        self.cuts = 0

    def opened(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def cut(self) -> None:
        """Abort a socket that carries the call, so that what it holds is lost."""
        socket = await self.client.until(lambda: self.socket if self.client.welcome else None)
        socket.transport.abort()
        self.socket = None
        self.cuts += 1

    async def wait_for(self, event: str) -> Json:
        """Return the next event of this kind; messages are kept in `received`."""
        while True:
            await self.client.until(lambda: self.client.emits)
            found = self.client.emits.pop(0)
            if found["event"] == "message":
                self.received.append(found)
            if found["event"] == event:
                return found


@asynccontextmanager
async def connected(log: Path, *callers: Caller) -> AsyncIterator[str]:
    """Keep clients connected to a pod of their own, and yield its URL; fails after SECONDS."""
    async with signaling_server(log) as server, asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        url = server.url.replace("http", "ws") + "/ws"
        running = [tasks.create_task(level1.run(one.client, url, one.opened)) for one in callers]
        yield url
        for task in running:
            task.cancel()


@asynccontextmanager
async def call(log: Path) -> AsyncIterator[tuple[Caller, Caller]]:
    """Match two clients."""
    one, two = Caller(), Caller()
    async with connected(log, one, two):
        for caller in (one, two):
            caller.client.join({"language": "en"}, {"language": "en"})
        found = [await caller.wait_for("match") for caller in (one, two)]
        assert found[0]["match"] == found[1]["match"]
        assert {each["role"] for each in found} == {"polite", "impolite"}
        yield one, two


async def talk(speaker: Caller, listener: Caller) -> None:
    """Say all messages, a few of them ahead; cut sockets of both in turn at even distances."""
    to_cut = cycle((speaker, listener))
    every = 2 * MESSAGES // CUTS  # the other direction cuts as often
    said = 0
    for number in range(1, MESSAGES + 1):
        while said < min(number + AHEAD, MESSAGES):
            speaker.client.say({"type": "chat", "id": f"id-{said}", "text": str(said)})
            said += 1
        await listener.wait_for("message")
        if number % every == every // 2:
            await next(to_cut).cut()


async def test_each_message_arrives_once_and_in_order_although_sockets_are_cut(tmp_path: Path) -> None:
    async with call(tmp_path / "pod.log") as callers:
        one, two = callers
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(talk(one, two))
            tasks.create_task(talk(two, one))
        assert sum(caller.cuts for caller in callers) == CUTS
        for caller in callers:
            assert [message["text"] for message in caller.received] == [str(number) for number in range(MESSAGES)]


async def test_a_client_that_leaves_ends_the_match_for_both(tmp_path: Path) -> None:
    async with call(tmp_path / "pod.log") as (one, two):
        one.client.leave("user")
        ended = await two.wait_for("ended")
        assert (ended["reason"], two.client.intent) == ("user", {"state": "idle", "revision": 2})


async def test_it_talks_to_the_python_client_over_lost_sockets(tmp_path: Path) -> None:
    one = Caller()
    async with connected(tmp_path / "pod.log", one) as url, Client(url) as two:
        one.client.join({}, {})
        await two.join()
        await one.wait_for("match")
        await two.wait_for(MatchReady)
        for cut in (one.cut, two.drop):
            await cut()
            one.client.say({"type": "chat", "id": "question", "text": "?"})
            received = (await two.wait_for(PeerMessageReceived)).frame
            assert isinstance(received, Chat)
            assert received.text == "?"
            await two.say(Chat(match_id="", from_="", to="", seq=0, id="answer", text="!"))
            assert (await one.wait_for("message"))["text"] == "!"
