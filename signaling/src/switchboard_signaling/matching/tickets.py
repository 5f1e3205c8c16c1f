"""Tickets and what they accept of each other."""

from typing import Literal

from msgspec import Struct


class Ticket(Struct, frozen=True):
    """One wish to be matched.

    `seq` is the place in line, lower is earlier, 0 asks for one; `required` are attributes that the partner must
    have with exactly these values.
    """

    ticket: str
    sid: str
    sub: str
    inst: str
    pod: str
    seq: int = 0
    attributes: dict[str, str] = {}
    required: dict[str, str] = {}


class Proposal(Struct, frozen=True):
    """Two tickets taken out of the line for match `m`; side a is the one with the smaller session id."""

    m: str
    a: Ticket
    b: Ticket

    def side_of(self, sid: str) -> Literal["a", "b"]:
        """Return which side a session is."""
        return "a" if self.a.sid == sid else "b"

    def from_side(self, side: Literal["a", "b"]) -> tuple[Ticket, Ticket]:
        """Return the ticket of a side and that of its partner."""
        return (self.a, self.b) if side == "a" else (self.b, self.a)


def propose(m: str, one: Ticket, other: Ticket) -> Proposal:
    """Return the proposal of two tickets, sides in their order."""
    return Proposal(m, one, other) if one.sid < other.sid else Proposal(m, other, one)


def compatible(one: Ticket, other: Ticket) -> bool:
    """Whether two tickets may be matched: never a subject or a session with itself, requirements met both ways."""
    if one.sub == other.sub or one.sid == other.sid:
        return False
    return _meets(one, other) and _meets(other, one)


def _meets(wisher: Ticket, candidate: Ticket) -> bool:
    attributes = candidate.attributes
    for name, value in wisher.required.items():  # noqa: SIM110 - a search asks this of many, and a generator costs more
        if attributes.get(name) != value:
            return False
    return True
