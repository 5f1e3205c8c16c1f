"""What a session asks of the store that the pods share, and the answers: plain data.

Each question may be repeated; records only ever join facts (maxima, and fields that are set once), so that order and
doubling do not matter. `apply` functions are the meaning; a broker keeps the records and runs them atomically.
"""

from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.matching.line import LineAnswer
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.wire.intents import Want, newer_want
from switchboard_signaling.wire.tokens import Side

Outcome: TypeAlias = Literal["forming", "open", "aborted", "ended"]


# Sessions


class Predecessor(Struct, frozen=True):
    """What a session's last socket left to the present one: the want, and the pod that it was on."""

    want: Want
    pod: str


class SessionRecord(Struct, frozen=True):
    """What is known of a session: its newest socket (attach number `n`, that socket's `attach` id) and its want."""

    n: int
    attach: str
    want: Want
    inst: str
    pod: str
    predecessor: Predecessor | None = None


class TouchSession(Struct, frozen=True):
    """Join what a socket knows of session `sid` into its record."""

    sid: str
    n: int
    attach: str
    want: Want
    inst: str
    pod: str


class SessionAnswer(Struct, frozen=True):
    """The record after the touch; `stale` if a newer socket exists. A repeated touch gets the same answer."""

    record: SessionRecord
    stale: bool


def apply_session(record: SessionRecord | None, touch: TouchSession) -> SessionAnswer:
    """Return a session's record after a touch."""
    if record is None:
        return SessionAnswer(SessionRecord(touch.n, touch.attach, touch.want, touch.inst, touch.pod), stale=False)
    if touch.n < record.n or (touch.n == record.n and touch.attach != record.attach):
        return SessionAnswer(record, stale=True)
    same = touch.attach == record.attach
    predecessor = record.predecessor if same else Predecessor(record.want, record.pod)
    want = newer_want(record.want, touch.want)
    after = SessionRecord(touch.n, touch.attach, want, touch.inst, touch.pod, predecessor)
    return SessionAnswer(after, stale=False)


class ReadSession(Struct, frozen=True):
    """Read the record of session `sid` without changing it."""

    sid: str


# Matches


class SideRecord(Struct, frozen=True):
    """One side of a match: `(n, v)` grows with each touch of its client, `named` once its client wants the match."""

    sid: str
    n: int
    v: int
    inst: str
    pod: str
    named: bool


class MatchRecord(Struct, frozen=True):
    """A match; the outcome only moves on: forming, then open, then ended; or forming, then aborted."""

    m: str
    a: SideRecord | None = None
    b: SideRecord | None = None
    outcome: Outcome = "forming"
    by: Side | None = None
    reason: str | None = None

    @property
    def over(self) -> bool:
        """Whether the match has ended, before or after it was open."""
        return self.outcome in ("aborted", "ended")

    def sides(self, sid: str) -> tuple[Side, SideRecord, SideRecord | None] | None:
        """Return a session's side, its record and its partner's; None for a session that is not in the match."""
        if self.a and self.a.sid == sid:
            return "a", self.a, self.b
        if self.b and self.b.sid == sid:
            return "b", self.b, self.a
        return None


class TouchMatch(Struct, frozen=True):
    """Join what a socket knows of its side of `m`.

    `side` is given by those who hold a proof of it (proposal or match token) and lets the side be created anew;
    `proven` says that the match was open. `news` asks the partner's pod to look.
    """

    m: str
    sid: str
    n: int
    v: int
    inst: str
    pod: str
    named: bool
    side: Side | None = None
    proven: bool = False
    news: bool = False


class ReadMatch(Struct, frozen=True):
    """Read the record of `m` without changing it."""

    m: str


class EndMatch(Struct, frozen=True):
    """Set the outcome of `m`, once, as session `sid` of that match.

    `side` is given by those who hold a proof of it, and lets an unknown match be remembered as ended. `only_forming`
    leaves an open match alone; `unseen` is the (n, v) at which the other side must still stand.
    """

    m: str
    sid: str
    reason: str
    side: Side | None = None
    only_forming: bool = False
    unseen: tuple[int, int] | None = None


def apply_touch(record: MatchRecord, touch: TouchMatch) -> MatchRecord:
    """Return a match's record after a touch; unchanged if the session has no side in it."""
    found = record.sides(touch.sid)
    side = found[0] if found else touch.side
    known = found[1] if found else None
    if side is None or (known is None and getattr(record, side) is not None):
        return record
    named = touch.named or bool(known and known.named)
    if known and (touch.n, touch.v) < (known.n, known.v):
        mine = replace(known, named=named)
    else:
        mine = SideRecord(touch.sid, touch.n, touch.v, touch.inst, touch.pod, named)
    record = replace(record, a=mine) if side == "a" else replace(record, b=mine)
    both = bool(record.a and record.a.named and record.b and record.b.named)
    if record.outcome == "forming" and (both or touch.proven):
        return replace(record, outcome="open")
    return record


def apply_end(record: MatchRecord, end: EndMatch) -> MatchRecord:
    """Return a match's record after an attempt to end it; unchanged if the session has no side in it."""
    found = record.sides(end.sid)
    side = found[0] if found else end.side
    other = record.b if side == "a" else record.a
    if side is None or record.over or (end.only_forming and record.outcome == "open"):
        return record
    if end.unseen and other and (other.n, other.v) != end.unseen:
        return record
    outcome: Outcome = "ended" if record.outcome == "open" else "aborted"
    return replace(record, outcome=outcome, by=side, reason=end.reason)


# The line


class Enqueue(Struct, frozen=True):
    """Put a ticket in line (matching.line.MatchQueue.enqueue)."""

    ticket: Ticket
    m: str
    dead: str | None = None


class Cancel(Struct, frozen=True):
    """Take a ticket out of the line of its mode."""

    ticket: str
    mode: str = ""


class Announced(Struct, frozen=True):
    """Remove the proposal of `ticket` from this pod's mailbox."""

    ticket: str
    pod: str
    mode: str = ""


Question: TypeAlias = TouchSession | ReadSession | TouchMatch | ReadMatch | EndMatch | Enqueue | Cancel | Announced
Reply: TypeAlias = SessionAnswer | SessionRecord | MatchRecord | LineAnswer | None
