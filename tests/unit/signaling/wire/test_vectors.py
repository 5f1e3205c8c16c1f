"""The Python client core passes the shared vectors."""

import json
import re
from collections.abc import Callable, Iterable
from importlib import resources
from itertools import count
from typing import Any

import msgspec
import pytest

from switchboard_signaling.client import core as client
from switchboard_signaling.client.core import ClientSession
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import ProtocolError
from switchboard_signaling.wire.messages import PeerMessage

Json = dict[str, Any]
EVENTS: dict[type[client.Output], str] = {
    client.QueuePosition: "queued",
    client.MatchReady: "match",
    client.PeerMessageReceived: "message",
    client.PeerPresenceChanged: "peer",
    client.Ended: "ended",
    client.ClientProblem: "problem",
    client.Stopped: "stopped",
}
FILES = sorted(
    (file for file in (resources.files("switchboard_signaling.wire") / "vectors").iterdir()
     if file.name.endswith(".json")),
    key=lambda file: file.name,
)  # fmt: skip
VECTORS = [
    pytest.param(document["preamble"] + vector["steps"], id=f"{file.name}: {vector['name']}")
    for file in FILES
    for document in [json.loads(file.read_text(encoding="utf-8"))]
    for vector in document["vectors"]
]


class Player:
    """Run the steps of one vector on a client."""

    def __init__(self) -> None:
        ids = count()
        self.session = ClientSession(lambda: f"id{next(ids)}")
        self.now = 0.0
        self.variables: Json = {}
        self.auth: Json = {}

    def play(self, step: Json) -> None:
        self.auth = step.get("auth", self.auth)
        self.now = step.get("at", self.now * 1000) / 1000
        for _ in range(step.get("times", 1)):
            outputs = self.act(self.filled(step))
            sends = [json.loads(messages.encode(one.frame)) for one in outputs if isinstance(one, client.Transmit)]
            self.agree(step.get("sends", []), sends)
            self.agree(step.get("emits", []), list(emitted(outputs)))

    def act(self, step: Json) -> list[client.Output]:
        acts: dict[str, Callable[[Any], list[client.Output]]] = {
            "connect": self.connect,
            "join": lambda terms: self.session.join(**terms),
            "leave": self.session.leave,
            "say": lambda frame: self.session.say(peer_message(frame), self.now),
            "receive": self.receive,
            "report": lambda stats: self.session.report(media_stats(stats)),
            "connection": lambda state: self.session.connection(now=self.now, **state),
            "tick": lambda _: self.session.tick(self.now),
        }
        [act] = acts.keys() & step.keys()
        return acts[act](step[act])

    def connect(self, code: Any) -> list[client.Output]:
        if stopped := self.session.closed(1006 if code is True else code):
            return stopped
        return [client.Transmit(self.session.greet(self.jwt() if self.auth else None))]

    def jwt(self) -> str:
        jwt: str = self.auth["fresh" if self.session.fresh else "kept"]
        return jwt

    def receive(self, frame: Json) -> list[client.Output]:
        try:
            decoded = messages.decode_server(json.dumps(frame))
        except ProtocolError as error:
            assert error.kind.code == "unknown-type", error  # noqa: PT017 - clients ignore these
            return []
        outputs = self.session.receive(decoded, self.now)
        return outputs + self.session.authenticate(self.jwt()) if client.Renew() in outputs else outputs

    def filled(self, value: Any) -> Any:
        """Return a step with variables and long texts expanded."""
        match value:
            case dict():
                return {key: self.filled(one) for key, one in value.items() if key not in ("sends", "emits")}
            case list():
                return [self.filled(one) for one in value]
            case str():
                return self.variables.get(value, unfolded(value))
        return value

    def agree(self, expected: Any, actual: Any) -> None:
        match expected:
            case dict():
                assert "auth" in expected or "auth" not in actual, actual
                for key, one in expected.items():
                    self.agree(one, actual.get(key))
            case list():
                assert len(actual) == len(expected), f"expected {expected}, got {actual}"
                for one, other in zip(expected, actual, strict=True):
                    self.agree(one, other)
            case str() if expected.startswith("$"):
                assert self.variables.setdefault(expected, actual) == actual
            case _:
                assert actual == expected


def unfolded(text: str) -> str:
    folded = re.fullmatch(r"\{(\d+) x (.)\}", text)
    return folded[2] * int(folded[1]) if folded else text


def peer_message(frame: Json) -> PeerMessage:
    if frame["type"] == "chat":  # without validation, which the client does
        return messages.Chat(match_id="-", from_="-", to="-", seq=0, id=frame["id"], text=frame["text"])
    message: PeerMessage = msgspec.convert({**frame, "match": "-", "from": "-", "to": "-", "seq": 0}, PeerMessage)
    return message


def media_stats(stats: Json) -> messages.Stats:
    """Return an application's statistics without validation: the client clamps them to the bounds."""
    names = {field.encode_name: field.name for field in msgspec.structs.fields(messages.Stats)}
    return messages.Stats(**{"match_id": "-", **{names[name]: value for name, value in stats.items()}})


def emitted(outputs: Iterable[client.Output]) -> Iterable[Json]:
    for one in outputs:
        if type(one) in EVENTS:
            fields = msgspec.to_builtins(one.frame if isinstance(one, client.PeerMessageReceived) else one)
            if isinstance(one, client.MatchReady):
                fields |= {"iceServers": fields["ice_servers"], "match": fields["match_id"]}
            yield {**fields, "event": EVENTS[type(one)]}


@pytest.mark.parametrize("steps", VECTORS)
def test_the_client_core_passes_the_vector(steps: list[Json]) -> None:
    player = Player()
    for number, step in enumerate(steps, 1):
        try:
            player.play(step)
        except AssertionError as error:
            raise AssertionError(f"step {number}, {step}: {error}") from error
