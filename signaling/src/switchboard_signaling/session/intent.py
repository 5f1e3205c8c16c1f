"""What a session wants, pursued in the store: what is asked, and what follows from each answer.

There is one way to every state: what the client wants is joined into the store (`touch`), and what comes back is
compared with what the client was told. A first join, a heartbeat, a resume on another pod and the repair after a lost
hint or a wiped store are therefore the same code.
"""

from typing import Final, TypeAlias

from switchboard_signaling.matching.line import Cancelled, InLine, LineAnswer
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.session.cleanup import Unwanted, added, settled
from switchboard_signaling.session.effects import Ask, Effect, Note, Send, SendHint, send_error
from switchboard_signaling.session.events import Opened, Over
from switchboard_signaling.session.hints import MatchChanged, Proposed, Taken
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.match import MatchView, unowned
from switchboard_signaling.session.presence import PeerSightings
from switchboard_signaling.session.queue_status import Wait
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
from switchboard_signaling.wire.intents import Idle, Matched, Queued, Want, further_want, newer_want, same_want
from switchboard_signaling.wire.tokens import MatchClaims, PlaceClaims

REQUEUE_REASONS: Final = frozenset({"busy", "stale", "partner-lost"})
"""Reasons for the end of a forming match after which the survivor goes back to its place."""

Intent: TypeAlias = messages.Heartbeat | messages.JoinQueue | messages.LeaveQueue | messages.Leave


class Pursuit:
    """The want of one socket's session; `now` is the server's monotonic clock in seconds throughout."""

    __slots__ = (
        "_attach", "_dead", "_host", "_inherited", "_newest", "_spent", "_v", "_wait", "inst", "match", "n", "sid",
        "sub", "unwanted", "want",
    )  # fmt: skip

    def __init__(self, host: Host) -> None:
        self._host = host
        self._attach = host.new_id()
        self.sid = self.sub = self.inst = ""
        self.n = self._v = 0
        self.want: Want = Idle()
        self._newest = False
        self.match: MatchView | None = None
        self.unwanted: Unwanted = ()
        """What the client no longer wants, as far as the store has not confirmed that it is gone."""
        self._wait: Wait | None = None
        self._dead: str | None = None
        self._spent: Cancel | None = None
        self._inherited = False

    # How it begins

    def begin(self, n: int, inst: str, want: Want) -> None:
        """Take what the client's first frame says of the socket, of its page load and of what it wants."""
        self.n, self.inst, self.want = n, inst, want

    def admitted(self, sid: str, sub: str) -> None:
        """Take the session that the client may have, and its subject."""
        self.sid, self.sub = sid, sub

    def note_newest(self, newest: bool) -> None:
        """Note whether this socket is its session's newest, as far as is known here."""
        self._newest = newest

    # What the client says

    def intend(self, frame: Intent) -> list[Effect]:
        """Take up what the client wants from now on; what is older than what is known is answered with that."""
        self._v += 1
        want, reason = _wanted(frame)
        if isinstance(frame, messages.LeaveQueue):
            old = self.want
            mode = old.mode if isinstance(old, Queued) and old.ticket == frame.ticket else ""
            self._give_up(self._cancel(frame.ticket, mode))
        if newer_want(self.want, want) is not want:
            snapshot: list[Effect] = [Send(messages.Snapshot(want=self.want))]
            return snapshot if isinstance(frame, messages.Heartbeat) else [send_error(errors.STALE_INTENT), *snapshot]
        return self._change(want, reason)

    def abandon(self, reason: str) -> list[Effect]:
        """Give up whatever the client wants, in its stead."""
        return self._change(Idle(self.want.c + 1), reason)

    def _change(self, want: Want, reason: str) -> list[Effect]:
        self._supersede(self.want, want, reason)
        self.want = same_want(self.want, want)
        # First what is not wanted: if the socket closes in between, the record still tells the next one of it.
        return [*self.drop_unwanted(), Ask(self.touch())]

    # What the store says

    def adopt(self, record: SessionRecord) -> bool:
        """Take over the want of a session's record; says whether it had come further than what was known here."""
        further = further_want(record.want, self.want)
        self.want = record.want if further else self.want
        return further

    def inherit(self, record: SessionRecord) -> list[Effect]:
        """Give up, once, what the session's last socket wanted and this one does not, and tell that socket's pod."""
        left, self._inherited = None if self._inherited else record.predecessor, True
        if left is None:
            return []
        self._supersede(left.want, self.want, "stale")
        return [SendHint(left.pod, Taken(self.sid, self.n))] if left.pod != self._host.pod else []

    def answered(self, question: Question, reply: Reply, now: float) -> list[Effect]:
        """Compare what the store says with what the client was told."""
        match question, reply:
            case Enqueue(), InLine() | Proposal() | Cancelled():
                return self._enqueued(question, reply, now)
            case Cancel(), Proposal():
                return self._cancelled_too_late(question, reply)
            case Cancel(), Cancelled():
                self.unwanted = settled(self.unwanted, question)
                return []
            case ((TouchMatch() | ReadMatch() | EndMatch()), MatchRecord()):
                return self._match_read(question, reply, now)
            case _:
                return []

    def unanswered(self, question: Question, heard: float) -> list[Effect]:
        """Go on without a reply; the next heartbeat asks again. `heard` is when the client was heard last."""
        if self.match:
            self.match.sightings.failed()
        match question:
            case TouchSession(want=Matched()):
                return self.keep_match(heard)
            case TouchSession(want=Queued(place=None, ticket=ticket)) | Enqueue(ticket=Ticket(ticket=ticket)):
                return [send_error(errors.STORE_UNAVAILABLE, ref=unowned(ticket))]
            case _:
                return []

    # The line

    def _enqueued(self, question: Enqueue, reply: LineAnswer, now: float) -> list[Effect]:
        ticket = unowned(question.ticket.ticket)
        if self._came_of(self.want, ticket):
            return []
        if not isinstance(self.want, Queued) or self.want.ticket != ticket:
            cancel = Cancel(question.ticket.ticket, question.ticket.mode)
            self.unwanted = added(settled(self.unwanted, cancel), cancel)  # here its mode is sure
            return self.drop_unwanted()
        if isinstance(reply, InLine):
            place = self.want.place or self._host.keyring.sign(PlaceClaims(self.sid, ticket, reply.seq))
            news = self._waiting(ticket, now).news(self.want, question.ticket, reply.position, place)
            return [Send(news)] if news else []
        if isinstance(reply, Proposal):
            _, partner = reply.from_side(reply.side_of(self.sid))
            return [SendHint(partner.pod, Proposed()), *self.proposed(reply, now)]
        return [send_error(errors.STALE_INTENT, ref=ticket)]

    def _cancelled_too_late(self, question: Cancel, proposal: Proposal) -> list[Effect]:
        self.unwanted = settled(self.unwanted, question)
        if isinstance(self.want, Matched) and self.want.m == proposal.m:
            return []
        side = proposal.side_of(self.sid)
        return [Ask(EndMatch(proposal.m, self.sid, "stale", side, only_forming=True))]

    def proposed(self, proposal: Proposal, now: float) -> list[Effect]:
        """Take up what the line proposes, or say that the client wants something else by now."""
        m = proposal.m
        side = proposal.side_of(self.sid)
        mine, _ = proposal.from_side(side)
        effects: list[Effect] = [Ask(Announced(mine.ticket, self._host.pod, mine.mode))]
        if isinstance(self.want, Matched) and self.want.m == m:
            return effects
        if not isinstance(self.want, Queued) or self.want.ticket != unowned(mine.ticket):
            self._give_up(EndMatch(m, self.sid, "stale", side, only_forming=True))
            return effects + self.drop_unwanted()
        self._view(m, now).propose(proposal)
        self._waiting(self.want.ticket, now).interrupt()
        return [*effects, Ask(self._touch_match(m, named=False))]

    def _waiting(self, ticket: str, now: float) -> Wait:
        if self._wait is None or self._wait.ticket != ticket:
            self._wait = Wait(ticket, now)
        return self._wait

    # Going on

    def pursue(self, now: float) -> list[Effect]:
        """Ask for what is wanted, again and again: the line, or the match."""
        match self.want:
            case Queued() as want:
                if not self._newest:
                    return []  # a newer socket may want something else by now, and would not take this ticket back
                return [Ask(Enqueue(self._ticket(want, now), self._host.new_id(), self._dead))]
            case Matched() as want:
                self._view(want.m, now)
                return [Ask(self._touch_match(want.m, named=True))]
        self.match = None
        return []

    def keep_match(self, now: float) -> list[Effect]:
        """Touch the match alone: it may be in a part of the store that answers, and the partner looks for it there."""
        return self.pursue(now) if isinstance(self.want, Matched) else []

    def look(self, hint: MatchChanged, now: float) -> list[Effect]:
        """Look again at what a hint points to."""
        match = self.match
        if match is not None and match.m == hint.m:
            return [Ask(match.look(now, hint.closed))]
        # Of an end the client is told once: two sockets that still want the match would tell each other for ever.
        wanted = self.want.m if isinstance(self.want, Matched) else hint.m
        return [] if self._dead in (hint.m, wanted) else self.pursue(now)

    # Matches

    def _view(self, m: str, now: float) -> MatchView:
        if self.match is None or self.match.m != m:
            window = self._host.timeouts.resume_window_ms / 1000
            self.match = MatchView(m, self.sid, PeerSightings(window), now)
        return self.match

    def _match_read(self, question: TouchMatch | ReadMatch | EndMatch, record: MatchRecord, now: float) -> list[Effect]:
        found = record.sides(self.sid)
        other = found[2] if found else None
        changed = isinstance(question, EndMatch) or (isinstance(question, TouchMatch) and question.news)
        effects: list[Effect] = [SendHint(other.pod, MatchChanged(other.sid, record.m))] if changed and other else []
        mine = isinstance(question, EndMatch) and found is not None and found[0] == record.by
        dropped = isinstance(question, EndMatch) and self._settle(question)
        match = self.match
        if match is None or match.m != record.m:
            return [*effects, Note(Over(record, mine))] if dropped and mine else effects
        if found is None and isinstance(question, ReadMatch):
            # The store lost the record: touch it anew, which needs the proof of a side that this session may hold.
            return [*effects, Ask(self._touch_match(match.m, named=isinstance(self.want, Matched)))]
        if record.over or found is None:
            return [*effects, Note(Over(record, mine)), *self._over(match, record, now)]
        formed = match.announced
        frame = match.read(record, self._host, now)
        if isinstance(question, TouchMatch) and question.news:
            match.published = question.named
        if frame:
            effects.append(Send(frame))
        if isinstance(frame, messages.MatchFound) and frame.state == "open" and other:
            effects.append(Note(Opened(match.m, found[0], formed, other.sid, match.peer_sub)))
        return effects

    def _over(self, match: MatchView, record: MatchRecord, now: float) -> list[Effect]:
        """Tell the client that its match is no more; a ticket that was not used up goes back to its place."""
        self.match, self._dead = None, match.m
        self._spent = self._cancel(match.ticket, match.mode) if match.ticket else self._spent
        opened = match.opened or (isinstance(self.want, Matched) and self.want.token is not None)
        reason = record.reason or "partner-lost"
        requeue = not opened and reason in REQUEUE_REASONS
        frame = messages.PeerState(m=match.m, state="left", reason=reason, requeue=requeue)
        told: list[Effect] = [Send(frame)] if match.announced or isinstance(self.want, Matched) else []
        return told + (self.pursue(now) if isinstance(self.want, Queued) else [])

    # Questions

    def touch(self) -> TouchSession:
        """Return the question that joins the want into the session's record."""
        return TouchSession(self.sid, self.n, self._attach, self.want, self.inst, self._host.pod)

    def _ticket(self, want: Queued, now: float) -> Ticket:
        place = self._host.keyring.verify(want.place, PlaceClaims)
        mine = place if place and (place.sid, place.ticket) == (self.sid, want.ticket) else None
        return Ticket(
            self._own(want.ticket), self.sid, self.sub, self.inst, self._host.pod, mine.seq if mine else 0,
            want.attributes, want.required, want.mode, want.preferred, want.blocked,
            self._waiting(want.ticket, now).relaxed(want, now),
        )  # fmt: skip

    def _touch_match(self, m: str, named: bool) -> TouchMatch:
        claims = self._match_claims(self.want)
        view = self.match
        side = view.side if view and view.m == m else None
        news = view is not None and view.published is not named
        return TouchMatch(
            m, self.sid, self.n, self._v, self.inst, self._host.pod, named,
            side=side or (claims.side if claims else None), proven=claims is not None, news=news,
        )  # fmt: skip

    def _end(self, old: Matched, reason: str) -> EndMatch:
        claims = self._match_claims(old)
        side = self.match.side if self.match and self.match.m == old.m else claims.side if claims else None
        return EndMatch(old.m, self.sid, reason, side)

    def _match_claims(self, want: Want) -> MatchClaims | None:
        claims = self._host.keyring.verify(want.token, MatchClaims) if isinstance(want, Matched) else None
        return claims if claims and isinstance(want, Matched) and (claims.m, claims.sid) == (want.m, self.sid) else None

    def _cancel(self, ticket: str, mode: str) -> Cancel:
        return Cancel(self._own(ticket), mode)

    def _own(self, ticket: str) -> str:
        return f"{self.sid}/{ticket}"

    # What is not wanted any more

    def drop_unwanted(self) -> list[Effect]:
        """Ask for what is to be gone."""
        return [Ask(question) for question in self.unwanted]

    def _give_up(self, question: Cancel | EndMatch) -> None:
        self.unwanted = added(self.unwanted, question)

    def _settle(self, question: Cancel | EndMatch) -> bool:
        before, self.unwanted = self.unwanted, settled(self.unwanted, question)
        return before != self.unwanted

    def _supersede(self, old: Want, new: Want, reason: str) -> None:
        """Note what the client no longer wants; it is dropped until the store has confirmed it."""
        if isinstance(old, Queued) and not (isinstance(new, Queued) and new.ticket == old.ticket):
            # A match is entered under the number of its ticket, which it may give back: also if it is over by now.
            entered = self._came_of(new, old.ticket) or (isinstance(new, Matched) and new.c == old.c)
            if entered:
                self._spent = self._cancel(old.ticket, old.mode)
            else:
                self._give_up(self._cancel(old.ticket, old.mode))
        if not isinstance(old, Matched) or (isinstance(new, Matched) and new.m == old.m):
            return
        if old.m != self._dead:
            self._give_up(self._end(old, reason))
        elif self._spent and not (isinstance(new, Queued) and self._own(new.ticket) == self._spent.ticket):
            # Its ticket may be in line again, put there for a client that had not heard of the match yet.
            self._give_up(self._spent)

    def _came_of(self, want: Want, ticket: str) -> bool:
        """Whether a want is a match that a ticket led to; it may be over, and then the ticket is wanted again."""
        if not isinstance(want, Matched):
            return False
        return want.m == self._dead or (self.match is not None and self.match.ticket == ticket)


def _wanted(frame: Intent) -> tuple[Want, str]:
    """Return what a frame says that the client wants, and why it leaves what it wanted before."""
    match frame:
        case messages.Heartbeat():
            return frame.want, "stale"
        case messages.JoinQueue():
            want = Queued(
                frame.c, frame.ticket, frame.attributes, frame.required,
                mode=frame.mode, preferred=frame.preferred, blocked=frame.blocked,
            )  # fmt: skip
            return want, "skip"
        case messages.Leave():
            return Idle(frame.c), frame.reason
        case _:
            return Idle(frame.c), "user"
