"""A session's view of its wait in the queue: what waiting has relaxed, and what the client knows of it."""

from typing import Final

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, EVERYTHING, REQUIRED_ONLY, Ticket
from switchboard_signaling.wire.intents import Queued
from switchboard_signaling.wire.messages import QueueStatus, Relaxation

RELAX_SECONDS: Final = 10.0
"""How long an intent's preferences count as requirements, per socket."""
RELAX_ALL_SECONDS: Final = 20.0
"""How long until the ticket may meet recent peers again, if the other one has waited as long."""


def relaxations(ticket: Ticket) -> list[Relaxation]:
    """Return what has been relaxed of a ticket, in the protocol's terms."""
    found: list[Relaxation] = []
    if ticket.relaxed >= REQUIRED_ONLY and ticket.preferred:
        found.append("preferred")
    if ticket.relaxed >= ANYBODY_AGAIN:
        found.append("recent")
    return found


class QueueWait:
    """One ticket's wait as one socket sees it; times in monotonic seconds.

    A pod has thousands of them, so it keeps two numbers of the last status and not the frame.
    """

    __slots__ = ("_position", "_relaxed", "_since", "ticket")

    def __init__(self, ticket: str, now: float) -> None:
        self.ticket = ticket
        self._since = now
        self._position = self._relaxed = -1

    def relaxed(self, intent: Queued, now: float) -> int:
        """Return how far the intent is relaxed, by how long this socket has known it."""
        waited = now - self._since
        if waited >= RELAX_ALL_SECONDS:
            return ANYBODY_AGAIN
        return REQUIRED_ONLY if waited >= RELAX_SECONDS and intent.preferred else EVERYTHING

    def status(self, intent: Queued, ticket: Ticket, position: int, queue_token: str) -> QueueStatus | None:
        """Return the status to send, or None if the client knows it. A position of 0 is unknown."""
        known = (self._position, self._relaxed) == (position, ticket.relaxed)
        if known and intent.queue_token is not None:
            return None
        self._position, self._relaxed = position, ticket.relaxed
        return QueueStatus(
            ticket=self.ticket, queue_token=queue_token, position=position or None, relaxed=relaxations(ticket)
        )

    def interrupt(self) -> None:
        """Note that the client was offered a match: if it fails, the status is sent again."""
        self._position = -1
