"""Frames on the wire."""

import msgspec
import pytest

from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES
from switchboard_signaling.wire.intents import Idle, Queued
from switchboard_signaling.wire.messages import (
    Candidate,
    FrameRef,
    Heartbeat,
    Hello,
    IceCandidate,
    LeaveQueue,
    MatchFound,
    Offer,
)


def code_of(data: str | bytes) -> str:
    with pytest.raises(errors.ProtocolError) as caught:
        messages.decode_client(data)
    return caught.value.kind.code


def test_frames_are_identified_by_type_and_names_are_whole_words_in_camel_case() -> None:
    frame = MatchFound(match_id="m", role="polite", peer="p", state="open", ice_servers=[], ttl_ms=1)
    text = messages.encode(frame)
    assert text == (
        b'{"type":"match-found","match":"m","role":"polite","peer":"p","state":"open","iceServers":[],"ttlMs":1}'
    )
    assert messages.decode_server(text) == frame


def test_an_intent_is_identified_by_its_state() -> None:
    frame = messages.decode_client(
        '{"type":"hello","socket":1,"instance":"i","intent":{"state":"queued","revision":1,"ticket":"t"}}'
    )
    assert frame == Hello(socket_number=1, instance="i", intent=Queued(1, "t"))
    assert messages.decode_client('{"type":"hello","socket":1,"instance":"i"}') == Hello(
        socket_number=1, instance="i", intent=Idle(0)
    )


def test_candidates_keep_the_browsers_own_names() -> None:
    text = (
        '{"type":"ice-candidate","match":"m","from":"a","to":"b","seq":1,'
        '"candidates":[{"candidate":"c","sdpMid":"0","sdpMLineIndex":0}]}'
    )
    frame = messages.decode_client(text)
    assert frame == IceCandidate(match_id="m", from_="a", to="b", seq=1, candidates=[Candidate("c", "0", 0)])
    assert b'"sdpMLineIndex":0' in messages.encode(frame)


def test_unknown_fields_are_dropped_and_a_repeated_key_is_passed_on_once() -> None:
    frame = messages.decode_client(
        '{"type":"offer","match":"x","match":"m","from":"a","to":"b","seq":1,"sdp":"s","new":[1]}'
    )
    assert frame == Offer(match_id="m", from_="a", to="b", seq=1, sdp="s")
    assert messages.encode(frame).count(b'"match":') == 1


def test_an_unknown_type_differs_from_a_bad_frame() -> None:
    assert code_of('{"type":"of-tomorrow"}') == "unknown-type"
    assert code_of('{"type":"hello","socket":1,"instance":"i","intent":{"state":"new","revision":1}}') == "bad-frame"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "null",
        b"\xff\xfe",
        "[" * 60_000,
        '{"type":3}',
        '{"n":1}',
        '{"type":"hello","instance":"i"}',
        '{"type":"hello","socket":1.0,"instance":"i"}',
        '{"type":"hello","socket":true,"instance":"i"}',
        '{"type":"hello","socket":-1,"instance":"i"}',
        '{"type":"hello","socket":9007199254740992,"instance":"i"}',
        '{"type":"hello","socket":NaN,"instance":"i"}',
        '{"type":"hello","socket":1,"instance":""}',
        '{"type":"hello","socket":1,"instance":"a b"}',
        '{"type":"hello","socket":1,"instance":"i\\n"}',
        '{"type":"hello","socket":1,"instance":"\\ud800"}',
        '{"type":"leave","revision":1,"match":"m","reason":"no such reason"}',
    ],
)
def test_frames_that_implementations_could_read_differently_are_rejected(data: str | bytes) -> None:
    assert code_of(data) == "bad-frame"


def test_a_long_frame_is_rejected_by_its_length() -> None:
    limit = MAX_FRAME_BYTES
    head = '{"type":"offer","match":"m","from":"a","to":"b","seq":1,"sdp":"'
    fits = head + "x" * (limit - len(head) - 2) + '"}'
    assert messages.decode_client(fits)
    assert code_of(fits + " ") == "bad-frame"
    assert code_of(fits.replace("x", "é")) == "bad-frame"


def test_a_client_decodes_the_servers_frames_as_strictly() -> None:
    for data in ("{", " " * (MAX_FRAME_BYTES + 1), '{"type":"replaced","x":"' + "é" * 20_000 + '"'):
        with pytest.raises(errors.ProtocolError) as caught:
            messages.decode_server(data)
        assert caught.value.kind is errors.BAD_FRAME


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (Heartbeat(intent=Idle()), b'{"type":"heartbeat"}'),
        (LeaveQueue(revision=1, ticket="t"), b'{"type":"leave-queue","ticket":"t"}'),
        (Offer(match_id="m", from_="a", to="b", seq=3, sdp="s"), b'{"type":"offer","match":"m","seq":3}'),
    ],
)
def test_a_reference_has_the_ids_of_its_frame(frame: messages.ClientFrame, text: bytes) -> None:
    assert msgspec.json.encode(messages.reference(frame)) == text


def test_an_error_frame_has_code_remedy_and_reference() -> None:
    frame = messages.error_frame(errors.STORE_UNAVAILABLE, ref=FrameRef("join-queue", ticket="t"))
    assert (frame.code, frame.retryable, frame.ref) == ("store-unavailable", True, FrameRef("join-queue", ticket="t"))
    assert frame.remedy
    assert messages.error_frame(errors.BAD_FRAME, "why").message == "The frame is not a valid message: why"
