"""Questions that sessions ask the pods' shared store, and its answers, as plain data.

Each question may be repeated. Records only join facts (maxima, and fields that are set once), so order and duplicates
do not matter. The `apply` functions define the semantics; a broker keeps the records and runs them atomically.
"""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.matching.queue import QueueAnswer
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.wire.intents import Intent, newer_intent
from switchboard_signaling.wire.tokens import Side

Outcome: TypeAlias = Literal["forming", "open", "aborted", "ended"]


# Sessions


class Predecessor(Struct, frozen=True):
    """The intent and the pod of a session's previous socket."""

    intent: Intent
    pod: str


class SessionRecord(Struct, frozen=True):
    """A session's newest socket (its number and its `attach` id) and its intent."""

    socket_number: int
    attach: str
    intent: Intent
    instance: str
    pod: str
    predecessor: Predecessor | None = None


class TouchSession(Struct, frozen=True):
    """Join what a socket knows into its session's record."""

    session_id: str
    socket_number: int
    attach: str
    intent: Intent
    instance: str
    pod: str


class SessionAnswer(Struct, frozen=True):
    """The record after the touch; `stale` if a newer socket exists. A repeated touch gets the same answer."""

    record: SessionRecord
    stale: bool


def apply_session(record: SessionRecord | None, touch: TouchSession) -> SessionAnswer:
    """Return a session's record after a touch."""
    number, attach = touch.socket_number, touch.attach
    if record is None:
        return SessionAnswer(SessionRecord(number, attach, touch.intent, touch.instance, touch.pod), stale=False)
    same = attach == record.attach
    if number < record.socket_number or (number == record.socket_number and not same):
        return SessionAnswer(record, stale=True)
    predecessor = record.predecessor if same else Predecessor(record.intent, record.pod)
    intent = newer_intent(record.intent, touch.intent)
    return SessionAnswer(SessionRecord(number, attach, intent, touch.instance, touch.pod, predecessor), stale=False)


class ReadSession(Struct, frozen=True):
    """Read a session's record without changing it."""

    session_id: str


# Matches


class SideRecord(Struct, frozen=True):
    """One side of a match.

    `(socket_number, version)` grows with each touch by its client; `named` is set once its client wants the match.
    """

    session_id: str
    socket_number: int
    version: int
    instance: str
    pod: str
    named: bool


class MatchRecord(Struct, frozen=True):
    """A match; its outcome goes from forming to open to ended, or from forming to aborted."""

    match_id: str
    a: SideRecord | None = None
    b: SideRecord | None = None
    outcome: Outcome = "forming"
    by: Side | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        """Whether the match has ended, before or after it was open."""
        return self.outcome in ("aborted", "ended")

    def sides(self, session_id: str) -> tuple[Side, SideRecord, SideRecord | None] | None:
        """Return a session's side, its record and its peer's; None for a session that is not in the match."""
        if self.a and self.a.session_id == session_id:
            return "a", self.a, self.b
        if self.b and self.b.session_id == session_id:
            return "b", self.b, self.a
        return None


class TouchMatch(Struct, frozen=True):
    """Join what a socket knows of its side into a match's record.

    `side` is given by sessions that can prove it (by a proposal or a match token), and allows the side to be created
    again. `proven`: the match was open. `news`: the peer's pod should read the match.
    """

    match_id: str
    session_id: str
    socket_number: int
    version: int
    instance: str
    pod: str
    named: bool
    side: Side | None = None
    proven: bool = False
    news: bool = False


class ReadMatch(Struct, frozen=True):
    """Read a match's record without changing it."""

    match_id: str


class EndMatch(Struct, frozen=True):
    """Set the outcome of a match, once, as one of its sessions.

    `side` is given by sessions that can prove it, and allows an unknown match to be recorded as ended. `only_forming`
    leaves an open match alone. `unseen` is the (socket number, version) that the other side must still have.
    """

    match_id: str
    session_id: str
    reason: str
    side: Side | None = None
    only_forming: bool = False
    unseen: tuple[int, int] | None = None


def apply_touch(record: MatchRecord, touch: TouchMatch) -> MatchRecord:
    """Return a match's record after a touch; unchanged if the session has no side in it."""
    found = record.sides(touch.session_id)
    side = found[0] if found else touch.side
    known = found[1] if found else None
    if side is None or (known is None and getattr(record, side) is not None):
        return record
    named = touch.named or bool(known and known.named)
    if known and (touch.socket_number, touch.version) < (known.socket_number, known.version):
        mine = replace(known, named=named)
    else:
        mine = SideRecord(touch.session_id, touch.socket_number, touch.version, touch.instance, touch.pod, named)
    record = replace(record, a=mine) if side == "a" else replace(record, b=mine)
    both = bool(record.a and record.a.named and record.b and record.b.named)
    if record.outcome == "forming" and (both or touch.proven):
        return replace(record, outcome="open")
    return record


def apply_end(record: MatchRecord, end: EndMatch) -> MatchRecord:
    """Return a match's record after an attempt to end it; unchanged if the session has no side in it."""
    found = record.sides(end.session_id)
    side = found[0] if found else end.side
    other = record.b if side == "a" else record.a
    if side is None or record.over or (end.only_forming and record.outcome == "open"):
        return record
    if end.unseen and other and (other.socket_number, other.version) != end.unseen:
        return record
    outcome: Outcome = "ended" if record.outcome == "open" else "aborted"
    return replace(record, outcome=outcome, by=side, reason=end.reason)


# The queue


class Enqueue(Struct, frozen=True):
    """Queue a ticket (matching.queue.MatchQueue.enqueue)."""

    ticket: Ticket
    match_id: str
    dead: str | None = None


class Cancel(Struct, frozen=True):
    """Remove a ticket from the queue of its mode, permanently."""

    ticket: str
    mode: str = ""


class Announced(Struct, frozen=True):
    """Remove the proposal of `ticket` from this pod's mailbox."""

    ticket: str
    pod: str
    mode: str = ""


Question: TypeAlias = TouchSession | ReadSession | TouchMatch | ReadMatch | EndMatch | Enqueue | Cancel | Announced
Reply: TypeAlias = SessionAnswer | SessionRecord | MatchRecord | QueueAnswer | None
