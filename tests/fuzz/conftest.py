"""A real server for the tests of this folder, and two clients in a call on it that must not be affected."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.e2e.waiting import until
from tests.fuzz.wire import RawSocket

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Matched

START_SECONDS = 30.0
GROWTH_KIB = 48 * 1024
"""Allowance for the records, allocator and caches of some thousand sessions; a leak of received data takes far more."""


@dataclass
class Bystanders:
    """Two clients in a call."""

    wires: tuple[RawSocket, RawSocket]
    instances: tuple[str, str] = ("good-one", "good-two")
    match_id: str = ""
    _said: list[int] = field(default_factory=lambda: [0, 0])
    _tokens: dict[int, str | None] = field(default_factory=dict)

    def meet(self) -> None:
        """Start the call."""
        for index, wire in enumerate(self.wires):
            wire.upgrade().hello(self.instances[index])
            attributes = {"room": "bystanders"}
            wire.say(
                messages.encode(messages.JoinQueue(revision=1, ticket="t", attributes=attributes, required=attributes))
            )
        for index in (0, 1):
            self.match_id = self._find(index, "forming").match_id
            self._name(index)
        for index in (0, 1):
            self._tokens[index] = self._find(index, "open").token

    def talk(self) -> None:
        """Fail unless a chat message passes each way and nothing else has arrived."""
        for index in (0, 1):
            lane = {"match_id": self.match_id, "from_": self.instances[index], "to": self.instances[1 - index]}
            self._said[index] += 1
            chat = messages.Chat(seq=self._said[index], id=f"c{self._said[index]}", text="still here?", **lane)
            self.wires[index].say(messages.encode(chat))
            assert self._next(1 - index) == chat
            ack = messages.Ack(seq=chat.seq, **lane)
            self.wires[1 - index].say(messages.encode(ack))
            assert self._next(index) == ack

    def _next(self, index: int) -> messages.ServerFrame | None:
        while isinstance(found := self.wires[index].frame(), messages.ServerHeartbeat):
            self._name(index)
        return found

    def _find(self, index: int, state: str) -> messages.MatchFound:
        while (one := self.wires[index].frame()) is not None:
            if isinstance(one, messages.MatchFound) and one.state == state:
                return one
        raise AssertionError("the server closed a good client's socket")

    def _name(self, index: int) -> None:
        intent = Matched(1, self.match_id, self._tokens.get(index))
        self.wires[index].say(messages.encode(messages.Heartbeat(intent=intent)))


@dataclass
class Target:
    """The server under test."""

    process: "subprocess.Popen[bytes]"
    folder: Path
    port: int = 0

    def started(self) -> bool:
        """Return whether it has printed its URL, and with it its port."""
        assert self.process.poll() is None, self.complaints()
        found = re.search(r"ready: http://\S+:(\d+)", self.printed())
        self.port = int(found[1]) if found else 0
        return found is not None

    def printed(self) -> str:
        """Return its standard output: the log, one JSON object per line, and its URL."""
        return (self.folder / "stdout").read_text()

    def complaints(self) -> str:
        """Return what must not occur: any output on standard error, and log lines of level error."""
        lines = [line for line in self.printed().splitlines() if line.startswith("{")]
        logged = [line for line in lines if json.loads(line)["level"] in ("error", "critical")]
        return (self.folder / "stderr").read_text() + "\n".join(logged)

    def connections(self) -> int:
        """Return the number of its open sockets."""
        with urlopen(f"http://127.0.0.1:{self.port}/api/webrtc/stats", timeout=10) as answer:
            return int(json.load(answer)["connections"])

    def resident_kib(self) -> int:
        """Return its resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A single pod, started by the real command."""
    folder = tmp_path_factory.mktemp("fuzz")
    command = [str(Path(sys.executable).with_name("switchboard-signaling")), "serve", "--host", "127.0.0.1"]
    with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
        process = subprocess.Popen(
            [*command, "--port", "0", "--internal-port", "0"],
            env={"SWITCHBOARD_LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}, stdout=out, stderr=err,
        )  # fmt: skip
    target = Target(process, folder)
    try:
        until(target.started, "the server serves", START_SECONDS)
        yield target
    finally:
        process.terminate()
        assert process.wait(20) == 0
    assert target.complaints() == ""


@pytest.fixture(scope="session")
def bystanders(server: Target) -> Iterator[Bystanders]:
    """Two clients in a call on the server."""
    with RawSocket(server.port) as one, RawSocket(server.port) as two:
        pair = Bystanders((one, two))
        pair.meet()
        yield pair


@pytest.fixture(autouse=True)
def unharmed(server: Target, bystanders: Bystanders) -> Iterator[None]:
    """Check after each test: no errors, all strangers' sockets closed, the call continues, no growth."""
    bystanders.talk()
    before = server.resident_kib()
    yield
    bystanders.talk()
    assert server.complaints() == ""
    until(lambda: server.connections() == 2, "the server lets go of all other sockets")
    grown = server.resident_kib() - before
    assert grown < GROWTH_KIB, f"{grown} KiB more than before"
