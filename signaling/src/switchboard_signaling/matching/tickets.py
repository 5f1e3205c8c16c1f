"""Tickets, proposals, and which tickets may be matched."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

EVERYTHING = 0
"""`Ticket.relaxed`: preferred attributes count as required."""
REQUIRED_ONLY = 1
"""`Ticket.relaxed`: preferred attributes no longer count."""
ANYBODY_AGAIN = 2
"""`Ticket.relaxed`: recent peers may be matched again as well, if the other ticket has waited as long."""


class Ticket(Struct, frozen=True, omit_defaults=True):
    """One request to be matched.

    Tickets are matched by ascending `queue_order`; 0 asks for one. A peer must have the `required` attributes with
    exactly these values, and at first the `preferred` ones too; `relaxed` says how far that has been given up.
    `blocked` subjects and tickets of another `mode` are never matched.
    """

    ticket: str
    session_id: str
    sub: str
    instance: str
    pod: str
    queue_order: int = 0
    attributes: dict[str, str] = {}
    required: dict[str, str] = {}
    mode: str = ""
    preferred: dict[str, str] = {}
    blocked: list[str] = []
    relaxed: int = EVERYTHING

    @property
    def needs(self) -> dict[str, str]:
        """The attributes that a peer must have by now."""
        return {**self.preferred, **self.required} if self.relaxed == EVERYTHING else self.required


class Proposal(Struct, frozen=True):
    """Two tickets removed from the queue for a match; side a has the smaller session id."""

    match_id: str
    a: Ticket
    b: Ticket

    def side_of(self, session_id: str) -> Literal["a", "b"]:
        """Return a session's side."""
        return "a" if self.a.session_id == session_id else "b"

    def from_side(self, side: Literal["a", "b"]) -> tuple[Ticket, Ticket]:
        """Return the ticket of a side and that of its peer."""
        return (self.a, self.b) if side == "a" else (self.b, self.a)


def propose(match_id: str, one: Ticket, other: Ticket) -> Proposal:
    """Return the proposal of two tickets, sides in their order."""
    return Proposal(match_id, one, other) if one.session_id < other.session_id else Proposal(match_id, other, one)


def compatible(one: Ticket, other: Ticket) -> bool:
    """Return whether two tickets may be matched, regardless of recent peers.

    Never across modes, never a subject or a session with itself, never with a blocked subject; needs are mutual.
    """
    if one.mode != other.mode or one.sub == other.sub or one.session_id == other.session_id:
        return False
    if one.sub in other.blocked or other.sub in one.blocked:
        return False
    return _has(other.attributes, one.needs) and _has(one.attributes, other.needs)


def _has(attributes: Mapping[str, str], needs: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in needs.items())
