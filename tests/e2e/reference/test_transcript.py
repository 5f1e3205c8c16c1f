"""The call that docs/reference/protocol.md shows frame by frame is what goes over the wire."""

import json
import re
from pathlib import Path

import pytest
from tests.e2e.reference.level1 import Json
from tests.e2e.reference.test_level1 import Caller, Watched, connected

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "protocol.md"
CALL = "One call, frame by frame"
NAMES = {
    ("hello", "instance"): "page",
    ("match-found", "peer"): "page",
    ("welcome", "session"): "session",
    ("welcome", "token"): "session-token",
    ("join-queue", "ticket"): "ticket",
    ("queued", "queueToken"): "queue-token",
    ("match-found", "match"): "match",
    ("match-found", "token"): "match-token",
}
"""Random values, by the type and field that they appear in first, and what the page has in their place."""
Line = tuple[str, Json]


def shown() -> list[Line]:
    """Return the frames of the page's call, each with its direction."""
    call = re.split(
        r"^## ", PAGE.read_text(encoding="utf-8").split(f"## {CALL}\n", 1)[1], maxsplit=1, flags=re.MULTILINE
    )
    return [(arrow, json.loads(frame)) for arrow, frame in re.findall(r"^([→←]) (\{.*\})$", call[0], re.MULTILINE)]


class Recorded(Watched):
    """A client that keeps all frames of its sockets."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Line] = []

    def receive(self, frame: Json) -> None:
        self.lines.append(("←", frame))
        super().receive(frame)

    def connect(self) -> None:
        super().connect()
        self.lines.append(("→", self.sends[0]))

    def send(self, *frames: Json) -> None:
        self.lines += [("→", frame) for frame in frames if self.welcome]
        super().send(*frames)

    async def received(self, kind: str) -> Json:
        """Return the first frame of this type, once it has been received."""

        def first() -> Json | None:
            return next((frame for arrow, frame in self.lines if (arrow, frame["type"]) == ("←", kind)), None)

        return await self.until(first)


def named(lines: list[Line]) -> list[Line]:
    """Return frames whose random values are replaced by names, numbered in the order of their appearance."""
    values = [(NAMES.get((frame["type"], key)), value) for _, frame in lines for key, value in frame.items()]
    known: dict[str, str] = {}
    for name, value in values:
        if name and value not in known:
            known[value] = f"{name}-{sum(one.startswith(f'{name}-') for one in known.values()) + 1}"
    text = json.dumps(lines)
    for value, name in known.items():
        text = text.replace(json.dumps(value), json.dumps(name))
    return [(arrow, frame) for arrow, frame in json.loads(text)]


def without_heartbeats(lines: list[Line]) -> list[Line]:
    """Return the lines without the server's heartbeats and their answers, which may come at any time."""
    asked = {number for number, (arrow, frame) in enumerate(lines) if arrow == "←" and frame["type"] == "heartbeat"}
    return [line for number, line in enumerate(lines) if not {number, number - 1} & asked]


async def test_the_call_on_the_page_is_one_that_was_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_SERVER_URL", "stun:stun.example.com:3478")
    clients = Recorded(), Recorded()
    async with connected(tmp_path / "pod.log", *(callers := [Caller(client) for client in clients])):
        sessions = [(await client.received("welcome"))["session"] for client in clients]
        # The session with the smaller id is polite. The page shows the other side, which makes the offer.
        (_, two, _), (_, one, recorded) = sorted(zip(sessions, callers, clients, strict=True), key=lambda side: side[0])
        recorded.join({"language": "en"}, {"language": "en"})
        await recorded.received("queued")
        two.client.join({"language": "en"}, {"language": "en"})
        for caller in callers:
            await caller.wait_for("match")
        recorded.say({"type": "offer", "sdp": "v=0 …"})
        await two.wait_for("message")
        await recorded.received("ack")
        two.client.say({"type": "answer", "sdp": "v=0 …"})
        await one.wait_for("message")
        await recorded.received("heartbeat")
        await one.cut()
        recorded.say({"type": "chat", "id": "chat-1", "text": "Can you hear me?"})
        await two.wait_for("message")
        two.client.leave("user")
        await one.wait_for("ended")
    lines = named(recorded.lines)
    print(*(f"{arrow} {json.dumps(frame, ensure_ascii=False)}" for arrow, frame in lines), sep="\n")
    assert without_heartbeats(lines) == without_heartbeats(shown())
