"""Hints between pods."""

import msgspec
import pytest

from switchboard_signaling.session.hints import (
    Hint,
    MatchChanged,
    Proposed,
    Relay,
    Superseded,
    decode_hint,
    encode_hint,
)
from switchboard_signaling.wire.messages import IceRestart


@pytest.mark.parametrize(
    "hint",
    [
        Relay("sid", "m", "sender", "pod", IceRestart(match_id="m", from_="a", to="b", seq=1)),
        MatchChanged("sid", "m", closed=3),
        Superseded("sid", 2),
        Proposed(),
    ],
)
def test_a_hint_can_be_encoded_and_decoded(hint: Hint) -> None:
    assert decode_hint(encode_hint(hint)) == hint


def test_an_unknown_hint_is_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_hint(b'{"type":"of a newer version"}')
