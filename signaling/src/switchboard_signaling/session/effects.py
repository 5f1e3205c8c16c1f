"""What a session wants done, and what pods tell each other: plain data that the server performs."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.limits import LimitName
from switchboard_signaling.session.records import Question
from switchboard_signaling.wire.errors import CloseCode
from switchboard_signaling.wire.messages import (
    Ack,
    Answer,
    Chat,
    IceCandidate,
    IceRestart,
    Noop,
    Offer,
    ServerFrame,
)

Spoken: TypeAlias = Offer | Answer | IceCandidate | IceRestart | Chat | Noop | Ack
"""What travels from client to client."""


# Hints: lost ones cost time, never truth, because polls and heartbeats find the same by comparing.


class Relay(Struct, tag="relay", frozen=True):
    """Deliver a frame of match `m` from session `sender` on `pod` to session `sid`."""

    sid: str
    m: str
    sender: str
    pod: str
    frame: Spoken


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


# Effects


class Send(Struct, frozen=True):
    """Send a frame on this socket."""

    frame: ServerFrame


class Close(Struct, frozen=True):
    """Close this socket, after what was sent before."""

    code: CloseCode


class Ask(Struct, frozen=True):
    """Put a question to the store; the reply goes to `Session.answered` or `Session.unanswered`."""

    question: Question


class Verify(Struct, frozen=True):
    """Find out whose a JWT is; the answer goes to `Session.verified`. One at a time."""

    token: str


class Suspect(Struct, frozen=True):
    """The client showed a session token that somebody made up: its address is to be slowed down."""


class Limited(Struct, frozen=True):
    """A frame was refused by this limit: to be counted."""

    limit: LimitName


class Tell(Struct, frozen=True):
    """Send a hint to a pod, which may be this one."""

    pod: str
    hint: Hint


class Attach(Struct, frozen=True):
    """This socket is the newest one of session `sid` here."""

    sid: str
    n: int


class Note(Struct, frozen=True):
    """Something to take note of."""

    fact: Fact


Effect: TypeAlias = Send | Close | Ask | Verify | Suspect | Limited | Tell | Attach | Note

_hints: msgspec.json.Decoder[Hint] = msgspec.json.Decoder(Hint)


def encode_hint(hint: Hint) -> bytes:
    """Return a hint as JSON."""
    return msgspec.json.encode(hint)


def decode_hint(data: bytes) -> Hint:
    """Return a hint; raises msgspec.DecodeError for what no pod of ours sends."""
    return _hints.decode(data)
