"""The waiting line of a pool as a pure model: the memory broker runs it, the store's scripts must agree with it.

The line only proposes. Taking two tickets out, recording their match and telling both pods is one step; whatever is
lost afterwards is found again by enqueueing the same ticket, which every heartbeat does.

Who waits is kept in buckets, so that those who are hard to match stand in nobody's way. A ticket is kept under one of
its needs (its `home`; of several, the one under which fewest wait) and under each of its attributes. A search looks
only where its own attributes are the home and its own need is the attribute.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field
from heapq import merge
from itertools import islice
from math import inf
from typing import Final, TypeAlias
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, Proposal, Ticket, compatible, propose

SCAN: Final = 32
"""How many tickets a search looks at, so that one step stays short. The next heartbeat goes on where it stopped."""
POD_LEASE: Final = 10.0
"""Seconds after the last beat in which a pod's tickets are still matched. A live client's next heartbeat puts a
removed ticket back at its place, so that removing too many is harmless."""
MEMORY: Final = 3600.0
"""Seconds for which cancelled tickets and matches are remembered: as long as a place token is valid."""
UNHEARD: Final = 90.0
"""Seconds without a heartbeat after which a ticket is taken out of the line; a later one puts it back at its place."""
SWEEP: Final = 8
"""How many of those go with each ticket that comes or is heard of."""
MET: Final = 600.0
"""Seconds for which two who have met do not meet again, unless both have waited long."""

LINES: Final = 16
"""Lines of a pool: one for the tickets without a mode; the modes share the others."""

Place: TypeAlias = tuple[int, str]
"""Seq and name of a ticket that waits."""
Bucket: TypeAlias = tuple[str, str, str] | tuple[str]
"""Mode, home and attribute of the tickets in it; an empty text stands for no need, and for any attributes.

A mode alone stands for all who wait in it.
"""


class InLine(Struct, frozen=True):
    """The ticket waits at `seq`; `position` counts those of its mode from 1, who has waited longest; 0: not known."""

    seq: int
    position: int


class Cancelled(Struct, frozen=True):
    """The ticket was cancelled and never returns."""


LineAnswer: TypeAlias = InLine | Proposal | Cancelled


def line_of(mode: str) -> int:
    """Return the number of a mode's line. There are few enough for a pod to read its mailbox in each."""
    return 1 + crc32(mode.encode()) % (LINES - 1) if mode else 0


def pairs(words: dict[str, str]) -> list[str]:
    """Return attributes or needs as texts, in their order."""
    return sorted(f"{name}={value}" for name, value in words.items())


@dataclass
class MatchQueue:
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
    _buckets: defaultdict[Bucket, list[Place]] = field(default_factory=lambda: defaultdict(list))
    _homes: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, int] = field(default_factory=dict)
    """Where the searches of tickets stopped that looked at as many as they may."""
    _heard: dict[str, float] = field(default_factory=dict)
    """When each ticket was last heard of, in that order."""
    _met: dict[frozenset[str], float] = field(default_factory=dict)
    _forget: dict[str, float] = field(default_factory=dict)

    def enqueue(self, ticket: Ticket, m: str, dead: str | None, now: float) -> LineAnswer:
        """Put a ticket in line, or find out what became of it; `m` names the match that may come of it.

        Repeating it changes nothing. `dead` names a match of this ticket that has ended without being shown: the
        ticket goes back to its place.
        """
        self._forget_old(now)
        self._sweep(now)
        name = ticket.ticket
        if name in self.cancelled:
            return Cancelled()
        if name in self.matched:
            if self.matched[name].m != dead:
                return self.matched[name]
            self._met.pop(_subjects(self.matched.pop(name)), None)
            if name in self.left:
                self.left.discard(name)
                self.cancelled.add(name)
                return Cancelled()
        known = self.tickets.get(name)
        seq = known.seq if known else ticket.seq or self.last_seq + 1
        self.last_seq = max(self.last_seq, seq)
        self.beats[ticket.pod] = now
        ticket = replace(ticket, seq=seq)
        if known is not None:
            self._hear(name, now)
        if known == ticket and name not in self._cursors:
            return self._waits(ticket)  # it has seen all, and whoever came later has seen it
        if known is not None and known != ticket:
            self._remove(name)
        partner = self._partner_for(ticket, now)
        if partner is None:
            if known != ticket:
                self._add(ticket)
                self._hear(name, now)
            return self._waits(ticket)
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

    def _waits(self, ticket: Ticket) -> InLine:
        everybody = self._buckets[ticket.mode,]
        return InLine(ticket.seq, 1 + bisect_left(everybody, (ticket.seq, ticket.ticket)))

    def _partner_for(self, ticket: Ticket, now: float) -> Ticket | None:
        """Return who has waited longest of those that fit; note where the search stopped, if that was too early."""
        first = self._cursors.pop(ticket.ticket, 0)
        places = [self._from(bucket, first) for bucket in self._where(ticket)]
        seen = list(islice(merge(*places), SCAN))
        for _, name in seen:
            other = self.tickets[name]
            if now - self.beats.get(other.pod, -POD_LEASE) >= POD_LEASE:
                self._remove(name)
            elif compatible(ticket, other) and not self._met_lately(ticket, other, now):
                return other
        if len(seen) == SCAN:
            self._cursors[ticket.ticket] = seen[-1][0]
        return None

    def _where(self, ticket: Ticket) -> list[Bucket]:
        """Return the buckets of those who may fit: their home is none, or an attribute that the ticket has."""
        found = []
        for home in ["", *pairs(ticket.attributes)]:
            options: list[Bucket] = [(ticket.mode, home, need) for need in pairs(ticket.needs)]
            found.append(min(options, key=self._waiting, default=(ticket.mode, home, "")))
        return found

    def _from(self, bucket: Bucket, first: int) -> list[Place]:
        places = self._buckets.get(bucket, [])
        start = bisect_left(places, (first, ""))
        return places[start : start + SCAN]

    def _waiting(self, bucket: Bucket) -> int:
        return len(self._buckets.get(bucket, ()))

    def _met_lately(self, one: Ticket, other: Ticket, now: float) -> bool:
        until = self._met.get(frozenset((one.sub, other.sub)))
        return until is not None and until > now and min(one.relaxed, other.relaxed) < ANYBODY_AGAIN

    def _take_out(self, proposal: Proposal, now: float) -> Proposal:
        for ticket in (proposal.a, proposal.b):
            self._remove(ticket.ticket)
            self.matched[ticket.ticket] = proposal
            self._remember(ticket.ticket, now)
            self.mailboxes.setdefault(ticket.pod, {})[ticket.ticket] = proposal
        self._met.pop(_subjects(proposal), None)  # the notes are in the order of time
        self._met[_subjects(proposal)] = now + MET
        return proposal

    def _add(self, ticket: Ticket) -> None:
        options = pairs(ticket.needs)
        home = min(options, key=lambda need: self._waiting((ticket.mode, need, "")), default="")
        self._homes[ticket.ticket] = home
        place = ticket.seq, ticket.ticket
        for bucket in _buckets_of(ticket, home):
            insort(self._buckets[bucket], place)
        self.tickets[ticket.ticket] = ticket

    def _remove(self, name: str) -> None:
        ticket = self.tickets.pop(name, None)
        self._cursors.pop(name, None)
        self._heard.pop(name, None)
        if ticket is None:
            return
        for bucket in _buckets_of(ticket, self._homes.pop(name)):
            places = self._buckets[bucket]
            del places[bisect_left(places, (ticket.seq, name))]
            if not places:
                del self._buckets[bucket]

    def _hear(self, name: str, now: float) -> None:
        self._heard.pop(name, None)
        self._heard[name] = now

    def _sweep(self, now: float) -> None:
        for name, heard in list(islice(self._heard.items(), SWEEP)):
            if heard <= now - UNHEARD:
                self._remove(name)

    def _remember(self, name: str, now: float) -> None:
        """Note when to forget; the notes are in the order of time."""
        self._forget.pop(name, None)
        self._forget[name] = now + MEMORY

    def _forget_old(self, now: float) -> None:
        while self._met:
            subjects, until = next(iter(self._met.items()))
            if until > now and len(self._met) <= self.memory_bound:
                break
            del self._met[subjects]
        while self._forget:
            name, until = next(iter(self._forget.items()))
            if until > now and len(self._forget) <= self.memory_bound:
                return
            del self._forget[name]
            self.cancelled.discard(name)
            self.left.discard(name)
            self.matched.pop(name, None)


def _buckets_of(ticket: Ticket, home: str) -> list[Bucket]:
    return [(ticket.mode,), *((ticket.mode, home, attribute) for attribute in ["", *pairs(ticket.attributes)])]


def _subjects(proposal: Proposal) -> frozenset[str]:
    return frozenset((proposal.a.sub, proposal.b.sub))
