"""The Python client passes the shared vectors, and a client that deviates from one fails it."""

import json
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import msgspec
import pytest

from switchboard_signaling.client import core as client
from switchboard_signaling.client.core import ClientSession
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import ProtocolError
from switchboard_signaling.wire.messages import PeerMessage
from switchboard_signaling.wire.vectors import Vector, VectorError, load_vectors, play

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


class PythonClient:
    """The Python client behind the conversation of docs/reference/vectors.md."""

    def __init__(self) -> None:
        ids = count()
        self.session = ClientSession(lambda: f"id{next(ids)}")
        self.now = 0.0
        self.auth: Json = {}

    def ask(self, request: Json) -> Json:
        if "start" in request:
            return {}
        self.auth = request.get("auth", self.auth)
        self.now = request["at"] / 1000
        outputs = self.act(request)
        sends = [json.loads(messages.encode(one.frame)) for one in outputs if isinstance(one, client.Transmit)]
        return {"sends": sends, "emits": list(emitted(outputs))}

    def act(self, request: Json) -> list[client.Output]:
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
        [act] = acts.keys() & request.keys()
        return acts[act](request[act])

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
            fields = json.loads(msgspec.json.encode(one.frame if isinstance(one, client.PeerMessageReceived) else one))
            if isinstance(one, client.MatchReady):
                fields |= {"iceServers": fields["ice_servers"], "match": fields["match_id"]}
            yield {**fields, "event": EVENTS[type(one)]}


@pytest.mark.parametrize("vector", [pytest.param(one, id=one.name) for one in load_vectors()])
def test_the_python_client_passes_the_vector(vector: Vector) -> None:
    play(vector, PythonClient().ask)


# The comparison


def played(step: Json, answer: Json, level: int = 2) -> list[Json]:
    """Run one step on a client that always gives this answer; return what it was asked."""
    asked: list[Json] = []

    def ask(request: Json) -> Json:
        asked.append(request)
        return {} if "start" in request else answer

    play(Vector("a vector", 1, [step]), ask, level)
    return asked


def test_a_client_receives_the_name_and_then_each_step_without_its_results() -> None:
    step = {"at": 7, "say": {"type": "chat"}, "times": 2, "sends": []}
    say = {"say": {"type": "chat"}, "at": 7}
    assert played(step, {}) == [{"start": "a vector"}, say, say]


def test_time_stands_still_in_steps_that_do_not_name_it() -> None:
    asked: list[Json] = []
    play(Vector("a vector", 1, [{"at": 7, "tick": True}, {"tick": True}]), lambda one: asked.append(one) or {})
    assert [one.get("at") for one in asked] == [None, 7, 7]


def test_a_long_text_is_written_as_a_repeated_character() -> None:
    assert played({"say": {"text": "{3 x é}"}}, {})[1]["say"] == {"text": "ééé"}


def test_a_variable_stands_for_the_first_value_that_it_meets() -> None:
    steps: list[Json] = [{"connect": True, "sends": [{"instance": "$instance"}]}, {"receive": {"to": ["$instance", 1]}}]
    asked: list[Json] = []

    def ask(request: Json) -> Json:
        asked.append(request)
        return {"sends": [{"instance": "page"}]} if "connect" in request else {}

    play(Vector("a vector", 1, steps), ask)
    assert asked[-1]["receive"] == {"to": ["page", 1]}


def test_other_fields_and_other_events_are_not_compared() -> None:
    expected = {"tick": True, "sends": [{"type": "ack"}], "emits": []}
    played(expected, {"sends": [{"type": "ack", "seq": 1}], "emits": [{"event": "status"}]})


def test_events_of_a_higher_level_are_not_compared() -> None:
    played({"tick": True, "emits": [{"event": "queued"}, {"event": "match"}]}, {"emits": [{"event": "match"}]}, level=1)


@pytest.mark.parametrize(
    ("expected", "answer", "message"),
    [
        ({"sends": [{"seq": 1}]}, {"sends": [{"seq": 2}]}, r"step 1: sends\[0\]\.seq: expected 1, got 2"),
        ({"sends": [{"seq": 1}]}, {"sends": [{}]}, r"sends\[0\]\.seq: expected 1, got null"),
        ({"sends": [{"seq": 1}]}, {}, r'sends: expected \[\{"seq": 1\}\], got \[\]'),
        ({}, {"sends": [{"seq": 1}]}, r'sends: expected \[\], got \[\{"seq": 1\}\]'),
        ({"sends": [{"a": {"b": 1}}]}, {"sends": [{"a": 1}]}, r'sends\[0\]\.a: expected \{"b": 1\}, got 1'),
        ({"sends": [{"a": "$x", "b": "$x"}]}, {"sends": [{"a": 1, "b": 2}]}, r"sends\[0\]\.b: expected 1, got 2"),
        ({"sends": [{}]}, {"sends": [{"auth": "jwt"}]}, r"sends\[0\]: has a JWT, which it must not have"),
        ({}, {"emits": [{"event": "match"}]}, r"emits: expected \[\]"),
    ],
)
def test_a_deviation_is_named_with_its_place(expected: Json, answer: Json, message: str) -> None:
    with pytest.raises(VectorError, match=message):
        played({"tick": True, **expected}, answer)


def test_a_level_includes_the_one_below() -> None:
    names = {level: [one.name for one in load_vectors(level)] for level in (1, 2)}
    assert set(names[1]) < set(names[2])
    assert len(names[2]) == len(set(names[2]))
