"""Reconciles a session's intent with the store: which questions to ask, and what follows from each answer.

There is one way to every state: join the client's intent into the store (`touch`), and compare the answer with what the
client knows. A first join, a heartbeat, a resume on another pod, and the repair after a lost hint or a wiped store are
therefore the same code.
"""

from typing import Final, TypeAlias

from switchboard_signaling.matching.queue import Cancelled, Enqueued, QueueAnswer
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.session.cleanup import Cleanup, added, settled
from switchboard_signaling.session.effects import Ask, Effect, Record, Send, SendHint, send_error
from switchboard_signaling.session.events import MatchEnded, MatchOpened
from switchboard_signaling.session.hints import MatchChanged, Proposed, Superseded
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.match import MatchView, client_ticket
from switchboard_signaling.session.presence import PeerSightings
from switchboard_signaling.session.queue_status import QueueWait
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    ReadMatch,
    Reply,
    SessionRecord,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Intent, Matched, Queued, newer_intent, reuse_intent, supersedes
from switchboard_signaling.wire.tokens import MatchClaims, QueueClaims

REQUEUE_REASONS: Final = frozenset({"busy", "stale", "peer-lost"})
"""Reasons for the end of a forming match after which the remaining client is queued again, at its queue order."""

IntentFrame: TypeAlias = messages.Heartbeat | messages.JoinQueue | messages.LeaveQueue | messages.Leave


class IntentReconciler:
    """The intent of one socket's session; `now` is the server's monotonic clock in seconds throughout."""

    __slots__ = (
        "_attach", "_dead", "_host", "_inherited", "_newest", "_queue_wait", "_spent", "_version", "cleanup",
        "instance", "intent", "match", "session_id", "socket_number", "sub",
    )  # fmt: skip

    def __init__(self, host: Host) -> None:
        self._host = host
        self._attach = host.new_id()
        self.session_id = self.sub = self.instance = ""
        self.socket_number = self._version = 0
        self.intent: Intent = Idle()
        self._newest = False
        self.match: MatchView | None = None
        self.cleanup: Cleanup = ()
        """What the client no longer wants and the store has not yet confirmed as removed."""
        self._queue_wait: QueueWait | None = None
        self._dead: str | None = None
        self._spent: Cancel | None = None
        self._inherited = False

    # Start

    def begin(self, socket_number: int, instance: str, intent: Intent) -> None:
        """Take the socket's number, the page load and the intent from the client's first frame."""
        self.socket_number, self.instance, self.intent = socket_number, instance, intent

    def admitted(self, session_id: str, sub: str) -> None:
        """Take the session that the client may use, and its subject."""
        self.session_id, self.sub = session_id, sub

    def note_newest(self, newest: bool) -> None:
        """Note whether this socket is its session's newest, as far as this pod knows."""
        self._newest = newest

    # Intents from the client

    def intend(self, frame: IntentFrame) -> list[Effect]:
        """Adopt the client's new intent, or answer an outdated one with the current intent."""
        self._version += 1
        intent, reason = _intended(frame)
        if isinstance(frame, messages.LeaveQueue):
            old = self.intent
            mode = old.mode if isinstance(old, Queued) and old.ticket == frame.ticket else ""
            self._give_up(self._cancel(frame.ticket, mode))
        if newer_intent(self.intent, intent) is not intent:
            snapshot: list[Effect] = [Send(messages.Snapshot(intent=self.intent))]
            if isinstance(frame, messages.Heartbeat):
                return snapshot
            return [send_error(errors.STALE_INTENT, ref=messages.reference(frame)), *snapshot]
        return self._change(intent, reason)

    def abandon(self, reason: str) -> list[Effect]:
        """Give up whatever the client wants, on its behalf."""
        return self._change(Idle(self.intent.revision + 1), reason)

    def _change(self, intent: Intent, reason: str) -> list[Effect]:
        self._supersede(self.intent, intent, reason)
        self.intent = reuse_intent(self.intent, intent)
        # Clean up first: if the socket closes in between, the record still has the old intent for the next socket.
        return [*self.clean_up(), Ask(self.touch())]

    # Answers from the store

    def adopt(self, record: SessionRecord) -> bool:
        """Adopt the intent of a session's record if it supersedes the known one; return whether it did."""
        newer = supersedes(record.intent, self.intent)
        self.intent = record.intent if newer else self.intent
        return newer

    def inherit(self, record: SessionRecord) -> list[Effect]:
        """Give up, once, what only the session's previous socket wanted, and notify that socket's pod."""
        previous, self._inherited = None if self._inherited else record.predecessor, True
        if previous is None:
            return []
        self._supersede(previous.intent, self.intent, "stale")
        if previous.pod == self._host.pod:
            return []
        return [SendHint(previous.pod, Superseded(self.session_id, self.socket_number))]

    def answered(self, question: Question, reply: Reply, now: float) -> list[Effect]:
        """Compare the store's answer with what the client knows."""
        match question, reply:
            case Enqueue(), Enqueued() | Proposal() | Cancelled():
                return self._enqueued(question, reply, now)
            case Cancel(), Proposal():
                return self._cancelled_too_late(question, reply)
            case Cancel(), Cancelled():
                self.cleanup = settled(self.cleanup, question)
                return []
            case ((TouchMatch() | ReadMatch() | EndMatch()), MatchRecord()):
                return self._match_read(question, reply, now)
            case _:
                return []

    def unanswered(self, question: Question, received_at: float) -> list[Effect]:
        """Continue without an answer; the next heartbeat asks again. `received_at`: time of the client's last frame."""
        if self.match:
            self.match.sightings.failed()
        match question:
            case TouchSession(intent=Matched()):
                return self.keep_match(received_at)
            case TouchSession(intent=Queued(queue_token=None, ticket=ticket)) | Enqueue(ticket=Ticket(ticket=ticket)):
                return [send_error(errors.STORE_UNAVAILABLE, ref=_join(client_ticket(ticket)))]
            case _:
                return []

    # The queue

    def _enqueued(self, question: Enqueue, reply: QueueAnswer, now: float) -> list[Effect]:
        ticket = client_ticket(question.ticket.ticket)
        if self._came_of(self.intent, ticket):
            return []
        if not isinstance(self.intent, Queued) or self.intent.ticket != ticket:
            cancel = Cancel(question.ticket.ticket, question.ticket.mode)
            self.cleanup = added(settled(self.cleanup, cancel), cancel)  # only here the ticket's mode is certain
            return self.clean_up()
        if isinstance(reply, Enqueued):
            token = self.intent.queue_token or self._queue_token(ticket, reply.queue_order)
            status = self._waiting(ticket, now).status(self.intent, question.ticket, reply.position, token)
            return [Send(status)] if status else []
        if isinstance(reply, Proposal):
            _, peer = reply.from_side(reply.side_of(self.session_id))
            return [SendHint(peer.pod, Proposed()), *self.proposed(reply, now)]
        # Another socket of the session gave the ticket up, but was replaced before it could record that: the client's
        # next heartbeat records it.
        self.intent = Idle(self.intent.revision + 1)
        return [send_error(errors.STALE_INTENT, ref=_join(ticket)), Send(messages.Snapshot(intent=self.intent))]

    def _queue_token(self, ticket: str, queue_order: int) -> str:
        return self._host.keyring.sign(QueueClaims(self.session_id, ticket, queue_order))

    def _cancelled_too_late(self, question: Cancel, proposal: Proposal) -> list[Effect]:
        self.cleanup = settled(self.cleanup, question)
        if isinstance(self.intent, Matched) and self.intent.match_id == proposal.match_id:
            return []
        side = proposal.side_of(self.session_id)
        return [Ask(EndMatch(proposal.match_id, self.session_id, "stale", side, only_forming=True))]

    def proposed(self, proposal: Proposal, now: float) -> list[Effect]:
        """Announce the queue's proposal to the client, or end the match if the client wants something else by now."""
        match_id = proposal.match_id
        side = proposal.side_of(self.session_id)
        mine, _ = proposal.from_side(side)
        effects: list[Effect] = [Ask(Announced(mine.ticket, self._host.pod, mine.mode))]
        if isinstance(self.intent, Matched) and self.intent.match_id == match_id:
            return effects
        if not isinstance(self.intent, Queued) or self.intent.ticket != client_ticket(mine.ticket):
            self._give_up(EndMatch(match_id, self.session_id, "stale", side, only_forming=True))
            return effects + self.clean_up()
        self._view(match_id, now).propose(proposal)
        self._waiting(self.intent.ticket, now).interrupt()
        return [*effects, Ask(self._touch_match(match_id, named=False))]

    def _waiting(self, ticket: str, now: float) -> QueueWait:
        if self._queue_wait is None or self._queue_wait.ticket != ticket:
            self._queue_wait = QueueWait(ticket, now)
        return self._queue_wait

    # Reconciliation

    def reconcile(self, now: float) -> list[Effect]:
        """Ask the store for what the client wants, every time: a place in the queue, or the match."""
        match self.intent:
            case Queued() as intent:
                if not self._newest:
                    return []  # a newer socket may want something else by now, and would not cancel this ticket
                return [Ask(Enqueue(self._ticket(intent, now), self._host.new_id(), self._dead))]
            case Matched() as intent:
                self._view(intent.match_id, now)
                return [Ask(self._touch_match(intent.match_id, named=True))]
        self.match = None
        return []

    def keep_match(self, now: float) -> list[Effect]:
        """Touch only the match: its shard may be available when the session's is not, and the peer looks there."""
        return self.reconcile(now) if isinstance(self.intent, Matched) else []

    def look(self, hint: MatchChanged, now: float) -> list[Effect]:
        """Read again what a hint points to."""
        match = self.match
        if match is not None and match.match_id == hint.match_id:
            return [Ask(match.look(now, hint.closed))]
        # Report an end once: otherwise two sockets that still want the match would notify each other forever.
        wanted = self.intent.match_id if isinstance(self.intent, Matched) else hint.match_id
        return [] if self._dead in (hint.match_id, wanted) else self.reconcile(now)

    # Matches

    def _view(self, match_id: str, now: float) -> MatchView:
        if self.match is None or self.match.match_id != match_id:
            window = self._host.timeouts.resume_window_ms / 1000
            self.match = MatchView(match_id, self.session_id, PeerSightings(window), now)
        return self.match

    def _match_read(self, question: TouchMatch | ReadMatch | EndMatch, record: MatchRecord, now: float) -> list[Effect]:
        found = record.sides(self.session_id)
        other = found[2] if found else None
        changed = isinstance(question, EndMatch) or (isinstance(question, TouchMatch) and question.news)
        effects: list[Effect] = []
        if changed and other:
            effects.append(SendHint(other.pod, MatchChanged(other.session_id, record.match_id)))
        mine = isinstance(question, EndMatch) and found is not None and found[0] == record.by
        dropped = isinstance(question, EndMatch) and self._settle(question)
        match = self.match
        if match is None or match.match_id != record.match_id:
            return [*effects, Record(MatchEnded(record, mine))] if dropped and mine else effects
        if found is None and isinstance(question, ReadMatch):
            # The store lost the record: create it again, for which this session may hold the proof of its side.
            return [*effects, Ask(self._touch_match(match.match_id, named=isinstance(self.intent, Matched)))]
        if record.over or found is None:
            return [*effects, Record(MatchEnded(record, mine)), *self._over(match, record, now)]
        formed = match.announced
        frame = match.read(record, self._host, now)
        if isinstance(question, TouchMatch) and question.news:
            match.published = question.named
        if frame:
            effects.append(Send(frame))
        if isinstance(frame, messages.MatchFound) and frame.state == "open" and other:
            effects.append(Record(MatchOpened(match.match_id, found[0], formed, other.session_id, match.peer_sub)))
        return effects

    def _over(self, match: MatchView, record: MatchRecord, now: float) -> list[Effect]:
        """Report the end of the match to the client; a ticket that was not used up returns to its queue order."""
        self.match, self._dead = None, match.match_id
        self._spent = self._cancel(match.ticket, match.mode) if match.ticket else self._spent
        opened = match.opened or (isinstance(self.intent, Matched) and self.intent.token is not None)
        reason = record.reason or "peer-lost"
        requeue = not opened and reason in REQUEUE_REASONS
        frame = messages.PeerState(match_id=match.match_id, state="left", reason=reason, requeue=requeue)
        effects: list[Effect] = [Send(frame)] if match.announced or isinstance(self.intent, Matched) else []
        return effects + (self.reconcile(now) if isinstance(self.intent, Queued) else [])

    # Questions

    def touch(self) -> TouchSession:
        """Return the question that joins the intent into the session's record."""
        return TouchSession(
            self.session_id, self.socket_number, self._attach, self.intent, self.instance, self._host.pod
        )

    def _ticket(self, intent: Queued, now: float) -> Ticket:
        claims = self._host.keyring.verify(intent.queue_token, QueueClaims)
        mine = claims and (claims.session_id, claims.ticket) == (self.session_id, intent.ticket)
        return Ticket(
            self._stored_ticket(intent.ticket), self.session_id, self.sub, self.instance, self._host.pod,
            claims.queue_order if claims and mine else 0,
            intent.attributes, intent.required, intent.mode, intent.preferred, intent.blocked,
            self._waiting(intent.ticket, now).relaxed(intent, now),
        )  # fmt: skip

    def _touch_match(self, match_id: str, named: bool) -> TouchMatch:
        claims = self._match_claims(self.intent)
        view = self.match
        side = view.side if view and view.match_id == match_id else None
        news = view is not None and view.published is not named
        return TouchMatch(
            match_id, self.session_id, self.socket_number, self._version, self.instance, self._host.pod, named,
            side=side or (claims.side if claims else None), proven=claims is not None, news=news,
        )  # fmt: skip

    def _end(self, old: Matched, reason: str) -> EndMatch:
        claims = self._match_claims(old)
        known = self.match if self.match and self.match.match_id == old.match_id else claims
        return EndMatch(old.match_id, self.session_id, reason, known.side if known else None)

    def _match_claims(self, intent: Intent) -> MatchClaims | None:
        if not isinstance(intent, Matched):
            return None
        claims = self._host.keyring.verify(intent.token, MatchClaims)
        mine = claims and (claims.match_id, claims.session_id) == (intent.match_id, self.session_id)
        return claims if mine else None

    def _cancel(self, ticket: str, mode: str) -> Cancel:
        return Cancel(self._stored_ticket(ticket), mode)

    def _stored_ticket(self, ticket: str) -> str:
        return f"{self.session_id}/{ticket}"

    # Cleanup

    def clean_up(self) -> list[Effect]:
        """Ask the store to remove what the client no longer wants."""
        return [Ask(question) for question in self.cleanup]

    def _give_up(self, question: Cancel | EndMatch) -> None:
        self.cleanup = added(self.cleanup, question)

    def _settle(self, question: Cancel | EndMatch) -> bool:
        before, self.cleanup = self.cleanup, settled(self.cleanup, question)
        return before != self.cleanup

    def _supersede(self, old: Intent, new: Intent, reason: str) -> None:
        """Note what the new intent no longer wants; the store is asked to remove it until it has confirmed that."""
        if isinstance(old, Queued) and not (isinstance(new, Queued) and new.ticket == old.ticket):
            # A match is entered under the revision of its ticket, which may be queued again, even if it is over by now.
            entered = self._came_of(new, old.ticket) or (isinstance(new, Matched) and new.revision == old.revision)
            if entered:
                self._spent = self._cancel(old.ticket, old.mode)
            else:
                self._give_up(self._cancel(old.ticket, old.mode))
        if not isinstance(old, Matched) or (isinstance(new, Matched) and new.match_id == old.match_id):
            return
        if old.match_id != self._dead:
            self._give_up(self._end(old, reason))
        elif self._spent and not (isinstance(new, Queued) and self._stored_ticket(new.ticket) == self._spent.ticket):
            # Its ticket may be queued again, for a client that did not know of the match yet.
            self._give_up(self._spent)

    def _came_of(self, intent: Intent, ticket: str) -> bool:
        """Return whether the intent is a match that this ticket led to; if it is over, the ticket is wanted again."""
        if not isinstance(intent, Matched):
            return False
        return intent.match_id == self._dead or (self.match is not None and self.match.ticket == ticket)


def _join(ticket: str) -> messages.FrameRef:
    return messages.FrameRef("join-queue", ticket=ticket)


def _intended(frame: IntentFrame) -> tuple[Intent, str]:
    """Return the intent that a frame states, and the reason for leaving the previous one."""
    match frame:
        case messages.Heartbeat():
            return frame.intent, "stale"
        case messages.JoinQueue():
            intent = Queued(
                frame.revision, frame.ticket, frame.attributes, frame.required,
                mode=frame.mode, preferred=frame.preferred, blocked=frame.blocked,
            )  # fmt: skip
            return intent, "skip"
        case messages.Leave():
            return Idle(frame.revision), frame.reason
        case _:
            return Idle(frame.revision), "user"
