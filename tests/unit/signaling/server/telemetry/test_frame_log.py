"""The log of a watched socket shows the course of a session, and none of its contents."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import structlog
from msgspec import Struct
from msgspec.structs import fields
from tests.unit.signaling.world import World, offer

from switchboard_signaling.server.telemetry.frame_log import SocketLog, state_of, summary
from switchboard_signaling.session.effects import Close, Send
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Intent, Matched, Queued

FRAMES: list[type[Struct]] = [*dict.fromkeys((*get_args(messages.ClientFrame), *get_args(messages.ServerFrame)))]
IDS = {"session", "instance", "peer", "match", "from", "to", "ticket", "id"}
WORDS = {"type", "state", "reason", "role", "code", "path", "media", "mode"}


def filled(kind: Any) -> Any:
    """Return a value of a type whose texts are all `secret`, as far as the type lets them be."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return filled(arguments[0])
    if origin is Literal:
        return arguments[0]
    if origin in (Union, types.UnionType):
        return filled([one for one in arguments if one is not type(None)][-1])
    if origin is list:
        return [filled(arguments[0])]
    if origin is dict:
        return {"secret": "secret"}
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind(**{one.name: filled(one.type) for one in fields(kind)})
    return {str: "secret", int: 1, float: 1.0, bool: True}[kind]


def texts(value: Any, name: str = "") -> Iterator[str]:
    """Yield the names of the fields that show `secret`."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from texts(one, key)
    elif value == "secret":
        yield name.rpartition(".")[2]


@pytest.mark.parametrize("kind", FRAMES, ids=lambda kind: kind.__name__)
def test_of_each_frame_only_ids_and_words_are_shown(kind: type[Struct]) -> None:
    shown = summary(filled(kind))
    assert shown["type"] == kind.__struct_config__.tag
    assert set(texts(shown)) <= IDS | WORDS
    assert "secret" not in str(shown.get("sizes", {}).values())


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (
            messages.Offer(match_id="m", from_="one", to="two", seq=3, sdp="v=0 203.0.113.7", generation=1),
            {
                "type": "offer", "match": "m", "from": "one", "to": "two", "seq": 3, "generation": 1,
                "sizes": {"sdp": 15},
            },
        ),
        (
            messages.IceCandidate(
                match_id="m", from_="one", to="two", seq=4, candidates=[messages.Candidate("candidate:1 203.0.113.7")]
            ),
            {"type": "ice-candidate", "match": "m", "from": "one", "to": "two", "seq": 4, "sizes": {"candidates": 1}},
        ),
        (
            messages.Chat(match_id="m", from_="one", to="two", seq=5, id="c1", text="hello"),
            {"type": "chat", "match": "m", "from": "one", "to": "two", "seq": 5, "id": "c1", "sizes": {"text": 5}},
        ),
        (
            messages.Hello(socket_number=1, instance="i", intent=Queued(2, "t", {"language": "en"}), auth="a.b.c"),
            {
                "type": "hello", "socket": 1, "instance": "i", "intent.state": "queued", "intent.revision": 2,
                "intent.ticket": "t", "sizes": {"intent.attributes": 1, "auth": 5},
            },
        ),
        (
            messages.Heartbeat(intent=Matched(3, "m", "a.b.c")),
            {
                "type": "heartbeat", "intent.state": "matched", "intent.revision": 3, "intent.match": "m",
                "sizes": {"intent.token": 5},
            },
        ),
        (
            messages.error_frame(errors.RATE_LIMITED, ref=messages.FrameRef("ice-candidate", "m", 4)),
            {
                "type": "error", "code": "rate-limited", "retryable": True, "ref.type": "ice-candidate",
                "ref.match": "m", "ref.seq": 4,
                "sizes": {"message": len(errors.RATE_LIMITED.message), "remedy": len(errors.RATE_LIMITED.remedy)},
            },
        ),
        (messages.Stats(match_id="m", rtt_ms=20.0), {"type": "stats", "match": "m", "rttMs": 20.0}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_frame_is_shown_by_its_ids_numbers_and_sizes(frame: Any, shown: dict[str, Any]) -> None:
    assert summary(frame) == shown


@pytest.mark.parametrize("text", ["two words", "a" * 65, "v=0\r\n", "ü"])
def test_an_id_that_is_none_is_shown_by_its_size(text: str) -> None:
    assert summary(messages.Ack(match_id=text, from_="one", to="two", seq=1))["sizes"] == {"match": len(text)}


def test_the_state_has_phase_intent_and_match(world: World) -> None:
    one, two, match_id = world.pair(("pod-a", "pod-b"))
    assert state_of(one.session) == {
        "phase": "open", "intent.state": "matched", "intent.revision": 1, "intent.match": match_id, "match": match_id,
        "match.state": "open", "match.side": one.session.match and one.session.match.side, "match.presence": "present",
        "match.peer": two.session.session_id, "match.peerPod": "pod-b",
    }  # fmt: skip
    assert state_of(world.hello().session) == {"phase": "open", "intent.state": "idle", "intent.revision": 0}


def test_a_log_has_frames_and_changes_of_state_in_order(world: World) -> None:
    one, two, match_id = world.pair()
    with structlog.testing.capture_logs() as lines:
        log = SocketLog(one.session)
        frame = messages.Leave(revision=2, match_id=match_id)
        log.received(frame, 40)
        log.decided(one.session.receive(frame, world.now))
        log.decided([Send(offer(match_id, two, one)), Close(errors.CLOSE_DISCONNECTED)])
        log.refused(errors.BAD_FRAME.because("secret"))
        log.stopped()
        log.closed(1000)
    assert {(line["log_level"], line["session"], line["socket"]) for line in lines} == {
        ("debug", one.session.session_id, one.session.socket_number)
    }
    assert [line["event"] for line in lines] == [
        "watch_started", "frame_received", "state_changed", "frame_sent", "socket_closing", "frame_refused",
        "watch_stopped", "socket_closed",
    ]  # fmt: skip
    changed = lines[2]
    assert (changed["before"]["intent.state"], changed["after"]["intent.state"]) == ("matched", "idle")
    assert (lines[1]["bytes"], lines[1]["frame"]["type"], lines[3]["frame"]["type"]) == (40, "leave", "offer")
    assert (lines[4]["code"], lines[5]["code"], lines[7]["code"]) == (4405, "bad-frame", 1000)
    assert "secret" not in str(lines)


def test_an_unchanged_state_is_not_logged_again(world: World) -> None:
    one = world.hello()
    log = SocketLog(one.session)
    with structlog.testing.capture_logs() as lines:
        log.decided([])
    assert lines == []


def test_intents_are_shown_without_their_tokens() -> None:
    intents: list[Intent] = [Idle(1), Queued(1, "t", queue_token="secret"), Matched(1, "m", "secret")]
    assert not [one for one in intents if "secret" in str(summary(one))]
