"""The queue of a pool as a pure model: the memory broker runs it, and the store's scripts must agree with it.

The queue only proposes matches. Removing two tickets, recording their match and notifying both pods is one step. If
anything is lost afterwards, enqueueing the same ticket again, as every heartbeat does, finds the match.

Tickets are indexed, so that tickets that are hard to match do not slow down others. A ticket is indexed under one of
its needs (its index key; of several needs, the one with the fewest waiting tickets) and under each of its attributes. A
search only looks at buckets whose index key is one of its own attributes and whose attribute is its own need.
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
"""Maximum number of tickets that a search looks at, which keeps a step short. The next heartbeat continues there."""
POD_LEASE: Final = 10.0
"""Seconds after a pod's last heartbeat in which its tickets are still matched. The next heartbeat of a connected client
restores a removed ticket at its queue order, so removing too many is harmless."""
MEMORY: Final = 3600.0
"""Seconds for which cancelled and matched tickets are remembered: as long as a queue token is valid."""
TICKET_TTL: Final = 90.0
"""Seconds without a heartbeat after which a ticket is removed; a later heartbeat restores it at its queue order."""
SWEEP: Final = 8
"""Maximum number of such tickets removed with each enqueued ticket."""
RECENT_SECONDS: Final = 600.0
"""Seconds for which two subjects are not matched again, unless both have waited long."""

QUEUES: Final = 16
"""Queues per pool: one for tickets without a mode; the modes share the others."""

Entry: TypeAlias = tuple[int, str]
"""Queue order and name of a waiting ticket."""
Bucket: TypeAlias = tuple[str, str, str] | tuple[str]
"""Mode, index key and attribute of its tickets; an empty text means no need, or any attributes.

A mode alone has all waiting tickets of that mode.
"""


class Enqueued(Struct, frozen=True):
    """The ticket waits at `queue_order`; `position` counts from 1 within its mode, the longest wait; 0 is unknown."""

    queue_order: int
    position: int


class Cancelled(Struct, frozen=True):
    """The ticket was cancelled and never returns."""


QueueAnswer: TypeAlias = Enqueued | Proposal | Cancelled


def queue_of(mode: str) -> int:
    """Return the number of a mode's queue. They are few, because each pod reads a mailbox in each of them."""
    return 1 + crc32(mode.encode()) % (QUEUES - 1) if mode else 0


def pairs(words: dict[str, str]) -> list[str]:
    """Return attributes or needs as sorted texts."""
    return sorted(f"{name}={value}" for name, value in words.items())


@dataclass
class MatchQueue:
    """A queue of a pool; times are in seconds on one monotonic clock of the caller.

    `memory_bound` limits how many cancelled and matched tickets are remembered; the oldest are forgotten first.
    """

    memory_bound: float = inf
    last_order: int = 0
    tickets: dict[str, Ticket] = field(default_factory=dict)
    matched: dict[str, Proposal] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    abandoned: set[str] = field(default_factory=set)
    """Matched tickets that their clients have given up: they do not return when the match fails."""
    mailboxes: dict[str, dict[str, Proposal]] = field(default_factory=dict)
    beats: dict[str, float] = field(default_factory=dict)
    _buckets: defaultdict[Bucket, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    _index_keys: dict[str, str] = field(default_factory=dict)
    _cursors: dict[str, int] = field(default_factory=dict)
    """Where searches stopped that had looked at SCAN tickets."""
    _refreshed: dict[str, float] = field(default_factory=dict)
    """Time of each ticket's last heartbeat, in that order."""
    _recent: dict[frozenset[str], float] = field(default_factory=dict)
    _forget: dict[str, float] = field(default_factory=dict)

    def enqueue(self, ticket: Ticket, match_id: str, dead: str | None, now: float) -> QueueAnswer:
        """Queue a ticket, or find out what became of it; `match_id` names the match that this may propose.

        Repeating it changes nothing. `dead` names a match of this ticket that ended before it opened: the ticket
        returns to its queue order.
        """
        self._forget_old(now)
        self._sweep(now)
        name = ticket.ticket
        if name in self.cancelled:
            return Cancelled()
        if name in self.matched:
            if self.matched[name].match_id != dead:
                return self.matched[name]
            self._recent.pop(_subjects(self.matched.pop(name)), None)
            if name in self.abandoned:
                self.abandoned.discard(name)
                self.cancelled.add(name)
                return Cancelled()
        known = self.tickets.get(name)
        queue_order = known.queue_order if known else ticket.queue_order or self.last_order + 1
        self.last_order = max(self.last_order, queue_order)
        self.beats[ticket.pod] = now
        ticket = replace(ticket, queue_order=queue_order)
        if known is not None:
            self._refresh(name, now)
        if known == ticket and name not in self._cursors:
            return self._waits(ticket)  # it has seen all earlier tickets, and all later ones have seen it
        if known is not None and known != ticket:
            self._remove(name)
        peer = self._peer_for(ticket, now)
        if peer is None:
            if known != ticket:
                self._add(ticket)
                self._refresh(name, now)
            return self._waits(ticket)
        return self._take_out(propose(match_id, ticket, peer), now)

    def cancel(self, ticket: str, now: float) -> Cancelled | Proposal:
        """Remove a ticket permanently; a ticket that is already matched will not return from its match."""
        if ticket in self.matched:
            self.abandoned.add(ticket)
            return self.matched[ticket]
        self._remove(ticket)
        self.cancelled.add(ticket)
        self._remember(ticket, now)
        return Cancelled()

    def proposals(self, pod: str) -> list[Proposal]:
        """Return what a pod has not announced yet; a proposal with two of its tickets only once."""
        mailbox = self.mailboxes.get(pod, {})
        return list({proposal.match_id: proposal for proposal in mailbox.values()}.values())

    def announced(self, pod: str, ticket: str) -> None:
        """Remove the proposal of one ticket from a pod's own mailbox."""
        self.mailboxes.get(pod, {}).pop(ticket, None)

    def beat(self, pod: str, now: float) -> None:
        """Note a heartbeat of a pod."""
        self.beats[pod] = now

    def _waits(self, ticket: Ticket) -> Enqueued:
        waiting = self._buckets[ticket.mode,]
        return Enqueued(ticket.queue_order, 1 + bisect_left(waiting, (ticket.queue_order, ticket.ticket)))

    def _peer_for(self, ticket: Ticket, now: float) -> Ticket | None:
        """Return the compatible ticket that has waited longest; note where a search stopped after SCAN tickets."""
        first = self._cursors.pop(ticket.ticket, 0)
        entries = [self._from(bucket, first) for bucket in self._where(ticket)]
        seen = list(islice(merge(*entries), SCAN))
        for _, name in seen:
            other = self.tickets[name]
            if now - self.beats.get(other.pod, -POD_LEASE) >= POD_LEASE:
                self._remove(name)
            elif compatible(ticket, other) and not self._met_recently(ticket, other, now):
                return other
        if len(seen) == SCAN:
            self._cursors[ticket.ticket] = seen[-1][0]
        return None

    def _where(self, ticket: Ticket) -> list[Bucket]:
        """Return the buckets of tickets that may fit: without an index key, or with one of the ticket's attributes."""
        found = []
        for index_key in ["", *pairs(ticket.attributes)]:
            options: list[Bucket] = [(ticket.mode, index_key, need) for need in pairs(ticket.needs)]
            found.append(min(options, key=self._waiting, default=(ticket.mode, index_key, "")))
        return found

    def _from(self, bucket: Bucket, first: int) -> list[Entry]:
        entries = self._buckets.get(bucket, [])
        start = bisect_left(entries, (first, ""))
        return entries[start : start + SCAN]

    def _waiting(self, bucket: Bucket) -> int:
        return len(self._buckets.get(bucket, ()))

    def _met_recently(self, one: Ticket, other: Ticket, now: float) -> bool:
        until = self._recent.get(frozenset((one.sub, other.sub)))
        return until is not None and until > now and min(one.relaxed, other.relaxed) < ANYBODY_AGAIN

    def _take_out(self, proposal: Proposal, now: float) -> Proposal:
        for ticket in (proposal.a, proposal.b):
            self._remove(ticket.ticket)
            self.matched[ticket.ticket] = proposal
            self._remember(ticket.ticket, now)
            self.mailboxes.setdefault(ticket.pod, {})[ticket.ticket] = proposal
        self._recent.pop(_subjects(proposal), None)  # keeps the entries in the order of time
        self._recent[_subjects(proposal)] = now + RECENT_SECONDS
        return proposal

    def _add(self, ticket: Ticket) -> None:
        options = pairs(ticket.needs)
        index_key = min(options, key=lambda need: self._waiting((ticket.mode, need, "")), default="")
        self._index_keys[ticket.ticket] = index_key
        entry = ticket.queue_order, ticket.ticket
        for bucket in _buckets_of(ticket, index_key):
            insort(self._buckets[bucket], entry)
        self.tickets[ticket.ticket] = ticket

    def _remove(self, name: str) -> None:
        ticket = self.tickets.pop(name, None)
        self._cursors.pop(name, None)
        self._refreshed.pop(name, None)
        if ticket is None:
            return
        for bucket in _buckets_of(ticket, self._index_keys.pop(name)):
            entries = self._buckets[bucket]
            del entries[bisect_left(entries, (ticket.queue_order, name))]
            if not entries:
                del self._buckets[bucket]

    def _refresh(self, name: str, now: float) -> None:
        self._refreshed.pop(name, None)
        self._refreshed[name] = now

    def _sweep(self, now: float) -> None:
        for name, refreshed in list(islice(self._refreshed.items(), SWEEP)):
            if refreshed <= now - TICKET_TTL:
                self._remove(name)

    def _remember(self, name: str, now: float) -> None:
        """Note when to forget the ticket; the entries are in the order of time."""
        self._forget.pop(name, None)
        self._forget[name] = now + MEMORY

    def _forget_old(self, now: float) -> None:
        while self._recent:
            subjects, until = next(iter(self._recent.items()))
            if until > now and len(self._recent) <= self.memory_bound:
                break
            del self._recent[subjects]
        while self._forget:
            name, until = next(iter(self._forget.items()))
            if until > now and len(self._forget) <= self.memory_bound:
                return
            del self._forget[name]
            self.cancelled.discard(name)
            self.abandoned.discard(name)
            self.matched.pop(name, None)


def _buckets_of(ticket: Ticket, index_key: str) -> list[Bucket]:
    return [(ticket.mode,), *((ticket.mode, index_key, attribute) for attribute in ["", *pairs(ticket.attributes)])]


def _subjects(proposal: Proposal) -> frozenset[str]:
    return frozenset((proposal.a.sub, proposal.b.sub))
