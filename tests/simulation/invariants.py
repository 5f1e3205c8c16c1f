"""What must hold in every schedule; the numbers are those of the list in docs/internals/simulation.md."""

from collections import defaultdict
from typing import TYPE_CHECKING

from switchboard_signaling.client.core import ClientProblem, Ended, Met, Output, Said, Transmit
from switchboard_signaling.matching.line import Cancelled, InLine
from switchboard_signaling.matching.tickets import Proposal, compatible
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    SessionAnswer,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued
from switchboard_signaling.wire.messages import Ack, Noop, PeerMessage

if TYPE_CHECKING:
    from tests.simulation.pages import Page, User
    from tests.simulation.world import World

QUIET_SECONDS = 7.0
"""More than the longest time after which an unacknowledged frame is repeated."""
UNSPOKEN_SECONDS = 30.0
"""How long nobody may have spoken of a ticket that its client has given up, once all faults are over. It may be there:
whoever was to cancel it may have been cut off, and nobody else knows of it; then it goes by itself (UNHEARD in
matching/line.py)."""
MOST_ENDS = 5
"""How often a socket may be told of one end: a client that sleeps answers none of it."""
Lane = tuple[str, str, str]


class ViolationError(AssertionError):
    """An invariant does not hold; `rule` names it."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(rule, text)
        self.rule = rule

    def __str__(self) -> str:
        return ": ".join(self.args)


class Watch:
    """Sees everything, and says at once what must not be."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.honest = False
        """Whether the one fault of this schedule is one that ends no match."""
        self._pairs: dict[str, frozenset[str]] = {}
        self._opened: set[str] = set()
        self._named: set[tuple[str, str]] = set()
        self._numbers: dict[str, int] = {}
        self._cancelled: set[str] = set()
        self._spoken_of: dict[str, float] = {}
        self._places: dict[str, set[int]] = defaultdict(set)
        self._heard: dict[tuple[str, int, str], int] = defaultdict(int)
        self._touched: dict[tuple[str, int, str], int] = defaultdict(int)
        self._ends: dict[tuple[str, int, str], int] = defaultdict(int)
        self._wants: dict[str, int] = {}
        self._said: dict[Lane, dict[int, PeerMessage]] = defaultdict(dict)
        self._shown: dict[Lane, int] = defaultdict(int)
        self._repeated_at: dict[Lane, float] = {}
        self._restored = False
        self._split_until = 0.0

    def _fail(self, rule: str, text: str) -> None:
        raise ViolationError(rule, f"{text} (at {self._world.now - 1000:.2f} s)")

    # What the store is asked and says

    def heard(self, sid: str, n: int, pod: str) -> None:
        """A pod has taken a frame of a client."""
        self._heard[sid, n, pod] += 1

    def asked(self, pod: str, question: object) -> None:
        """A pod asks the store, once for each question."""
        if isinstance(question, TouchSession):
            key = (question.sid, question.n, pod)
            self._touched[key] += 1
            if self._touched[key] > self._heard[key]:
                self._fail("3 memory writes", f"{pod} touches {question.sid} more often than its client has spoken")
        if isinstance(question, Announced) and question.pod != pod:
            self._fail("3 foreign proposal", f"{pod} removes a proposal of {question.pod}")

    def unavailable(self, error: Exception, excused: bool) -> None:
        """A broker says that the store cannot serve; `excused` if it is away."""
        if not excused:
            self._fail("0 store", f"it serves, but its broker fails: {error}")

    def forgotten(self, split: float = 0.0) -> None:
        """The store has lost some of what it knew; for `split` seconds there are two of it."""
        self._split_until = max(self._split_until, self._world.now + split)
        self._restored = True

    def stored(self, question: object, before: MatchRecord | None, reply: object) -> None:
        """The store has answered, whether or not the answer arrives."""
        if self._split_until:
            self._numbers.clear()
            self._cancelled.clear()
            self._split_until = self._split_until if self._world.now <= self._split_until else 0.0
        match question, reply:
            case TouchSession(sid=sid), SessionAnswer():
                if reply.record.n < self._numbers.get(sid, 0):
                    self._fail("2 stale socket wins", f"{sid} is back at socket {reply.record.n}")
                self._numbers[sid] = reply.record.n
            case Cancel(ticket=ticket), Cancelled():
                self._cancelled.add(ticket)
            case Enqueue(), InLine() | Proposal():
                self._enqueued(question, reply)
            case TouchMatch() | EndMatch(), MatchRecord():
                self._recorded(before, reply)

    def _enqueued(self, question: Enqueue, reply: InLine | Proposal) -> None:
        name, asked = question.ticket.ticket, question.ticket.seq
        self._spoken_of[name] = self._world.now
        if name in self._cancelled:
            self._fail("3 no tombstone", f"the cancelled ticket {name} is in line again")
        if isinstance(reply, Proposal):
            pair = frozenset((reply.a.sid, reply.b.sid))
            if self._pairs.setdefault(reply.m, pair) != pair or len(pair) != 2:
                self._fail("2 pairs", f"match {reply.m} is of {pair}, and of {self._pairs[reply.m]}")
            return
        if asked and reply.seq != asked and reply.seq not in self._places[name]:
            self._fail("3 place lost", f"ticket {name} had place {asked} and got {reply.seq}")
        self._places[name].add(reply.seq)

    def _recorded(self, before: MatchRecord | None, after: MatchRecord) -> None:
        if after.outcome == "open":
            self._opened.add(after.m)
        if before is None or before.outcome == "forming":
            return
        done = before.over and (before.outcome, before.by, before.reason) != (after.outcome, after.by, after.reason)
        if done or (before.outcome == "open" and after.outcome not in ("open", "ended")):
            self._fail("3 outcome twice", f"{before} became {after}")

    # What clients are given and show

    def delivers(self, sid: str, n: int, frame: messages.ServerFrame) -> None:
        """A pod sends a frame to a session's socket."""
        if isinstance(frame, messages.PeerState) and frame.state == "left":
            self._ends[sid, n, frame.m] += 1
            if self._ends[sid, n, frame.m] > MOST_ENDS:
                self._fail("3 told for ever", f"{sid} is told again and again that {frame.m} is over")
        if isinstance(frame, PeerMessage) and sid not in self._pairs.get(frame.m, ()):
            self._fail("2 foreign frame", f"{sid} is given {frame}")

    def event(self, page: "Page", output: Output) -> None:
        """A page's session wants something done or shown."""
        match output:
            case Met(m=m):
                self._met(page, m)
            case Said(frame=frame):
                self._said_once(page, frame)
            case Transmit(frame=messages.Heartbeat(want=Matched(m=m))):
                self._named.add((m, page.session.sid or ""))
            case Transmit(frame=frame) if isinstance(frame, PeerMessage) and not isinstance(frame, Ack):
                self._transmitted(frame)
            case Ended(reason=reason) if page.shown and self.honest:
                self._fail("4 honesty", f"user {page.user.number} lost match {page.shown}: {reason}")
            case ClientProblem(code="session-unknown"):
                self._wants.pop(page.session.inst, None)
        c = page.session.want.c
        if c < self._wants.get(page.session.inst, 0):
            self._fail("3 want overridden", f"user {page.user.number} is back at want {page.session.want}")
        self._wants[page.session.inst] = c

    def ticked(self, page: "Page", outputs: list[Output]) -> None:
        """A page's session repeats what is due."""
        again = [one for one in outputs if isinstance(one, Transmit) and isinstance(one.frame, PeerMessage)]
        if len(again) > 1:
            self._fail("1 flood", f"user {page.user.number} repeats {len(again)} frames at once")

    def _met(self, page: "Page", m: str) -> None:
        if page.shown not in (None, m):
            self._fail("2 two matches", f"user {page.user.number} is shown {m} while {page.shown} is open")
        if page.session.sid not in self._pairs.get(m, ()):
            self._fail("2 foreign match", f"user {page.user.number} is shown {m} of {self._pairs.get(m)}")
        if m not in self._opened or any((m, sid) not in self._named for sid in self._pairs[m]):
            self._fail("2 shown while forming", f"user {page.user.number} is shown {m}")

    def _transmitted(self, frame: PeerMessage) -> None:
        lane = (frame.m, frame.from_, frame.to)
        known = self._said[lane].get(frame.k)
        if known is not None:
            self._repeated_at[lane] = self._world.now
            if known != frame and not isinstance(frame, Noop):
                self._fail("1 number reused", f"{known} became {frame}")
        self._said[lane][frame.k] = frame

    def _said_once(self, page: "Page", frame: PeerMessage) -> None:
        if frame.to != page.session.inst:
            self._fail("1 foreign lane", f"page {page.session.inst} shows {frame}")
        lane = (frame.m, frame.from_, frame.to)
        sent, k = self._said[lane], self._shown[lane] + 1
        while k < frame.k and isinstance(sent.get(k), Noop):
            k += 1
        if frame.k != k:
            self._fail("1 once, in order", f"{lane} shows {frame.k} where {k} was due")
        if sent.get(k) != frame and not isinstance(sent.get(k), Noop):
            self._fail("1 content", f"{sent.get(k)} was shown as {frame}")
        self._shown[lane] = k

    # What holds once all faults are long over

    def finish(self, users: "list[User]") -> None:
        """Check the liveness: beliefs and the store agree, nothing is left over."""
        present = {user.page.session.sid or "": user for user in users if not user.gone}
        tickets = self._world.store.backend.tickets()
        for sid, user in present.items():
            self._settled(user, sid, present)
        wanted = []
        for name, ticket in tickets.items():
            want = present[ticket.sid].page.session.want if ticket.sid in present else None
            if isinstance(want, Queued) and f"{ticket.sid}/{want.ticket}" == name:
                wanted.append(ticket)
            elif want is not None and not self._restored and self._spoken_of[name] > self._world.now - UNSPOKEN_SECONDS:
                self._fail("3 ghost ticket", f"{name} is in line, but its client wants {want}")
            # Others are left over by a lost tail or by somebody who vanished: aborted as soon as they are proposed.
        for one in wanted:
            for other in wanted:
                if compatible(one, other):
                    self._fail("3 not matched", f"{one.ticket} and {other.ticket} wait for each other")

    def _settled(self, user: "User", sid: str, present: "dict[str, User]") -> None:
        page, store = user.page, self._world.store.backend
        want, who = page.session.want, f"user {user.number}"
        if not page.welcomed or page.stopped:
            self._fail("3 offline", f"{who} has no session{', was stopped' if page.stopped else ''}")
        record = store.session(sid)
        if record is None or (record.want.c, type(record.want)) != (want.c, type(want)):
            self._fail("3 beliefs differ", f"{who} wants {want}, the store knows {record and record.want}")
        if isinstance(want, Queued) and f"{sid}/{want.ticket}" not in store.tickets():
            self._fail("3 not in line", f"{who} wants {want}")
        if isinstance(want, Idle):
            return
        if isinstance(want, Matched):
            match = store.match(want.m)
            partner = next((present[one] for one in self._pairs[want.m] if one != sid and one in present), None)
            theirs = partner.page.session.want if partner else None
            if match is None or match.outcome != "open" or not isinstance(theirs, Matched) or theirs.m != want.m:
                self._fail(
                    "3 ghost partner", f"{who} is in {want.m}, {match and match.outcome}; partner wants {theirs}"
                )
            if page.shown != want.m or partner is None or partner.page.shown != want.m:
                self._fail("3 not shown", f"{who} and the partner are in {want.m}, but do not both see it")
            self._lane_done((want.m, page.session.inst, partner.page.session.inst))

    def _lane_done(self, lane: Lane) -> None:
        real = [k for k, frame in self._said[lane].items() if not isinstance(frame, Noop)]
        if max(real, default=0) > self._shown[lane]:
            self._fail("1 not shown", f"{lane} has {max(real)} frames, {self._shown[lane]} shown")
        if self._repeated_at.get(lane, 0) > self._world.now - QUIET_SECONDS:
            self._fail("1 repeats for ever", f"{lane} still repeats what was shown")
