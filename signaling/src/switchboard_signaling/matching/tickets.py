"""Tickets and what they accept of each other."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

EVERYTHING = 0
"""`Ticket.relaxed`: what is preferred counts as required."""
REQUIRED_ONLY = 1
"""`Ticket.relaxed`: what is preferred does not count any more."""
ANYBODY_AGAIN = 2
"""`Ticket.relaxed`: nor does it count who was met a while ago, if the other has waited as long."""


class Ticket(Struct, frozen=True, omit_defaults=True):
    """One wish to be matched.

    `seq` is the place in line, lower is earlier, 0 asks for one; `required` are attributes that the partner must
    have with exactly these values, `preferred` those that it should have at first, `relaxed` how far that has been
    given up. `blocked` are subjects that it never meets, and `mode` parts those who look for different things.
    """

    ticket: str
    sid: str
    sub: str
    inst: str
    pod: str
    seq: int = 0
    attributes: dict[str, str] = {}
    required: dict[str, str] = {}
    mode: str = ""
    preferred: dict[str, str] = {}
    blocked: list[str] = []
    relaxed: int = EVERYTHING

    @property
    def needs(self) -> dict[str, str]:
        """What the partner must have by now."""
        return {**self.preferred, **self.required} if self.relaxed == EVERYTHING else self.required


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
    """Whether two tickets may be matched, whoever they met before.

    Never a subject or a session with itself or with whom it blocks, nor across modes; needs must be met both ways.
    """
    if one.mode != other.mode or one.sub == other.sub or one.sid == other.sid:
        return False
    if one.sub in other.blocked or other.sub in one.blocked:
        return False
    return _has(other.attributes, one.needs) and _has(one.attributes, other.needs)


def _has(attributes: Mapping[str, str], needs: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in needs.items())
