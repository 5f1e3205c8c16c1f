"""The waiting line of a pool as a pure model: the memory broker runs it, the store's scripts must agree with it.

The line only proposes. Taking two tickets out, recording their match and telling both pods is one step; whatever is
lost afterwards is found again by enqueueing the same ticket, which every heartbeat does.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from math import inf
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
    """A pool's line; times are in seconds on one monotonic clock of the caller.

    `memory_bound` is how many cancelled and matched tickets are remembered; beyond it the oldest are forgotten.
    """

    memory_bound: float = inf
    last_seq: int = 0
    tickets: dict[str, Ticket] = field(default_factory=dict)
    matched: dict[str, Proposal] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)
    """Matched tickets that their clients have given up: they do not return when the match fails."""
    mailboxes: dict[str, dict[str, Proposal]] = field(default_factory=dict)
    beats: dict[str, float] = field(default_factory=dict)
    _order: list[tuple[int, str]] = field(default_factory=list)
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
            if name in self.left:
                self.left.discard(name)
                self.cancelled.add(name)
                return Cancelled()
        known = self.tickets.get(name)
        seq = known.seq if known else ticket.seq or self.last_seq + 1
        self.last_seq = max(self.last_seq, seq)
        self.beats[ticket.pod] = now
        ticket = _at(ticket, seq)
        partner = self._partner_for(ticket, now)
        if partner is None:
            if known is None:
                insort(self._order, (seq, name))
            self.tickets[name] = ticket
            return InLine(seq)
        return self._take_out(propose(m, ticket, partner), now)

    def cancel(self, ticket: str, now: float) -> Cancelled | Proposal:
        """Take a ticket out for good; if it is matched already, it will not return from that match."""
        if ticket in self.matched:
            self.left.add(ticket)
            return self.matched[ticket]
        self._remove(ticket)
        self.cancelled.add(ticket)
        self._remember(ticket, now)
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
        for _, name in self._order[:SCAN]:
            other = self.tickets[name]
            if now - self.beats.get(other.pod, -POD_LEASE) >= POD_LEASE:
                self._remove(name)
            elif compatible(ticket, other):
                return other
        return None

    def _take_out(self, proposal: Proposal, now: float) -> Proposal:
        for ticket in (proposal.a, proposal.b):
            self._remove(ticket.ticket)
            self.matched[ticket.ticket] = proposal
            self._remember(ticket.ticket, now)
            self.mailboxes.setdefault(ticket.pod, {})[ticket.ticket] = proposal
        return proposal

    def _remove(self, name: str) -> None:
        ticket = self.tickets.pop(name, None)
        if ticket is not None:
            del self._order[bisect_left(self._order, (ticket.seq, name))]

    def _remember(self, name: str, now: float) -> None:
        """Note when to forget; the notes are in the order of time."""
        self._forget.pop(name, None)
        self._forget[name] = now + MEMORY

    def _forget_old(self, now: float) -> None:
        while self._forget:
            name, until = next(iter(self._forget.items()))
            if until > now and len(self._forget) <= self.memory_bound:
                return
            del self._forget[name]
            self.cancelled.discard(name)
            self.left.discard(name)
            self.matched.pop(name, None)


def _at(ticket: Ticket, seq: int) -> Ticket:
    return Ticket(
        ticket.ticket, ticket.sid, ticket.sub, ticket.inst, ticket.pod, seq, ticket.attributes, ticket.required
    )
