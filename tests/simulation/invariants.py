"""What must hold in every schedule; the numbers are those of the list in docs/internals/simulation.md."""

from collections import defaultdict
from typing import TYPE_CHECKING

from switchboard_signaling.client.core import ClientProblem, Ended, MatchReady, Output, PeerMessageReceived, Transmit
from switchboard_signaling.matching.queue import Cancelled, Enqueued
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
from switchboard_signaling.wire.messages import Ack, Negotiation, PeerMessage

if TYPE_CHECKING:
    from tests.simulation.pages import Page, User
    from tests.simulation.pods import Link
    from tests.simulation.world import World

QUIET_SECONDS = 7.0
"""Longer than the longest interval between repetitions of an unacknowledged frame."""
UNREFRESHED_SECONDS = 30.0
"""How long an abandoned ticket must have been unrefreshed once all faults are over. It may still be queued: the socket
that should have cancelled it may have been cut off, and no other socket knows it; it expires (TICKET_TTL in
matching/queue.py)."""
MOST_ENDS = 5
"""How often a socket may be notified of one end: a sleeping client answers none of them."""
Lane = tuple[str, str, str]


class ViolationError(AssertionError):
    """An invariant is broken; `rule` names it."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(rule, text)
        self.rule = rule

    def __str__(self) -> str:
        return ": ".join(self.args)


class Watch:
    """Observe the world, and fail at once if an invariant is broken."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.honest = False
        """Whether the schedule has a single fault, which must end no match."""
        self._pairs: dict[str, frozenset[str]] = {}
        self._opened: set[str] = set()
        self._named: set[tuple[str, str]] = set()
        self._numbers: dict[str, int] = {}
        self._cancelled: set[str] = set()
        self._refreshed_at: dict[str, float] = {}
        self._orders: dict[str, set[int]] = defaultdict(set)
        self._received: dict[tuple[str, int, str], int] = defaultdict(int)
        self._touched: dict[tuple[str, int, str], int] = defaultdict(int)
        self._ends: dict[tuple[str, int, str], int] = defaultdict(int)
        self._revisions: dict[str, int] = {}
        self._said: dict[Lane, dict[int, PeerMessage]] = defaultdict(dict)
        self._generations: dict[Lane, int] = defaultdict(int)
        self._shown: dict[Lane, int] = defaultdict(int)
        self._repeated_at: dict[Lane, float] = {}
        self._restored = False
        self._split_until = 0.0

    def _fail(self, rule: str, text: str) -> None:
        raise ViolationError(rule, f"{text} (at {self._world.now - 1000:.2f} s)")

    # Questions to the store and its replies

    def received(self, session_id: str, socket_number: int, pod: str) -> None:
        """Note that a pod has received a frame from a client."""
        self._received[session_id, socket_number, pod] += 1

    def asked(self, pod: str, question: object) -> None:
        """Note that a pod asks the store, once per question."""
        if isinstance(question, TouchSession):
            key = (question.session_id, question.socket_number, pod)
            self._touched[key] += 1
            if self._touched[key] > self._received[key]:
                self._fail(
                    "3 memory writes", f"{pod} touches {question.session_id} more often than its client has sent frames"
                )
        if isinstance(question, Announced) and question.pod != pod:
            self._fail("3 foreign proposal", f"{pod} removes a proposal of {question.pod}")

    def unavailable(self, error: Exception, excused: bool) -> None:
        """Note that a broker reports the store as unavailable; `excused` if it is."""
        if not excused:
            self._fail("0 store", f"it is available, but its broker fails: {error}")

    def forgotten(self, split: float = 0.0) -> None:
        """Note that the store has lost data; for `split` seconds there are two of it."""
        self._split_until = max(self._split_until, self._world.now + split)
        self._restored = True

    def stored(self, question: object, before: MatchRecord | None, reply: object) -> None:
        """Note that the store has answered, whether or not the answer arrives."""
        if self._split_until:
            self._numbers.clear()
            self._cancelled.clear()
            self._split_until = self._split_until if self._world.now <= self._split_until else 0.0
        match question, reply:
            case TouchSession(session_id=session_id), SessionAnswer():
                if reply.record.socket_number < self._numbers.get(session_id, 0):
                    self._fail("2 stale socket wins", f"{session_id} is back at socket {reply.record.socket_number}")
                self._numbers[session_id] = reply.record.socket_number
            case Cancel(ticket=ticket), Cancelled():
                self._cancelled.add(ticket)
            case Enqueue(), Enqueued() | Proposal():
                self._enqueued(question, reply)
            case TouchMatch() | EndMatch(), MatchRecord():
                self._recorded(before, reply)

    def _enqueued(self, question: Enqueue, reply: Enqueued | Proposal) -> None:
        name, asked = question.ticket.ticket, question.ticket.queue_order
        self._refreshed_at[name] = self._world.now
        if name in self._cancelled:
            self._fail("3 no tombstone", f"the cancelled ticket {name} is queued again")
        if isinstance(reply, Proposal):
            pair = frozenset((reply.a.session_id, reply.b.session_id))
            if self._pairs.setdefault(reply.match_id, pair) != pair or len(pair) != 2:
                self._fail("2 pairs", f"match {reply.match_id} is of {pair}, and of {self._pairs[reply.match_id]}")
            return
        if asked and reply.queue_order != asked and reply.queue_order not in self._orders[name]:
            self._fail("3 queue order lost", f"ticket {name} had order {asked} and got {reply.queue_order}")
        self._orders[name].add(reply.queue_order)

    def _recorded(self, before: MatchRecord | None, after: MatchRecord) -> None:
        if after.outcome == "open":
            self._opened.add(after.match_id)
        if before is None or before.outcome == "forming":
            return
        done = before.over and (before.outcome, before.by, before.reason) != (after.outcome, after.by, after.reason)
        if done or (before.outcome == "open" and after.outcome not in ("open", "ended")):
            self._fail("3 outcome twice", f"{before} became {after}")

    # Frames to clients, and their events

    def delivers(self, session_id: str, socket_number: int, frame: messages.ServerFrame) -> None:
        """Note that a pod sends a frame to a session's socket."""
        if isinstance(frame, messages.PeerState) and frame.state == "left":
            self._ends[session_id, socket_number, frame.match_id] += 1
            if self._ends[session_id, socket_number, frame.match_id] > MOST_ENDS:
                self._fail("3 end repeated", f"{session_id} is notified again and again that {frame.match_id} is over")
        if isinstance(frame, PeerMessage) and session_id not in self._pairs.get(frame.match_id, ()):
            self._fail("2 foreign frame", f"{session_id} is sent {frame}")

    def event(self, page: "Page", output: Output) -> None:
        """Note an output of a page's session."""
        match output:
            case MatchReady(match_id=match_id):
                self._met(page, match_id)
            case PeerMessageReceived(frame=frame):
                self._said_once(page, frame)
            case Transmit(frame=messages.Heartbeat(intent=Matched(match_id=match_id))):
                self._named.add((match_id, page.session.session_id or ""))
            case Transmit(frame=frame) if isinstance(frame, PeerMessage) and not isinstance(frame, Ack):
                self._transmitted(frame)
            case Ended(reason=reason) if page.shown and self.honest:
                self._fail("4 honesty", f"user {page.user.number} lost match {page.shown}: {reason}")
            case ClientProblem(code="session-unknown"):
                self._revisions.pop(page.session.instance, None)
        revision = page.session.intent.revision
        if revision < self._revisions.get(page.session.instance, 0):
            self._fail("3 intent overridden", f"user {page.user.number} is back at {page.session.intent}")
        self._revisions[page.session.instance] = revision

    def ticked(self, page: "Page", outputs: list[Output]) -> None:
        """Note that a page's session repeats what is due."""
        again = [
            one
            for one in outputs
            if isinstance(one, Transmit) and isinstance(one.frame, PeerMessage) and not isinstance(one.frame, Ack)
        ]
        if len(again) > 1:
            self._fail("1 flood", f"user {page.user.number} repeats {len(again)} frames at once")

    def _met(self, page: "Page", match_id: str) -> None:
        if page.shown not in (None, match_id):
            self._fail("2 two matches", f"user {page.user.number} is shown {match_id} while {page.shown} is open")
        if page.session.session_id not in self._pairs.get(match_id, ()):
            self._fail("2 foreign match", f"user {page.user.number} is shown {match_id} of {self._pairs.get(match_id)}")
        if match_id not in self._opened or any(
            (match_id, session_id) not in self._named for session_id in self._pairs[match_id]
        ):
            self._fail("2 shown while forming", f"user {page.user.number} is shown {match_id}")

    def _transmitted(self, frame: PeerMessage) -> None:
        lane = (frame.match_id, frame.from_, frame.to)
        known = self._said[lane].get(frame.seq)
        if known is not None:
            self._repeated_at[lane] = self._world.now
            if known != frame:
                self._fail("1 number reused", f"{known} became {frame}")
        self._said[lane][frame.seq] = frame

    def _said_once(self, page: "Page", frame: PeerMessage) -> None:
        if frame.to != page.session.instance:
            self._fail("1 foreign lane", f"page {page.session.instance} shows {frame}")
        lane = (frame.match_id, frame.from_, frame.to)
        sent, seq = self._said[lane], self._shown[lane] + 1
        while seq < frame.seq and self._obsolete(lane, sent.get(seq)):
            seq += 1
        if frame.seq != seq:
            self._fail("1 once, in order", f"{lane} shows {frame.seq} where {seq} was due")
        if sent.get(seq) != frame:
            self._fail("1 content", f"{sent.get(seq)} was shown as {frame}")
        if self._obsolete(lane, frame):
            self._fail("1 obsolete", f"{lane} shows {frame} although its receiver has negotiated a newer connection")
        self._shown[lane] = seq

    def negotiated(self, page: "Page", match_id: str, peer: str, generation: int) -> None:
        """Note that a page negotiates a connection with a page load of its peer."""
        back = (match_id, peer, page.session.instance)
        self._generations[back] = max(self._generations[back], generation)

    def _obsolete(self, lane: Lane, frame: PeerMessage | None) -> bool:
        """Return whether a frame is about a connection that the receiver of the lane has replaced."""
        return isinstance(frame, Negotiation) and frame.generation < self._generations[lane]

    def silent(self, page: "Page", link: "Link") -> None:
        """Note that a page counts its pod as gone."""
        since = self._world.now - page.session.silence
        paused = max(page.paused_until, link.pod.paused_until) > since
        if link.open and not paused and not link.pod.dead and page.welcomed:
            self._fail("3 false silence", f"user {page.user.number} gives up {link.pod.name}, which is alive")

    # Invariants once all faults are long over

    def finish(self, users: "list[User]") -> None:
        """Check liveness: clients and the store agree, and nothing is left over."""
        present = {user.page.session.session_id or "": user for user in users if not user.gone}
        tickets = self._world.store.backend.tickets()
        for session_id, user in present.items():
            self._settled(user, session_id, present)
        wanted = []
        for name, ticket in tickets.items():
            intent = present[ticket.session_id].page.session.intent if ticket.session_id in present else None
            if isinstance(intent, Queued) and f"{ticket.session_id}/{intent.ticket}" == name:
                wanted.append(ticket)
            elif (
                intent is not None
                and not self._restored
                and self._refreshed_at[name] > self._world.now - UNREFRESHED_SECONDS
            ):
                self._fail("3 ghost ticket", f"{name} is queued, but its client wants {intent}")
            # Others remain after lost writes or a vanished client; they are aborted as soon as they are proposed.
        for one in wanted:
            for other in wanted:
                if compatible(one, other):
                    self._fail("3 not matched", f"{one.ticket} and {other.ticket} are compatible and both wait")

    def _settled(self, user: "User", session_id: str, present: "dict[str, User]") -> None:
        page, store = user.page, self._world.store.backend
        intent, who = page.session.intent, f"user {user.number}"
        if not page.welcomed or page.stopped:
            self._fail("3 offline", f"{who} has no session{', was stopped' if page.stopped else ''}")
        record = store.session(session_id)
        if record is None or (record.intent.revision, type(record.intent)) != (intent.revision, type(intent)):
            self._fail("3 intents differ", f"{who} wants {intent}, the store knows {record and record.intent}")
        if isinstance(intent, Queued) and f"{session_id}/{intent.ticket}" not in store.tickets():
            self._fail("3 not queued", f"{who} wants {intent}")
        if isinstance(intent, Idle):
            return
        if isinstance(intent, Matched):
            match = store.match(intent.match_id)
            peer = next(
                (present[one] for one in self._pairs[intent.match_id] if one != session_id and one in present), None
            )
            theirs = peer.page.session.intent if peer else None
            if (
                match is None
                or match.outcome != "open"
                or not isinstance(theirs, Matched)
                or theirs.match_id != intent.match_id
            ):
                self._fail(
                    "3 ghost peer",
                    f"{who} is in {intent.match_id}, {match and match.outcome}; peer wants {theirs}",
                )
            if page.shown != intent.match_id or peer is None or peer.page.shown != intent.match_id:
                self._fail("3 not shown", f"{who} and the peer are in {intent.match_id}, but do not both see it")
            self._lane_done((intent.match_id, page.session.instance, peer.page.session.instance))

    def _lane_done(self, lane: Lane) -> None:
        due = [seq for seq, frame in self._said[lane].items() if not self._obsolete(lane, frame)]
        if max(due, default=0) > self._shown[lane]:
            self._fail("1 not shown", f"{lane} has {max(due)} frames, {self._shown[lane]} shown")
        if self._repeated_at.get(lane, 0) > self._world.now - QUIET_SECONDS:
            self._fail("1 repeats for ever", f"{lane} still repeats what was shown")
