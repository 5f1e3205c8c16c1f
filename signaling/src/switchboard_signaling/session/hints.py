"""Messages between pods, as plain data.

A lost hint costs time and nothing else: polls and heartbeats find the same change by comparing.
"""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from switchboard_signaling.wire.messages import PeerMessage


class Relay(Struct, tag="relay", frozen=True):
    """Deliver a frame of the match from session `sender` on `pod` to session `session_id`."""

    session_id: str
    match_id: str
    sender: str
    pod: str
    frame: PeerMessage


class MatchChanged(Struct, tag="changed", frozen=True):
    """Read the match again for this session; `closed` is the number of the peer's socket if it has just closed."""

    session_id: str
    match_id: str
    closed: int | None = None


class Superseded(Struct, tag="superseded", frozen=True):
    """The session has a newer socket elsewhere."""

    session_id: str
    socket_number: int


class Disconnect(Struct, tag="disconnect", frozen=True):
    """End the session, on request of an administrator."""

    session_id: str


class Proposed(Struct, tag="proposed", frozen=True):
    """The pod's mailbox has a proposal."""


Hint: TypeAlias = Relay | MatchChanged | Superseded | Disconnect | Proposed

_hints: msgspec.json.Decoder[Hint] = msgspec.json.Decoder(Hint)


def encode_hint(hint: Hint) -> bytes:
    """Return a hint as JSON."""
    return msgspec.json.encode(hint)


def decode_hint(data: bytes) -> Hint:
    """Return a hint; raises msgspec.DecodeError for anything that no pod sends."""
    return _hints.decode(data)
