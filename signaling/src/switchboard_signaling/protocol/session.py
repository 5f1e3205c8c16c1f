"""A client's socket as the server sees it: frames, replies of the store, hints and time go in, effects come out.

There is one way to every state: what the client wants is joined into the store (`touch`), and what comes back is
compared with what the client was told. A first join, a heartbeat, a resume on another pod and the repair after a lost
hint or a wiped store are therefore the same code.
"""

from typing import Final, Literal, TypeAlias

from switchboard_signaling.matching.line import Cancelled, InLine
from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, EVERYTHING, REQUIRED_ONLY, Proposal, Ticket
from switchboard_signaling.protocol import errors, messages
from switchboard_signaling.protocol.auth import Admission, Identity
from switchboard_signaling.protocol.effects import (
    Ask,
    Attach,
    Close,
    Effect,
    Expel,
    Limited,
    MatchChanged,
    Note,
    Proposed,
    Relay,
    Send,
    Spoken,
    Taken,
    Tell,
)
from switchboard_signaling.protocol.facts import Opened, Over, Welcomed
from switchboard_signaling.protocol.host import Host
from switchboard_signaling.protocol.limits import SpokenLimits
from switchboard_signaling.protocol.match import MatchView, unowned
from switchboard_signaling.protocol.messages import Idle, Matched, Queued, Want
from switchboard_signaling.protocol.presence import Observation
from switchboard_signaling.protocol.store import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    ReadMatch,
    Reply,
    SessionAnswer,
    TouchMatch,
    TouchSession,
    further_want,
    newer_want,
    same_want,
)
from switchboard_signaling.protocol.tokens import (
    SESSION_SECONDS,
    MatchClaims,
    PlaceClaims,
)

HELLO_SECONDS: Final = 2.0
"""A socket that has not said hello by then is closed."""
OLD_SOCKET_SECONDS: Final = 2.0
"""How long a replaced socket still carries what peers say, so that a move loses nothing."""
MAX_BAD_FRAMES: Final = 3
STATS_SECONDS: Final = 1.0
"""Statistics that come sooner after the last ones are dropped."""
RELAX_SECONDS: Final = 10.0
"""How long a want's preferences count as requirements, on one socket."""
RELAX_ALL_SECONDS: Final = 20.0
"""After which it also meets whom it has met lately, if the other one has waited as long."""
SPEAKING: Final = frozenset({"open", "superseded"})
"""Phases in which what the client says to its partner is passed on."""
REQUEUE_REASONS: Final = frozenset({"busy", "stale", "partner-lost"})
"""Reasons for the end of a forming match after which the survivor goes back to its place."""

Report: TypeAlias = messages.Stats | messages.ConnectionState
Intent: TypeAlias = messages.Heartbeat | messages.JoinQueue | messages.LeaveQueue | messages.Leave
Phase: TypeAlias = Literal["new", "verifying", "opening", "open", "leaving", "superseded", "closed"]


class Session:
    """One socket; `now` is the server's monotonic clock in seconds throughout."""

    __slots__ = (
        "_admission", "_attach", "_bad_frames", "_dead", "_farewell", "_heard", "_host", "_inherited",
        "_inst", "_limits", "_phase", "_pinged", "_renewed", "_reported", "_resumed", "_since", "_sought",
        "_spent", "_unwanted", "_v", "frames", "match", "n", "sid", "want",
    )  # fmt: skip

    def __init__(self, host: Host, now: float) -> None:
        self._host = host
        self._attach = host.new_id()
        self._phase: Phase = "new"
        self._since = self._heard = self._pinged = self._renewed = now
        self._bad_frames = 0
        self._resumed = False
        self._reported = now - STATS_SECONDS
        self.frames = 0
        """How many frames the client has sent."""
        self.sid = ""
        self.n = 0
        self.want: Want = Idle()
        self.match: MatchView | None = None
        self._admission = Admission(host)
        self._limits: SpokenLimits | None = None
        self._inst = ""
        self._v = 0
        self._dead: str | None = None
        self._spent: Cancel | None = None
        self._sought: tuple[str, float] | None = None
        self._inherited = False
        self._unwanted: dict[str, Cancel | EndMatch] = {}
        self._farewell = errors.CLOSE_DISCONNECTED

    @property
    def attached(self) -> bool:
        """Whether this socket is its session's newest, as far as is known here."""
        return self._phase == "open"

    @property
    def subject(self) -> str:
        """Who the client is."""
        return self._admission.claims.sub

    # Frames of the client

    def receive(self, frame: messages.ClientFrame, now: float) -> list[Effect]:
        """Obey a frame, or answer what is wrong with it."""
        self._heard = now
        self.frames += 1
        if isinstance(frame, messages.LaneFrame) and self._phase in SPEAKING:
            return self._speak(frame, now)
        if self._phase == "new":
            return self._open(frame)
        if isinstance(frame, messages.Hello | messages.Resume):
            return [_error(errors.ALREADY_WELCOME)]
        if self._phase != "open" or isinstance(frame, messages.LaneFrame):
            return []
        if isinstance(frame, messages.Auth):
            return self._admission.renew(frame.token)
        return self._report(frame, now) if isinstance(frame, Report) else self._intend(frame)

    def refused(self, error: errors.ProtocolError) -> list[Effect]:
        """Answer what could not be decoded; the third time closes the socket."""
        self._bad_frames += error.kind is errors.BAD_FRAME
        effects: list[Effect] = [Send(messages.error_frame(error.kind, error.detail))]
        if self._bad_frames >= MAX_BAD_FRAMES:
            effects += self._close(errors.CLOSE_BAD_FRAME)
        return effects

    def _open(self, frame: messages.ClientFrame) -> list[Effect]:
        if not isinstance(frame, messages.Hello | messages.Resume):
            return [_error(errors.HELLO_FIRST), *self._close(errors.CLOSE_NO_HELLO)]
        self._phase, self._resumed = "verifying", isinstance(frame, messages.Resume)
        self.n, self._inst, self.want = frame.n, frame.inst, frame.want
        return self._admit(self._admission.greeted(frame))

    def verified(self, found: Identity | errors.ProtocolError, now: float) -> list[Effect]:
        """Take up whose the JWT is that was to be verified, or why it is not accepted."""
        return [] if self._phase == "closed" else self._admit(self._admission.verified(found, now))

    def _admit(self, effects: list[Effect]) -> list[Effect]:
        """Do what the admission says, and begin once the client is admitted."""
        if any(isinstance(effect, Close) for effect in effects):
            self._phase = "closed"
        elif self._phase == "verifying" and self._admission.admitted:
            self._phase, self.sid = "opening", self._admission.claims.sid
            if self._blocked:
                return [*effects, _error(errors.BLOCKED), *self._close(errors.CLOSE_BLOCKED)]
            return [*effects, Ask(self._touch())]
        return effects

    def _speak(self, frame: Spoken, now: float) -> list[Effect]:
        speaker = frame.to if isinstance(frame, messages.Ack) else frame.from_
        if speaker != self._inst:
            return [_error(errors.WRONG_SENDER)]
        if self.match is None or self.match.m != frame.m:
            # A resume that the store did not answer leaves the match to be read: the client may well be in it.
            unread = isinstance(self.want, Matched) and self.want.m == frame.m
            return [_error(errors.PEER_UNREACHABLE if unread else errors.NOT_IN_MATCH, ref=frame.m)]
        peer = self.match.peer
        if peer is None:
            return [_error(errors.PEER_UNREACHABLE, ref=frame.m)]
        self._limits = self._limits or SpokenLimits(self._host.candidates, self._host.sdp, now)
        if limit := self._limits.refuses(frame, now):
            return [Limited(limit), _error(errors.RATE_LIMITED, ref=limit)]
        return [Tell(peer.pod, Relay(peer.sid, frame.m, self.sid, self._host.pod, frame))]

    def _report(self, frame: Report, now: float) -> list[Effect]:
        """Take note of what the client says of its call; what comes too often or at the wrong time is dropped."""
        if self.match is None or self.match.m != frame.m or not self.match.opened:
            return []
        if isinstance(frame, messages.Stats):
            if now - self._reported < STATS_SECONDS:
                return []
            self._reported = now
        return [Note(frame)]

    def _intend(self, frame: Intent) -> list[Effect]:
        self._v += 1
        want: Want
        match frame:
            case messages.Heartbeat():
                want, reason = frame.want, "stale"
            case messages.JoinQueue():
                want = Queued(
                    frame.c, frame.ticket, frame.attributes, frame.required,
                    mode=frame.mode, preferred=frame.preferred, blocked=frame.blocked,
                )  # fmt: skip
                reason = "skip"
            case _:
                want, reason = Idle(frame.c), frame.reason if isinstance(frame, messages.Leave) else "user"
        if isinstance(frame, messages.LeaveQueue):
            old = self.want
            mode = old.mode if isinstance(old, Queued) and old.ticket == frame.ticket else ""
            self._unwanted[frame.ticket] = self._cancel(frame.ticket, mode)
        if newer_want(self.want, want) is not want:
            snapshot: list[Effect] = [Send(messages.Snapshot(want=self.want))]
            return snapshot if isinstance(frame, messages.Heartbeat) else [_error(errors.STALE_INTENT), *snapshot]
        self._supersede(self.want, want, reason)
        self.want = same_want(self.want, want)
        # First what is not wanted: if the socket closes in between, the record still tells the next one of it.
        return [*self._drop_unwanted(), Ask(self._touch())]

    # Replies of the store

    def answered(self, question: Question, reply: Reply, now: float) -> list[Effect]:
        """Compare what the store says with what the client was told."""
        match question, reply:
            case TouchSession(), SessionAnswer():
                return self._touched(reply, now)
            case Enqueue(), _:
                return self._enqueued(question, reply, now)
            case Cancel(), Proposal():
                return self._cancelled_too_late(question, reply)
            case Cancel(), Cancelled():
                self._unwanted.pop(unowned(question.ticket), None)
                return []
            case ((TouchMatch() | ReadMatch() | EndMatch()), MatchRecord()):
                return self._match_read(question, reply, now)
            case _:
                return []

    def unanswered(self, question: Question) -> list[Effect]:
        """Go on without a reply; the next heartbeat asks again."""
        if self.match:
            self.match.observation.failed()
        match question:
            case TouchSession() if self._phase == "leaving":
                return self._close(self._farewell)
            case TouchSession() if self._phase == "opening":
                return [*self._welcome(), *self._keep_match()]
            case TouchSession(want=Matched()):
                return self._keep_match()
            case TouchSession(want=Queued(place=None, ticket=ticket)) | Enqueue(ticket=Ticket(ticket=ticket)):
                return [_error(errors.STORE_UNAVAILABLE, ref=unowned(ticket))]
            case _:
                return []

    def _touched(self, answer: SessionAnswer, now: float) -> list[Effect]:
        if self._phase == "leaving":
            return self._close(self._farewell)
        if answer.stale:
            return [Send(messages.Replaced()), *self._close(errors.CLOSE_REPLACED)]
        effects: list[Effect] = []
        adopted = further_want(answer.record.want, self.want)
        self.want = answer.record.want if adopted else self.want
        if self._phase == "opening":
            effects += self._welcome()
        elif self._phase == "open":
            # Said again each time: a socket of the same number may have come in between while the store was away.
            effects.append(Attach(self.sid, self.n))
            effects += [Send(messages.Snapshot(want=self.want))] if adopted else []
        left, self._inherited = None if self._inherited else answer.record.predecessor, True
        if left:
            self._supersede(left.want, self.want, "stale")
            if left.pod != self._host.pod:
                effects.append(Tell(left.pod, Taken(self.sid, self.n)))
        return [*effects, *self._drop_unwanted(), *self._pursue(now)]

    def _welcome(self) -> list[Effect]:
        self._phase = "open"
        frame = messages.Welcome(
            sid=self.sid, token=self._admission.token(), want=self.want, timeouts=self._host.timeouts,
            max_reconnect_attempts=self._host.reconnect_attempts,
        )  # fmt: skip
        return [Attach(self.sid, self.n), Send(frame), Note(Welcomed(self._resumed))]

    def _enqueued(self, question: Enqueue, reply: Reply, now: float) -> list[Effect]:
        ticket = unowned(question.ticket.ticket)
        if self._came_of(self.want, ticket):
            return []
        if not isinstance(self.want, Queued) or self.want.ticket != ticket:
            self._unwanted[ticket] = Cancel(question.ticket.ticket, question.ticket.mode)
            return self._drop_unwanted()
        if isinstance(reply, InLine):
            if self.want.place is not None:
                return []
            place = self._host.keyring.sign(PlaceClaims(self.sid, ticket, reply.seq))
            return [Send(messages.InQueue(ticket=ticket, place=place))]
        if isinstance(reply, Proposal):
            _, partner = reply.from_side(reply.side_of(self.sid))
            return [Tell(partner.pod, Proposed()), *self.proposed(reply, now)]
        return [_error(errors.STALE_INTENT, ref=ticket)]

    def _cancelled_too_late(self, question: Cancel, proposal: Proposal) -> list[Effect]:
        self._unwanted.pop(unowned(question.ticket), None)
        if isinstance(self.want, Matched) and self.want.m == proposal.m:
            return []
        side = proposal.side_of(self.sid)
        return [Ask(EndMatch(proposal.m, self.sid, "stale", side, only_forming=True))]

    # Matches

    def proposed(self, proposal: Proposal, now: float) -> list[Effect]:
        """Take up what the line proposes, or say that the client wants something else by now."""
        m = proposal.m
        side = proposal.side_of(self.sid)
        mine, _ = proposal.from_side(side)
        effects: list[Effect] = [Ask(Announced(mine.ticket, self._host.pod, mine.mode))]
        if isinstance(self.want, Matched) and self.want.m == m:
            return effects
        if not isinstance(self.want, Queued) or self.want.ticket != unowned(mine.ticket):
            self._unwanted[m] = EndMatch(m, self.sid, "stale", side, only_forming=True)
            return effects + self._drop_unwanted()
        self._view(m, now).propose(proposal)
        return [*effects, Ask(self._touch_match(m, named=False))]

    def _pursue(self, now: float) -> list[Effect]:
        if self._blocked:
            return self._expel(errors.CLOSE_BLOCKED)
        match self.want:
            case Queued() as want:
                if not self.attached:
                    return []  # a newer socket may want something else by now, and would not take this ticket back
                place = self._host.keyring.verify(want.place, PlaceClaims)
                mine = place if place and (place.sid, place.ticket) == (self.sid, want.ticket) else None
                ticket = Ticket(
                    self._own(want.ticket), self.sid, self._admission.claims.sub, self._inst, self._host.pod,
                    mine.seq if mine else 0, want.attributes, want.required, want.mode, want.preferred, want.blocked,
                    self._relaxed(want, now),
                )  # fmt: skip
                return [Ask(Enqueue(ticket, self._host.new_id(), self._dead))]
            case Matched() as want:
                self._view(want.m, now)
                return [Ask(self._touch_match(want.m, named=True))]
        self.match = None
        return []

    def _relaxed(self, want: Queued, now: float) -> int:
        """Return how far a want has been relaxed, by how long this socket has known it."""
        if self._sought is None or self._sought[0] != want.ticket:
            self._sought = want.ticket, now
        waited = now - self._sought[1]
        if waited >= RELAX_ALL_SECONDS:
            return ANYBODY_AGAIN
        return REQUIRED_ONLY if waited >= RELAX_SECONDS and want.preferred else EVERYTHING

    def _keep_match(self) -> list[Effect]:
        """Touch the match alone: it may be in a part of the store that answers, and the partner looks for it there."""
        return self._pursue(self._heard) if isinstance(self.want, Matched) else []

    def _view(self, m: str, now: float) -> MatchView:
        if self.match is None or self.match.m != m:
            window = self._host.timeouts.resume_window_ms / 1000
            self.match = MatchView(m, self.sid, Observation(window), now)
        return self.match

    def _match_read(self, question: Question, record: MatchRecord, now: float) -> list[Effect]:
        found = record.sides(self.sid)
        other = found[2] if found else None
        changed = isinstance(question, EndMatch) or (isinstance(question, TouchMatch) and question.news)
        effects: list[Effect] = [Tell(other.pod, MatchChanged(other.sid, record.m))] if changed and other else []
        dropped = isinstance(question, EndMatch) and self._unwanted.pop(record.m, None) is not None
        match = self.match
        mine = isinstance(question, EndMatch) and found is not None and found[0] == record.by
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
        return told + (self._pursue(now) if isinstance(self.want, Queued) else [])

    # Hints of other pods

    def hinted(self, hint: Relay | MatchChanged | Taken | Expel, now: float) -> list[Effect]:
        """Look again at what a hint points to, or deliver what the partner said."""
        match hint:
            case Relay():
                return self.hear(hint, now)
            case Taken(n=n):
                if n > self.n and self._phase == "open":
                    self._phase, self._since = "superseded", now
                return []
            case Expel():
                return self._expel(errors.CLOSE_DISCONNECTED)
            case _:
                return self._look(hint, now)

    def hear(self, hint: Relay, now: float) -> list[Effect]:
        """Deliver what the partner said, or look what became of the match."""
        match = self.match
        if match and match.m == hint.m and match.peer and match.peer.sid == hint.sender:
            return [Send(hint.frame)]
        if isinstance(self.want, Idle):
            return [Tell(hint.pod, MatchChanged(hint.sender, hint.m))]
        return self._look(MatchChanged(self.sid, hint.m), now)

    def _look(self, hint: MatchChanged, now: float) -> list[Effect]:
        match = self.match
        if match is not None and match.m == hint.m:
            return [Ask(match.look(now, hint.closed))]
        # Of an end the client is told once: two sockets that still want the match would tell each other for ever.
        wanted = self.want.m if isinstance(self.want, Matched) else hint.m
        return [] if self._dead in (hint.m, wanted) else self._pursue(now)

    # Time

    def tick(self, now: float) -> list[Effect]:
        """Do what is due; to be called about once a second."""
        if self._phase == "new":
            return self._close(errors.CLOSE_NO_HELLO) if now - self._since > HELLO_SECONDS else []
        if self._phase == "superseded" and now - self._since > OLD_SOCKET_SECONDS:
            return [Send(messages.Replaced()), *self._close(errors.CLOSE_REPLACED)]
        if self._phase != "open":
            return []
        effects = self._admit(self._admission.due(now))
        if not self.attached:
            return effects
        if self._blocked:
            return self._expel(errors.CLOSE_BLOCKED)
        timeouts = self._host.timeouts
        every = (timeouts.idle_heartbeat_ms if isinstance(self.want, Idle) else timeouts.heartbeat_ms) / 1000
        if now - self._heard > 2 * every + HELLO_SECONDS:
            return self._close(errors.CLOSE_SILENT)
        if now - self._pinged >= every:
            self._pinged = now
            renew = now - self._renewed > SESSION_SECONDS / 4
            self._renewed = now if renew else self._renewed
            effects.append(Send(messages.Ping(token=self._admission.token() if renew else None)))
        due = self.match.due(now) if self.match else []
        return effects + [Ask(question) for question in due]

    def closed(self) -> list[Effect]:
        """Note that the socket is gone: the partner's pod looks sooner."""
        was, self._phase = self._phase, "closed"
        peer = self.match.peer if self.match else None
        if was != "open" or self.match is None or peer is None:
            return []
        return [Tell(peer.pod, MatchChanged(peer.sid, self.match.m, closed=self.n))]

    # The end by those who run the pool

    @property
    def _blocked(self) -> bool:
        return self._host.blocked(self.subject, self.sid)

    def _expel(self, code: errors.CloseCode) -> list[Effect]:
        """Give up in the store what the client wants, so that its partner need not wait for it, then close."""
        if self._phase != "open":
            return []
        blocked = code is errors.CLOSE_BLOCKED
        self._phase, self._farewell = "leaving", code
        want = Idle(self.want.c + 1)
        self._supersede(self.want, want, "blocked" if blocked else "ended")
        self.want = want
        told: list[Effect] = [_error(errors.BLOCKED)] if blocked else []
        return [*told, *self._drop_unwanted(), Ask(self._touch())]

    # Questions

    def _touch(self) -> TouchSession:
        return TouchSession(self.sid, self.n, self._attach, self.want, self._inst, self._host.pod)

    def _touch_match(self, m: str, named: bool) -> TouchMatch:
        claims = self._match_claims(self.want)
        view = self.match
        side = view.side if view and view.m == m else None
        news = view is not None and view.published is not named
        return TouchMatch(
            m, self.sid, self.n, self._v, self._inst, self._host.pod, named,
            side=side or (claims.side if claims else None), proven=claims is not None, news=news,
        )  # fmt: skip

    def _match_claims(self, want: Want) -> MatchClaims | None:
        claims = self._host.keyring.verify(want.token, MatchClaims) if isinstance(want, Matched) else None
        return claims if claims and isinstance(want, Matched) and (claims.m, claims.sid) == (want.m, self.sid) else None

    def _end(self, old: Matched, reason: str) -> EndMatch:
        claims = self._match_claims(old)
        side = self.match.side if self.match and self.match.m == old.m else claims.side if claims else None
        return EndMatch(old.m, self.sid, reason, side)

    def _supersede(self, old: Want, new: Want, reason: str) -> None:
        """Note what the client no longer wants; it is dropped until the store has confirmed it."""
        if isinstance(old, Queued) and not (isinstance(new, Queued) and new.ticket == old.ticket):
            # A match is entered under the number of its ticket, which it may give back: also if it is over by now.
            entered = self._came_of(new, old.ticket) or (isinstance(new, Matched) and new.c == old.c)
            if entered:
                self._spent = self._cancel(old.ticket, old.mode)
            else:
                self._unwanted.setdefault(old.ticket, self._cancel(old.ticket, old.mode))
        if not isinstance(old, Matched) or (isinstance(new, Matched) and new.m == old.m):
            return
        if old.m != self._dead:
            self._unwanted.setdefault(old.m, self._end(old, reason))
        elif self._spent and not (isinstance(new, Queued) and self._own(new.ticket) == self._spent.ticket):
            # Its ticket may be in line again, put there for a client that had not heard of the match yet.
            self._unwanted.setdefault(unowned(self._spent.ticket), self._spent)

    def _came_of(self, want: Want, ticket: str) -> bool:
        """Whether a want is a match that a ticket led to; it may be over, and then the ticket is wanted again."""
        if not isinstance(want, Matched):
            return False
        return want.m == self._dead or (self.match is not None and self.match.ticket == ticket)

    def _cancel(self, ticket: str, mode: str) -> Cancel:
        return Cancel(self._own(ticket), mode)

    def _own(self, ticket: str) -> str:
        return f"{self.sid}/{ticket}"

    def _drop_unwanted(self) -> list[Effect]:
        return [Ask(question) for question in self._unwanted.values()]

    def _close(self, code: errors.CloseCode) -> list[Effect]:
        self._phase = "closed"
        return [Close(code)]


def _error(kind: errors.ErrorKind, ref: str | None = None) -> Send:
    return Send(messages.error_frame(kind, ref=ref))
