"""A client's socket as the server sees it: frames, replies of the store, hints and time go in, effects come out.

Here is how a socket begins, what passes over it and how it ends; what its client wants is pursued in `intent.py`.
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
    Note,
    Send,
    SendHint,
    Suspect,
    Verify,
    send_error,
)
from switchboard_signaling.session.events import Welcomed
from switchboard_signaling.session.hints import Expel, MatchChanged, Relay, Taken
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.intent import Pursuit
from switchboard_signaling.session.limits import SpokenLimits
from switchboard_signaling.session.match import MatchView
from switchboard_signaling.session.records import Question, Reply, SessionAnswer, TouchSession
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Matched, Want
from switchboard_signaling.wire.messages import PeerMessage
from switchboard_signaling.wire.tokens import SESSION_SECONDS

HELLO_SECONDS: Final = 2.0
"""A socket that has not said hello by then is closed."""
OLD_SOCKET_SECONDS: Final = 2.0
"""How long a replaced socket still carries what peers say, so that a move loses nothing."""
MAX_BAD_FRAMES: Final = 3
STATS_SECONDS: Final = 1.0
"""Statistics that come sooner after the last ones are dropped."""
SPEAKING: Final = frozenset({"open", "superseded"})
"""Phases in which what the client says to its partner is passed on."""

Report: TypeAlias = messages.Stats | messages.ConnectionState
Phase: TypeAlias = Literal["new", "verifying", "opening", "open", "leaving", "superseded", "closed"]


class Session:
    """One socket; `now` is the server's monotonic clock in seconds throughout."""

    __slots__ = (
        "_admission", "_bad_frames", "_farewell", "_heard", "_host", "_limits", "_phase", "_pinged", "_renewed",
        "_reported", "_resumed", "_since", "frames", "pursuit",
    )  # fmt: skip

    def __init__(self, host: Host, now: float) -> None:
        self._host = host
        self.pursuit = Pursuit(host)
        """What the client wants, and what has come of it."""
        self._phase: Phase = "new"
        self._since = self._heard = self._pinged = self._renewed = now
        self._bad_frames = 0
        self._resumed = False
        self._reported = -inf
        self.frames = 0
        """How many frames the client has sent."""
        self._admission = Admission(host)
        self._limits: SpokenLimits | None = None
        self._farewell = errors.CLOSE_DISCONNECTED

    @property
    def sid(self) -> str:
        """The session's id; empty until it is known which one the client may have."""
        return self.pursuit.sid

    @property
    def n(self) -> int:
        """The number that the client gave this socket."""
        return self.pursuit.n

    @property
    def want(self) -> Want:
        """What the client wants."""
        return self.pursuit.want

    @property
    def match(self) -> MatchView | None:
        """The match that the client is in, or that forms for it."""
        return self.pursuit.match

    @property
    def attached(self) -> bool:
        """Whether this socket is its session's newest, as far as is known here."""
        return self._phase == "open"

    @property
    def subject(self) -> str:
        """Who the client is."""
        return self._admission.claims.sub

    def _turn(self, phase: Phase) -> None:
        self._phase = phase
        self.pursuit.note_newest(phase == "open")

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
            return [send_error(errors.ALREADY_WELCOME)]
        if self._phase != "open" or isinstance(frame, messages.LaneFrame):
            return []
        if isinstance(frame, messages.Auth):
            return self._admit(self._admission.renew(frame.token))
        return self._report(frame, now) if isinstance(frame, Report) else self.pursuit.intend(frame)

    def refused(self, error: errors.ProtocolError) -> list[Effect]:
        """Answer what could not be decoded; the third time closes the socket."""
        effects: list[Effect] = [send_error(error.kind, error.detail)]
        if error.kind is errors.BAD_FRAME:
            self._bad_frames += 1
        return [*effects, *self._close(errors.CLOSE_BAD_FRAME)] if self._bad_frames >= MAX_BAD_FRAMES else effects

    def _open(self, frame: messages.ClientFrame) -> list[Effect]:
        if not isinstance(frame, messages.Hello | messages.Resume):
            return [send_error(errors.HELLO_FIRST), *self._close(errors.CLOSE_NO_HELLO)]
        self._turn("verifying")
        self._resumed = isinstance(frame, messages.Resume)
        self.pursuit.begin(frame.n, frame.inst, frame.want)
        return self._admit(self._admission.greeted(frame))

    def verified(self, found: VerifiedJwt | errors.ProtocolError, now: float) -> list[Effect]:
        """Take up whose the JWT is that was to be verified, or why it is not accepted."""
        return [] if self._phase == "closed" else self._admit(self._admission.verified(found, now))

    def _admit(self, verdict: AdmissionVerdict | None) -> list[Effect]:
        """Do what the admission decided, and begin once the client is admitted."""
        match verdict:
            case Unverified(token=token):
                return [Verify(token)]
            case Admitted(claims=claims):
                self._turn("opening")
                self.pursuit.admitted(claims.sid, claims.sub)
                if self._blocked:
                    return [send_error(errors.BLOCKED), *self._close(errors.CLOSE_BLOCKED)]
                return [Ask(self.pursuit.touch())]
            case Renewed(token=token):
                return [Send(messages.Ping(token=token))]
            case Expiring(ttl_ms=ttl_ms):
                return [Send(messages.AuthExpiring(ttl_ms=ttl_ms))]
            case Refused():
                return self._refuse(verdict)
        return []

    def _refuse(self, verdict: Refused) -> list[Effect]:
        suspect: list[Effect] = [Suspect()] if verdict.forged else []
        told = send_error(verdict.error.kind, verdict.error.detail)
        return [*suspect, told, *(self._close(verdict.close) if verdict.close else [])]

    def _speak(self, frame: PeerMessage, now: float) -> list[Effect]:
        pursuit = self.pursuit
        speaker = frame.to if isinstance(frame, messages.Ack) else frame.from_
        if speaker != pursuit.inst:
            return [send_error(errors.WRONG_SENDER)]
        match = pursuit.match
        if match is None or match.m != frame.m:
            # A resume that the store did not answer leaves the match to be read: the client may well be in it.
            unread = isinstance(self.want, Matched) and self.want.m == frame.m
            return [send_error(errors.PEER_UNREACHABLE if unread else errors.NOT_IN_MATCH, ref=frame.m)]
        peer = match.peer
        if peer is None:
            return [send_error(errors.PEER_UNREACHABLE, ref=frame.m)]
        self._limits = self._limits or SpokenLimits(self._host.candidates, self._host.sdp, now)
        if limit := self._limits.refuses(frame, now):
            return [Limited(limit), send_error(errors.RATE_LIMITED, ref=limit)]
        return [SendHint(peer.pod, Relay(peer.sid, frame.m, pursuit.sid, self._host.pod, frame))]

    def _report(self, frame: Report, now: float) -> list[Effect]:
        """Take note of what the client says of its call; what comes too often or at the wrong time is dropped."""
        if self.match is None or self.match.m != frame.m or not self.match.opened:
            return []
        if isinstance(frame, messages.Stats):
            if now - self._reported < STATS_SECONDS:
                return []
            self._reported = now
        return [Note(frame)]

    # Replies of the store

    def answered(self, question: Question, reply: Reply, now: float) -> list[Effect]:
        """Compare what the store says with what the client was told."""
        if isinstance(question, TouchSession):
            return self._touched(reply, now) if isinstance(reply, SessionAnswer) else []
        return self.pursuit.answered(question, reply, now)

    def unanswered(self, question: Question) -> list[Effect]:
        """Go on without a reply; the next heartbeat asks again."""
        if not isinstance(question, TouchSession) or self._phase not in ("opening", "leaving"):
            return self.pursuit.unanswered(question, self._heard)
        if self._phase == "leaving":
            return self._close(self._farewell)
        return [*self._welcome(), *self.pursuit.keep_match(self._heard)]

    def _touched(self, answer: SessionAnswer, now: float) -> list[Effect]:
        if self._phase == "leaving":
            return self._close(self._farewell)
        if answer.stale:
            return [Send(messages.Replaced()), *self._close(errors.CLOSE_REPLACED)]
        effects: list[Effect] = []
        adopted = self.pursuit.adopt(answer.record)
        if self._phase == "opening":
            effects += self._welcome()
        elif self._phase == "open":
            # Said again each time: a socket of the same number may have come in between while the store was away.
            effects.append(Attach(self.sid, self.n))
            effects += [Send(messages.Snapshot(want=self.want))] if adopted else []
        effects += self.pursuit.inherit(answer.record)
        if self._blocked:
            return [*effects, *self._expel(errors.CLOSE_BLOCKED)]
        return [*effects, *self.pursuit.drop_unwanted(), *self.pursuit.pursue(now)]

    def _welcome(self) -> list[Effect]:
        self._turn("open")
        frame = messages.Welcome(
            sid=self.sid, token=self._admission.token(), want=self.want, timeouts=self._host.timeouts,
            max_reconnect_attempts=self._host.reconnect_attempts,
        )  # fmt: skip
        return [Attach(self.sid, self.n), Send(frame), Note(Welcomed(self._resumed))]

    # What comes from other pods, and from the line

    def proposed(self, proposal: Proposal, now: float) -> list[Effect]:
        """Take up what the line proposes, or say that the client wants something else by now."""
        return self.pursuit.proposed(proposal, now)

    def hinted(self, hint: Relay | MatchChanged | Taken | Expel, now: float) -> list[Effect]:
        """Look again at what a hint points to, or deliver what the partner said."""
        match hint:
            case Relay():
                return self.hear(hint, now)
            case Taken(n=n):
                if n > self.n and self._phase == "open":
                    self._turn("superseded")
                    self._since = now
                return []
            case Expel():
                return self._expel(errors.CLOSE_DISCONNECTED)
            case _:
                return self.pursuit.look(hint, now)

    def hear(self, hint: Relay, now: float) -> list[Effect]:
        """Deliver what the partner said, or look what became of the match."""
        match = self.pursuit.match
        if match and match.m == hint.m and match.peer and match.peer.sid == hint.sender:
            return [Send(hint.frame)]
        if isinstance(self.want, Idle):
            return [SendHint(hint.pod, MatchChanged(hint.sender, hint.m))]
        return self.pursuit.look(MatchChanged(self.sid, hint.m), now)

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

    # The end

    def closed(self) -> list[Effect]:
        """Note that the socket is gone: the partner's pod looks sooner."""
        was = self._phase
        self._turn("closed")
        peer = self.match.peer if self.match else None
        if was != "open" or self.match is None or peer is None:
            return []
        return [SendHint(peer.pod, MatchChanged(peer.sid, self.match.m, closed=self.n))]

    @property
    def _blocked(self) -> bool:
        return self._host.blocked(self.subject, self.sid)

    def _expel(self, code: errors.CloseCode) -> list[Effect]:
        """Give up in the store what the client wants, so that its partner need not wait for it, then close."""
        if self._phase != "open":
            return []
        blocked = code is errors.CLOSE_BLOCKED
        self._turn("leaving")
        self._farewell = code
        told: list[Effect] = [send_error(errors.BLOCKED)] if blocked else []
        return [*told, *self.pursuit.abandon("blocked" if blocked else "ended")]

    def _close(self, code: errors.CloseCode) -> list[Effect]:
        self._turn("closed")
        return [Close(code)]
