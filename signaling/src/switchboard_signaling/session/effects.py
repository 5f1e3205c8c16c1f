"""Effects that a session asks the server to perform, as plain data."""

from typing import TypeAlias

from msgspec import Struct

from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.limits import LimitName
from switchboard_signaling.session.records import Question
from switchboard_signaling.wire.errors import CloseCode, ErrorKind
from switchboard_signaling.wire.messages import FrameRef, ServerFrame, error_frame


class Send(Struct, frozen=True):
    """Send a frame on this socket."""

    frame: ServerFrame


class Close(Struct, frozen=True):
    """Close this socket after everything that was sent before."""

    code: CloseCode


class Ask(Struct, frozen=True):
    """Ask the store; the reply goes to `Session.answered` or `Session.unanswered`."""

    question: Question


class Verify(Struct, frozen=True):
    """Verify a JWT; the result goes to `Session.verified`. One at a time."""

    token: str


class Suspect(Struct, frozen=True):
    """The client sent a forged session token: slow its address down."""


class Limited(Struct, frozen=True):
    """Count a frame that this limit rejected."""

    limit: LimitName


class SendHint(Struct, frozen=True):
    """Send a hint to a pod, which may be this one."""

    pod: str
    hint: Hint


class Attach(Struct, frozen=True):
    """Make this socket the newest one of its session on this pod."""

    session_id: str
    socket_number: int


class Record(Struct, frozen=True):
    """Record a fact for logs, statistics and webhooks."""

    fact: Fact


Effect: TypeAlias = Send | Close | Ask | Verify | Suspect | Limited | SendHint | Attach | Record


def send_error(kind: ErrorKind, detail: str = "", ref: FrameRef | None = None) -> Send:
    """Return the effect that sends an error of the catalogue about a frame."""
    return Send(error_frame(kind, detail, ref))
