"""Nearly valid frames, in any order and framing, are handled or answered with a code, and affect no other client."""

import json
import struct
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from tests.fuzz.conftest import Bystanders, Target
from tests.fuzz.wire import BINARY, CLOSE, PING, PONG, TEXT, RawSocket, frame, malformed, masked
from tests.property.signaling.wire.frames import frames

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import CATALOGUE, CLOSE_CODES
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # some frames are large on purpose
CODES = {kind.code for kind in CATALOGUE}
CLOSES = {code.code for code in CLOSE_CODES}
MARKS = count()
# Against a real server shrinking takes minutes; what fails is printed as it was.
REAL = settings(
    max_examples=200,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

NASTY = st.sampled_from(
    [
        b"9" * 400, b"-1", b"9007199254740992", b"1.0", b"1e309", b"NaN", b"Infinity", b"null", b"true", b"[]", b"{}",
        b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"a b"', b'"' + b"x" * 5000 + b'"', b"[" * 3000 + b"]" * 3000,
        b'{"a":' * 3000 + b"1" + b"}" * 3000,
        b'{"state":"queued"}', b'{"state":"matched","revision":0,"match":""}', b'"\xff"',
    ]
)  # fmt: skip
MESSAGE_TYPES = st.sampled_from([TEXT, TEXT, TEXT, TEXT, BINARY])


@st.composite
def texts(draw: st.DrawFn) -> bytes:
    """Return a strategy for protocol frames, many of them invalid."""
    fields: dict[str, Any] = json.loads(messages.encode(draw(frames())))
    parts = [(json.dumps(name).encode(), json.dumps(value).encode()) for name, value in fields.items()]
    for _ in range(draw(st.integers(0, 2))):
        index = draw(st.integers(0, len(parts) - 1))
        match draw(st.sampled_from(["value", "name", "drop", "double", "reorder"])):
            case "value":
                parts[index] = (parts[index][0], draw(NASTY))
            case "name":
                parts[index] = (draw(NASTY), parts[index][1])
            case "drop" if len(parts) > 1:
                del parts[index]
            case "double":
                parts.append((parts[index][0], draw(NASTY)))
            case _:
                parts = draw(st.permutations(parts))
    text = b"{" + b",".join(name + b":" + value for name, value in parts) + b"}"
    match draw(st.sampled_from(["whole", "whole", "whole", "cut", "spaced", "long", "doubled"])):
        case "cut":
            return text[: draw(st.integers(0, len(text)))]
        case "spaced":
            return b" \n\t" * 50 + text + b"\r\n"
        case "long":
            return text + b" " * (MAX_FRAME_BYTES - len(text) + draw(st.sampled_from([0, 1, 600])))
        case "doubled":
            return text + text
    return text


def fragments(opcode: int, data: bytes, cuts: list[int]) -> bytes:
    """Return a message in fragments, with pings in between, as RFC 6455 section 5.4 allows."""
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    last = len(pieces) - 1
    return b"".join(
        frame(opcode if index == 0 else 0, piece, head=0x80 if index == last else 0) + frame(PING, b"in between")
        for index, piece in enumerate(pieces)
    )


def judge(wire: RawSocket, replies: list[messages.ServerFrame]) -> None:
    """Fail unless all errors are coded, and a close has its code."""
    assert {reply.code for reply in replies if isinstance(reply, messages.ErrorFrame)} <= CODES
    if wire.closed and not wire.reset:
        assert wire.close_code in CLOSES, f"closed with {wire.close_code}"


@REAL
@given(st.lists(st.tuples(MESSAGE_TYPES, texts()), max_size=8))
def test_every_malformed_frame_is_answered_and_the_third_closes(
    server: Target, bystanders: Bystanders, said: list[tuple[int, bytes]]
) -> None:
    with RawSocket(server.port).upgrade() as wire:
        wire.hello("id000")
        bad = 0
        for opcode, text in said:
            wire.say(text, opcode)
            if opcode == BINARY or malformed(text):
                answers = (one.code for one in iter(wire.frame, None) if isinstance(one, messages.ErrorFrame))
                bad += next(code for code in answers if code in ("bad-frame", "unknown-type")) == "bad-frame"
            else:
                judge(wire, wire.until(f"mark-{next(MARKS)}"))
            if bad == 3:
                while wire.frame() is not None:
                    pass
                assert wire.close_code == 4400
                break
    bystanders.talk()


@REAL
@given(
    st.booleans(),
    st.lists(st.tuples(MESSAGE_TYPES, texts(), st.lists(st.integers(0, 70000), max_size=3)), max_size=8),
)
def test_frames_in_a_row_and_in_fragments(
    server: Target, bystanders: Bystanders, welcomed: bool, said: list[tuple[int, bytes, list[int]]]
) -> None:
    with RawSocket(server.port).upgrade() as wire:
        if welcomed:
            wire.hello("id000")
        for opcode, text, cuts in said:
            wire.send(fragments(opcode, text, cuts))
        judge(wire, wire.until(f"mark-{next(MARKS)}"))
    bystanders.talk()


@REAL
@given(st.integers(1, 20))
@example(1)
def test_two_strangers_that_send_everything_at_each_other(server: Target, bystanders: Bystanders, turns: int) -> None:
    """Frames with the names of a real match reach the code behind the checks that unknown names fail."""
    with RawSocket(server.port).upgrade() as one, RawSocket(server.port).upgrade() as two:
        room = {"room": f"r{next(MARKS)}"}
        for wire, instance in ((one, "one"), (two, "two")):
            wire.hello(instance)
            wire.say(messages.encode(messages.JoinQueue(revision=1, ticket="t", attributes=room, required=room)))
        found = next(reply for reply in iter(one.frame, None) if isinstance(reply, messages.MatchFound))
        for turn in range(turns):
            lane = {"match": found.match_id, "from": "one", "to": found.peer, "seq": 2**53 - 1 - turn}
            for kind in ("offer", "answer", "ice-candidate", "ice-restart", "chat", "ack"):
                one.say(
                    json.dumps(
                        {"type": kind, "sdp": "v=0", "candidates": [{}] * 64, "id": "x", "text": "", **lane}
                    ).encode()
                )
            two.say(
                b'{"type":"heartbeat","intent":{"state":"matched","revision":1,"match":"%s"}}' % found.match_id.encode()
            )
            one.say(b'{"type":"leave","revision":%d,"match":"%s","reason":"busy"}' % (turn, found.match_id.encode()))
        for wire in (one, two):
            judge(wire, wire.until(f"mark-{next(MARKS)}"))
    bystanders.talk()


CLOSINGS = st.one_of(
    st.binary(max_size=125),
    st.builds(lambda code, reason: struct.pack(">H", code) + reason, st.integers(0, 65535), st.binary(max_size=20)),
)
RAW = st.one_of(
    st.binary(max_size=200),
    st.builds(
        frame,
        st.integers(0, 15),
        st.binary(max_size=300) | st.just(b'{"type":"ack"}'),
        head=st.sampled_from([0, 0x80, 0x80, 0xC0, 0xA0, 0x90, 0x40, 0xF0]),
        mask=st.booleans(),
        length=st.none() | st.sampled_from([0, 1, 125, 126, 65535, 65536, 2**31, 2**63 - 1, 2**64 - 1]),
    ),
    CLOSINGS.map(lambda payload: frame(CLOSE, payload)),
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=200)),
)


@REAL
@given(st.booleans(), st.lists(RAW, min_size=1, max_size=6))
def test_any_bytes_after_the_handshake_end_in_a_close_with_a_code(
    server: Target, bystanders: Bystanders, welcomed: bool, chunks: list[bytes]
) -> None:
    with RawSocket(server.port).upgrade() as wire:
        if welcomed:
            wire.hello("id000")
        for chunk in chunks:
            wire.send(chunk)
        wire.half_close()
        received = []
        while (message := wire.message()) is not None:
            received.append(message)
        for opcode, payload in received:
            if opcode == TEXT:
                messages.decode_server(payload)
        if wire.close_code not in (None, 1005):
            assert wire.close_code in CLOSES | echoed(chunks), f"closed with {wire.close_code}"
    bystanders.talk()


def echoed(chunks: list[bytes]) -> set[int]:
    """Return the codes that answer the client's close: the same one, or 1000 if it had none (RFC 6455 5.5.1)."""
    codes = {int.from_bytes(masked(one[6:8]), "big") for one in chunks if one[:1] == b"\x88"}
    return codes | {1000} if codes else codes
