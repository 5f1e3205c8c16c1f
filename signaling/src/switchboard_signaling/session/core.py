"""A client's socket as the server sees it: frames, the store's replies, hints and time go in, effects come out.

This module covers how a socket starts, which frames it carries and how it ends; `intent.py` reconciles its client's
intent with the store.
"""

from math import inf
from typing import Final, Literal, TypeAlias

from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.admission import (
    Admission,
    AdmissionVerdict,
    Admitted,
    Expiring,
    Refused,
    Renewed,
    Unverified,
    VerifiedJwt,
)
from switchboard_signaling.session.effects import (
    Ask,
    Attach,
    Close,
    Effect,
    Limited,
    Record,
    Send,
    SendHint,
    Suspect,
    Verify,
    send_error,
)
from switchboard_signaling.session.events import Welcomed
from switchboard_signaling.session.hints import Disconnect, MatchChanged, Relay, Superseded
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.intent import IntentReconciler
from switchboard_signaling.session.limits import LaneLimits
from switchboard_signaling.session.match import MatchView
from switchboard_signaling.session.records import Question, Reply, SessionAnswer, TouchSession
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Intent, Matched
from switchboard_signaling.wire.messages import PeerMessage
from switchboard_signaling.wire.tokens import SESSION_SECONDS

HELLO_SECONDS: Final = 2.0
"""A socket without a first frame by then is closed."""
OLD_SOCKET_SECONDS: Final = 2.0
"""How long a superseded socket still carries peers' frames, so that a move loses nothing."""
MAX_BAD_FRAMES: Final = 3
STATS_SECONDS: Final = 1.0
"""Statistics that follow the last ones sooner are dropped."""
RELAYING: Final = frozenset({"open", "superseded"})
"""Phases in which the client's frames to its peer are relayed."""

Report: TypeAlias = messages.Stats | messages.ConnectionState
Phase: TypeAlias = Literal["new", "verifying", "opening", "open", "leaving", "superseded", "closed"]


class Session:
    """One socket; `now` is the server's monotonic clock in seconds throughout."""

    __slots__ = (
        "_admission", "_bad_frames", "_close_code", "_heartbeat_at", "_host", "_limits", "_phase", "_received_at",
        "_renewed_at", "_reported_at", "_resumed", "_since", "frames", "reconciler",
    )  # fmt: skip

    def __init__(self, host: Host, now: float) -> None:
        self._host = host
        self.reconciler = IntentReconciler(host)
        """The client's intent, and what has come of it."""
        self._phase: Phase = "new"
        self._since = self._received_at = self._heartbeat_at = self._renewed_at = now
        self._bad_frames = 0
        self._resumed = False
        self._reported_at = -inf
        self.frames = 0
        """Number of frames from the client."""
        self._admission = Admission(host)
        self._limits: LaneLimits | None = None
        self._close_code = errors.CLOSE_DISCONNECTED

    @property
    def session_id(self) -> str:
        """The session's id; empty until the client is admitted to one."""
        return self.reconciler.session_id

    @property
    def socket_number(self) -> int:
        """The number that the client gave this socket."""
        return self.reconciler.socket_number

    @property
    def intent(self) -> Intent:
        """The client's intent."""
        return self.reconciler.intent

    @property
    def match(self) -> MatchView | None:
        """The match that the client is in or that forms for it."""
        return self.reconciler.match

    @property
    def attached(self) -> bool:
        """Whether this socket is its session's newest, as far as this pod knows."""
        return self._phase == "open"

    @property
    def phase(self) -> Phase:
        """The phase of the socket."""
        return self._phase

    @property
    def subject(self) -> str:
        """The client's subject."""
        return self._admission.claims.sub

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self.reconciler.note_newest(phase == "open")

    # Frames from the client

    def receive(self, frame: messages.ClientFrame, now: float) -> list[Effect]:
        """Handle a frame."""
        self._received_at = now
        self.frames += 1
        if isinstance(frame, messages.LaneFrame) and self._phase in RELAYING:
            return self._relay(frame, now)
        if self._phase == "new":
            return self._open(frame, now)
        if isinstance(frame, messages.Hello | messages.Resume):
            return [send_error(errors.ALREADY_WELCOME, ref=messages.reference(frame))]
        if self._phase != "open" or isinstance(frame, messages.LaneFrame):
            return []
        if isinstance(frame, messages.Auth):
            return self._admit(self._admission.renew(frame.token), now)
        return self._report(frame, now) if isinstance(frame, Report) else self.reconciler.intend(frame)

    def refused(self, error: errors.ProtocolError) -> list[Effect]:
        """Answer a frame that could not be decoded; the third malformed one closes the socket."""
        effects: list[Effect] = [send_error(error.kind, error.detail)]
        if error.kind is errors.BAD_FRAME:
            self._bad_frames += 1
        return [*effects, *self._close(errors.CLOSE_BAD_FRAME)] if self._bad_frames >= MAX_BAD_FRAMES else effects

    def _open(self, frame: messages.ClientFrame, now: float) -> list[Effect]:
        if not isinstance(frame, messages.Hello | messages.Resume):
            error = send_error(errors.HELLO_FIRST, ref=messages.reference(frame))
            return [error, *self._close(errors.CLOSE_NO_HELLO)]
        self._enter("verifying")
        self._resumed = isinstance(frame, messages.Resume)
        self.reconciler.begin(frame.socket_number, frame.instance, frame.intent)
        return self._admit(self._admission.greeted(frame), now)

    def verified(self, found: VerifiedJwt | errors.ProtocolError, now: float) -> list[Effect]:
        """Take the result of verifying a JWT."""
        return [] if self._phase == "closed" else self._admit(self._admission.verified(found, now), now)

    def _admit(self, verdict: AdmissionVerdict | None, now: float) -> list[Effect]:
        """Carry out the admission's verdict, and start the session once the client is admitted."""
        match verdict:
            case Unverified(token=token):
                return [Verify(token)]
            case Admitted(claims=claims):
                self._enter("opening")
                self.reconciler.admitted(claims.session_id, claims.sub)
                if self._blocked:
                    return [send_error(errors.BLOCKED, ref=self._first_frame), *self._close(errors.CLOSE_BLOCKED)]
                return [Ask(self.reconciler.touch())]
            case Renewed(token=token):
                return [Send(self._heartbeat(now, token))]
            case Expiring(ttl_ms=ttl_ms):
                return [Send(messages.AuthExpiring(ttl_ms=ttl_ms))]
            case Refused():
                return self._refuse(verdict)
        return []

    def _refuse(self, verdict: Refused) -> list[Effect]:
        suspect: list[Effect] = [Suspect()] if verdict.forged else []
        ref = self._first_frame if self._phase == "verifying" else None if verdict.close else messages.FrameRef("auth")
        error = send_error(verdict.error.kind, verdict.error.detail, ref)
        return [*suspect, error, *(self._close(verdict.close) if verdict.close else [])]

    @property
    def _first_frame(self) -> messages.FrameRef:
        return messages.FrameRef("resume" if self._resumed else "hello")

    def _relay(self, frame: PeerMessage, now: float) -> list[Effect]:
        reconciler = self.reconciler
        sender = frame.to if isinstance(frame, messages.Ack) else frame.from_
        if sender != reconciler.instance:
            return [send_error(errors.WRONG_SENDER, ref=messages.reference(frame))]
        match = reconciler.match
        if match is None or match.match_id != frame.match_id:
            # After a resume without an answer from the store, the match is not read yet: the client may well be in it.
            unread = isinstance(self.intent, Matched) and self.intent.match_id == frame.match_id
            error = errors.PEER_UNREACHABLE if unread else errors.NOT_IN_MATCH
            return [send_error(error, ref=messages.reference(frame))]
        peer = match.peer
        if peer is None:
            return [send_error(errors.PEER_UNREACHABLE, ref=messages.reference(frame))]
        self._limits = self._limits or LaneLimits(self._host.candidates, self._host.sdp, now)
        if limit := self._limits.refuses(frame, now):
            return [Limited(limit), send_error(errors.RATE_LIMITED, limit, messages.reference(frame))]
        relay = Relay(peer.session_id, frame.match_id, reconciler.session_id, self._host.pod, frame)
        return [SendHint(peer.pod, relay)]

    def _report(self, frame: Report, now: float) -> list[Effect]:
        """Record the client's report on its call; drop it if it comes too often or at the wrong time."""
        if self.match is None or self.match.match_id != frame.match_id or not self.match.opened:
            return []
        if isinstance(frame, messages.Stats):
            if now - self._reported_at < STATS_SECONDS:
                return []
            self._reported_at = now
        return [Record(frame)]

    # Replies from the store

    def answered(self, question: Question, reply: Reply, now: float) -> list[Effect]:
        """Compare the store's reply with what the client knows."""
        if isinstance(question, TouchSession):
            return self._touched(reply, now) if isinstance(reply, SessionAnswer) else []
        return self.reconciler.answered(question, reply, now)

    def unanswered(self, question: Question) -> list[Effect]:
        """Continue without a reply; the next heartbeat asks again."""
        if not isinstance(question, TouchSession) or self._phase not in ("opening", "leaving"):
            return self.reconciler.unanswered(question, self._received_at)
        if self._phase == "leaving":
            return self._close(self._close_code)
        return [*self._welcome(self._received_at), *self.reconciler.keep_match(self._received_at)]

    def _touched(self, answer: SessionAnswer, now: float) -> list[Effect]:
        if self._phase == "leaving":
            return self._close(self._close_code)
        if answer.stale:
            return [Send(messages.Replaced()), *self._close(errors.CLOSE_REPLACED)]
        effects: list[Effect] = []
        adopted = self.reconciler.adopt(answer.record)
        if self._phase == "opening":
            effects += self._welcome(now)
        elif self._phase == "open":
            # Every time: a socket of the same number may have attached in between while the store was unavailable.
            effects.append(Attach(self.session_id, self.socket_number))
            effects += [Send(messages.Snapshot(intent=self.intent))] if adopted else []
        effects += self.reconciler.inherit(answer.record)
        if self._blocked:
            return [*effects, *self._disconnect(errors.CLOSE_BLOCKED)]
        return [*effects, *self.reconciler.clean_up(), *self.reconciler.reconcile(now)]

    def _welcome(self, now: float) -> list[Effect]:
        self._enter("open")
        frame = messages.Welcome(
            session_id=self.session_id, token=self._admission.token(), intent=self.intent, next_ms=self._schedule(now),
            timeouts=self._host.timeouts, max_reconnect_attempts=self._host.reconnect_attempts,
        )  # fmt: skip
        return [Attach(self.session_id, self.socket_number), Send(frame), Record(Welcomed(self._resumed))]

    # Hints and proposals

    def proposed(self, proposal: Proposal, now: float) -> list[Effect]:
        """Announce the queue's proposal to the client, or end the match if the client wants something else by now."""
        return self.reconciler.proposed(proposal, now)

    def hinted(self, hint: Relay | MatchChanged | Superseded | Disconnect, now: float) -> list[Effect]:
        """Read again what a hint points to, or deliver the peer's frame."""
        match hint:
            case Relay():
                return self.deliver(hint, now)
            case Superseded(socket_number=socket_number):
                if socket_number > self.socket_number and self._phase == "open":
                    self._enter("superseded")
                    self._since = now
                return []
            case Disconnect():
                return self._disconnect(errors.CLOSE_DISCONNECTED)
            case _:
                return self.reconciler.look(hint, now)

    def deliver(self, hint: Relay, now: float) -> list[Effect]:
        """Deliver the peer's frame, or find out what became of its match."""
        match = self.reconciler.match
        if match and match.match_id == hint.match_id and match.peer and match.peer.session_id == hint.sender:
            return [Send(hint.frame)]
        if isinstance(self.intent, Idle):
            return [SendHint(hint.pod, MatchChanged(hint.sender, hint.match_id))]
        return self.reconciler.look(MatchChanged(self.session_id, hint.match_id), now)

    # Time

    def tick(self, now: float) -> list[Effect]:
        """Do what is due; to be called about once per second."""
        if self._phase == "new":
            return self._close(errors.CLOSE_NO_HELLO) if now - self._since > HELLO_SECONDS else []
        if self._phase == "superseded" and now - self._since > OLD_SOCKET_SECONDS:
            return [Send(messages.Replaced()), *self._close(errors.CLOSE_REPLACED)]
        if self._phase != "open":
            return []
        effects = self._admit(self._admission.due(now), now)
        if not self.attached:
            return effects
        if self._blocked:
            return self._disconnect(errors.CLOSE_BLOCKED)
        if now - self._received_at > (self._heartbeat_ms + messages.HEARTBEAT_GRACE_MS) / 1000:
            return self._close(errors.CLOSE_SILENT)
        # A promised heartbeat is sent even if the client has become idle, and sooner if it no longer is.
        if not isinstance(self.intent, Idle):
            self._heartbeat_at = min(self._heartbeat_at, now + self._heartbeat_ms / 1000)
        if now >= self._heartbeat_at:
            renew = now - self._renewed_at > SESSION_SECONDS / 4
            self._renewed_at = now if renew else self._renewed_at
            effects.append(Send(self._heartbeat(now, self._admission.token() if renew else None)))
        due = self.match.due(now) if self.match else []
        return effects + [Ask(question) for question in due]

    @property
    def _heartbeat_ms(self) -> int:
        timeouts = self._host.timeouts
        return timeouts.idle_heartbeat_ms if isinstance(self.intent, Idle) else timeouts.heartbeat_ms

    def _heartbeat(self, now: float, token: str | None) -> messages.ServerHeartbeat:
        return messages.ServerHeartbeat(next_ms=self._schedule(now), token=token)

    def _schedule(self, now: float) -> int:
        """Schedule the next heartbeat; return how many milliseconds from now it is."""
        self._heartbeat_at = now + self._heartbeat_ms / 1000
        return self._heartbeat_ms

    # End

    def closed(self) -> list[Effect]:
        """Note that the socket is closed, and notify the peer's pod."""
        was = self._phase
        self._enter("closed")
        peer = self.match.peer if self.match else None
        if was != "open" or self.match is None or peer is None:
            return []
        return [SendHint(peer.pod, MatchChanged(peer.session_id, self.match.match_id, closed=self.socket_number))]

    @property
    def _blocked(self) -> bool:
        return self._host.blocked(self.subject, self.session_id)

    def _disconnect(self, code: errors.CloseCode) -> list[Effect]:
        """Give up what the client wants in the store, so that its peer need not wait, then close the socket."""
        if self._phase != "open":
            return []
        blocked = code is errors.CLOSE_BLOCKED
        self._enter("leaving")
        self._close_code = code
        error: list[Effect] = [send_error(errors.BLOCKED)] if blocked else []
        return [*error, *self.reconciler.abandon("blocked" if blocked else "ended")]

    def _close(self, code: errors.CloseCode) -> list[Effect]:
        self._enter("closed")
        return [Close(code)]
