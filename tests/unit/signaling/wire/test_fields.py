"""Bounds of frame fields."""

from typing import Any

import msgspec
import pytest

from switchboard_signaling.wire import fields


@pytest.mark.parametrize(
    ("kind", "fits", "beyond"),
    [
        (fields.Counter, [0, 2**53 - 1], [-1, 2**53, True, 1.5]),
        (fields.Id, ["a", "A-z_0.9:", "x" * 64], ["", "a b", "a\n", "é", "x" * 65]),
        (fields.KnownId, ["a", "a b", "x" * 64], ["", "x" * 65]),
        (fields.Token, ["a", "x" * 1024], ["", "x" * 1025]),
        (fields.Jwt, ["a", "x" * 8192], ["", "x" * 8193]),
        (fields.Sdp, ["", "x" * fields.MAX_FRAME_BYTES], ["x" * (fields.MAX_FRAME_BYTES + 1)]),
        (fields.ChatText, ["", "x" * fields.MAX_CHAT], ["x" * (fields.MAX_CHAT + 1)]),
        (fields.Word, ["", "x" * 64], ["x" * 65]),
        (fields.Milliseconds, [0, 0.5, fields.MAX_SPAN_MS], [-1, fields.MAX_SPAN_MS + 1]),
        (fields.Bitrate, [0, fields.MAX_BITRATE], [-1, fields.MAX_BITRATE + 1]),
        (fields.Share, [0, 1], [-0.1, 1.1]),
        (fields.Code, ["a-1", "ice-failed"], ["", "1", "A", "a\n", "x" * 33]),
        (fields.Path, ["direct", "relay"], ["", "both"]),
        (fields.Blocked, [[], ["x" * 256] * 64], ["x", ["x" * 257], ["x"] * 65]),
        (
            fields.Attributes,
            [{}, {"lang": "en"}],
            [{"x" * 65: ""}, {str(socket_number): "" for socket_number in range(17)}],
        ),
    ],
)
def test_values_within_bounds_are_accepted_and_others_rejected(kind: Any, fits: list[Any], beyond: list[Any]) -> None:
    for value in fits:
        assert msgspec.convert(value, kind) == value
    for value in beyond:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, kind)
