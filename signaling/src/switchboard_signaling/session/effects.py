"""What a session wants done: plain data that the server performs."""

from typing import TypeAlias

from msgspec import Struct

from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.limits import LimitName
from switchboard_signaling.session.records import Question
from switchboard_signaling.wire.errors import CloseCode, ErrorKind
from switchboard_signaling.wire.messages import ServerFrame, error_frame


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


class SendHint(Struct, frozen=True):
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


Effect: TypeAlias = Send | Close | Ask | Verify | Suspect | Limited | SendHint | Attach | Note


def send_error(kind: ErrorKind, detail: str = "", ref: str | None = None) -> Send:
    """Return the effect that answers with an entry of the catalogue; `ref` is what the error is about."""
    return Send(error_frame(kind, detail, ref))
