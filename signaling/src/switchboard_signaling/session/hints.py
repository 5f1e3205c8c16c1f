"""What pods tell each other, as plain data.

A lost hint costs time, never truth, because polls and heartbeats find the same by comparing.
"""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from switchboard_signaling.wire.messages import PeerMessage


class Relay(Struct, tag="relay", frozen=True):
    """Deliver a frame of match `m` from session `sender` on `pod` to session `sid`."""

    sid: str
    m: str
    sender: str
    pod: str
    frame: PeerMessage


class MatchChanged(Struct, tag="changed", frozen=True):
    """Read match `m` again for session `sid`; `closed` is the number of the partner's socket if it has just closed."""

    sid: str
    m: str
    closed: int | None = None


class Taken(Struct, tag="taken", frozen=True):
    """Session `sid` has a newer socket, number `n`, elsewhere."""

    sid: str
    n: int


class Expel(Struct, tag="expel", frozen=True):
    """Session `sid` is to be ended, as somebody who runs the pool asks."""

    sid: str


class Proposed(Struct, tag="proposed", frozen=True):
    """The pod's mailbox has something."""


Hint: TypeAlias = Relay | MatchChanged | Taken | Expel | Proposed

_hints: msgspec.json.Decoder[Hint] = msgspec.json.Decoder(Hint)


def encode_hint(hint: Hint) -> bytes:
    """Return a hint as JSON."""
    return msgspec.json.encode(hint)


def decode_hint(data: bytes) -> Hint:
    """Return a hint; raises msgspec.DecodeError for what no pod of ours sends."""
    return _hints.decode(data)
