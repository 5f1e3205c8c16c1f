"""A session's view of its wait in line: what time has relaxed, and what the client was told of it."""

from typing import Final

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, EVERYTHING, REQUIRED_ONLY, Ticket
from switchboard_signaling.wire.intents import Queued
from switchboard_signaling.wire.messages import InQueue, Relaxation

RELAX_SECONDS: Final = 10.0
"""How long a want's preferences count as requirements, on one socket."""
RELAX_ALL_SECONDS: Final = 20.0
"""After which it also meets whom it has met lately, if the other one has waited as long."""


def relaxations(ticket: Ticket) -> list[Relaxation]:
    """Return what has been relaxed of a ticket, in the words of the protocol."""
    found: list[Relaxation] = []
    if ticket.relaxed >= REQUIRED_ONLY and ticket.preferred:
        found.append("preferred")
    if ticket.relaxed >= ANYBODY_AGAIN:
        found.append("recent")
    return found


class Wait:
    """One ticket's wait as one socket sees it; times in monotonic seconds.

    Thousands wait: what the client was told is two numbers, not the frame.
    """

    __slots__ = ("_position", "_relaxed", "_since", "ticket")

    def __init__(self, ticket: str, now: float) -> None:
        self.ticket = ticket
        self._since = now
        self._position = self._relaxed = -1

    def relaxed(self, want: Queued, now: float) -> int:
        """Return how far a want has been relaxed, by how long this socket has known it."""
        waited = now - self._since
        if waited >= RELAX_ALL_SECONDS:
            return ANYBODY_AGAIN
        return REQUIRED_ONLY if waited >= RELAX_SECONDS and want.preferred else EVERYTHING

    def news(self, want: Queued, ticket: Ticket, position: int, place: str) -> InQueue | None:
        """Return what to tell the client: None if it knows its place, this position and how far it is relaxed.

        0 stands for a position that is not known.
        """
        known = (self._position, self._relaxed) == (position, ticket.relaxed)
        if known and want.place is not None:
            return None
        self._position, self._relaxed = position, ticket.relaxed
        return InQueue(ticket=self.ticket, place=place, position=position or None, relaxed=relaxations(ticket))

    def interrupt(self) -> None:
        """Note that the client has heard of a match: should it fail, the client is to be told anew."""
        self._position = -1
