"""The waiting line of a pool as a pure model: the memory broker runs it, the store's scripts must agree with it.

The line only proposes. Taking two tickets out, recording their match and telling both pods is one step; whatever is
lost afterwards is found again by enqueueing the same ticket, which every heartbeat does.
"""

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from msgspec import Struct

from switchboard_signaling.matching.tickets import Proposal, Ticket, compatible, propose

SCAN: Final = 64
"""How many of the oldest tickets a search looks at, so that one step stays short."""
POD_LEASE: Final = 10.0
"""Seconds after the last beat in which a pod's tickets are still matched. A live client's next heartbeat puts a
removed ticket back at its place, so that removing too many is harmless."""
MEMORY: Final = 3600.0
"""Seconds for which cancelled tickets and matches are remembered: as long as a place token is valid."""


class InLine(Struct, frozen=True):
    """The ticket waits at `seq`."""

    seq: int


class Cancelled(Struct, frozen=True):
    """The ticket was cancelled and never returns."""


LineAnswer: TypeAlias = InLine | Proposal | Cancelled


@dataclass
class Line:
    """A pool's line; times are in seconds on one monotonic clock of the caller."""

    last_seq: int = 0
    tickets: dict[str, Ticket] = field(default_factory=dict)
    matched: dict[str, Proposal] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    mailboxes: dict[str, dict[str, Proposal]] = field(default_factory=dict)
    beats: dict[str, float] = field(default_factory=dict)
    _forget: dict[str, float] = field(default_factory=dict)

    def enqueue(self, ticket: Ticket, m: str, dead: str | None, now: float) -> LineAnswer:
        """Put a ticket in line, or find out what became of it; `m` names the match that may come of it.

        Repeating it changes nothing. `dead` names a match of this ticket that has ended without being shown: the
        ticket goes back to its place.
        """
        self._forget_old(now)
        name = ticket.ticket
        if name in self.cancelled:
            return Cancelled()
        if name in self.matched:
            if self.matched[name].m != dead:
                return self.matched[name]
            del self.matched[name]
        known = self.tickets.get(name)
        seq = known.seq if known else ticket.seq or self.last_seq + 1
        self.last_seq = max(self.last_seq, seq)
        self.beats[ticket.pod] = now
        ticket = _at(ticket, seq)
        partner = self._partner_for(ticket, now)
        if partner is None:
            self.tickets[name] = ticket
            return InLine(seq)
        return self._take_out(propose(m, ticket, partner), now)

    def cancel(self, ticket: str, now: float) -> Cancelled | Proposal:
        """Take a ticket out for good, unless it is matched already."""
        if ticket in self.matched:
            return self.matched[ticket]
        self.tickets.pop(ticket, None)
        self.cancelled.add(ticket)
        self._forget[ticket] = now + MEMORY
        return Cancelled()

    def proposals(self, pod: str) -> list[Proposal]:
        """Return what a pod has not announced yet, once even if both tickets are its own."""
        return list({proposal.m: proposal for proposal in self.mailboxes.get(pod, {}).values()}.values())

    def announced(self, pod: str, ticket: str) -> None:
        """Remove the proposal of one ticket from a pod's own mailbox."""
        self.mailboxes.get(pod, {}).pop(ticket, None)

    def beat(self, pod: str, now: float) -> None:
        """Note that a pod lives."""
        self.beats[pod] = now

    def _partner_for(self, ticket: Ticket, now: float) -> Ticket | None:
        oldest = sorted(self.tickets.values(), key=lambda other: other.seq)[:SCAN]
        for other in oldest:
            if now - self.beats.get(other.pod, -POD_LEASE) >= POD_LEASE:
                del self.tickets[other.ticket]
            elif compatible(ticket, other):
                return other
        return None

    def _take_out(self, proposal: Proposal, now: float) -> Proposal:
        for ticket in (proposal.a, proposal.b):
            self.tickets.pop(ticket.ticket, None)
            self.matched[ticket.ticket] = proposal
            self._forget[ticket.ticket] = now + MEMORY
            self.mailboxes.setdefault(ticket.pod, {})[ticket.ticket] = proposal
        return proposal

    def _forget_old(self, now: float) -> None:
        for name in [name for name, until in self._forget.items() if until <= now]:
            del self._forget[name]
            self.cancelled.discard(name)
            self.matched.pop(name, None)


def _at(ticket: Ticket, seq: int) -> Ticket:
    return Ticket(
        ticket.ticket, ticket.sid, ticket.sub, ticket.inst, ticket.pod, seq, ticket.attributes, ticket.required
    )
