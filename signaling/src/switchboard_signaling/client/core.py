"""A client's session without I/O: what it wants, its lanes, and what it learns. sdk/src/session.js is the same."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.client.lanes import ReceiveLane, SendLane
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_BITRATE, MAX_CHAT, MAX_SPAN_MS, Path
from switchboard_signaling.wire.intents import Idle, Matched, Queued, Want, further_want
from switchboard_signaling.wire.messages import PeerMessage

KEPT_LANES: Final = 4
"""How many earlier page loads of the partner keep their lanes."""

SILENCE_GRACE: Final = 2.0
"""Seconds by which two heartbeats may be late."""


class Online(Struct, frozen=True):
    """The server has welcomed this session."""


class QueuePosition(Struct, frozen=True):
    """The ticket waits; said again when its position or what waiting has relaxed changes (messages.InQueue)."""

    ticket: str
    position: int | None = None
    relaxed: tuple[messages.Relaxation, ...] = ()


class Met(Struct, frozen=True):
    """There is a partner to talk to; said again if the partner's page was loaded anew."""

    m: str
    role: Literal["polite", "impolite"]
    ice_servers: list[messages.IceServer]


class Said(Struct, frozen=True):
    """What the partner said, once and in order."""

    frame: PeerMessage


class Partner(Struct, frozen=True):
    """The partner is present again, or away for now."""

    state: Literal["present", "away"]


class Ended(Struct, frozen=True):
    """The match is over; `requeued` if this client waits again at its old place."""

    reason: str
    requeued: bool


class ClientProblem(Struct, frozen=True):
    """The server did not obey a frame."""

    code: str
    message: str
    remedy: str


class Move(Struct, frozen=True):
    """The server asks for another socket within a span, in milliseconds."""

    within_ms: int


class Renew(Struct, frozen=True):
    """The server asks for a fresh JWT: give it to `authenticate`."""


class Stopped(Struct, frozen=True):
    """The session does not go on here: another socket has taken it over, or the server lets this client in no more."""


class Transmit(Struct, frozen=True):
    """Send a frame on the newest socket."""

    frame: messages.ClientFrame


Told: TypeAlias = (
    messages.Welcome | messages.Ping | messages.Snapshot | messages.InQueue | messages.MatchFound | messages.PeerState
    | messages.AuthExpiring | messages.Goaway | messages.Replaced | messages.ErrorFrame
)  # fmt: skip
"""What the server itself says."""
Event: TypeAlias = Online | QueuePosition | Met | Said | Partner | Ended | ClientProblem | Renew | Move | Stopped
Output: TypeAlias = Event | Transmit

_NO_RECONNECT: Final = frozenset(code.code for code in errors.CLOSE_CODES if not code.reconnect)
_FRESH: Final = frozenset(code.code for code in errors.CLOSE_CODES if code.fresh_token)


@dataclass
class _Match:
    m: str
    partner: str
    role: Literal["polite", "impolite"]
    ice_servers: list[messages.IceServer]
    present: bool
    lanes: dict[str, tuple[SendLane, ReceiveLane]]
    """By the partner's page loads, the present one last."""

    @property
    def sending(self) -> SendLane:
        return self.lanes[self.partner][0]

    @property
    def receiving(self) -> ReceiveLane:
        return self.lanes[self.partner][1]


@dataclass
class _Call:
    """What was told to the pool of a match, which may outlive page loads of the partner."""

    m: str
    since: float
    said: set[messages.CallState] = field(default_factory=set)
    setup_ms: float | None = None
    unsent: list[messages.ConnectionState] = field(default_factory=list)


class ClientSession:
    """One page load's session; times in monotonic seconds."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """`new_id` gives 128 random bits as text."""
        self._new_id = new_id
        self.inst = new_id()
        self.n = 0
        self.sid: str | None = None
        self.token: str | None = None
        self.want: Want = Idle()
        self.timeouts = messages.TIMEOUTS
        self.fresh = False
        """Whether the next JWT must be a fresh one, not one that the application has kept."""
        self._welcomed = False
        self._line: Queued | None = None
        self._match: _Match | None = None
        self._call: _Call | None = None

    def greet(self, auth: str | None = None) -> messages.Hello | messages.Resume:
        """Return the first frame of a further socket; `auth` is a JWT, where the pool asks for one."""
        self.n += 1
        self._welcomed = False
        if self.token is None:
            return messages.Hello(n=self.n, inst=self.inst, want=self.want, auth=auth)
        return messages.Resume(token=self.token, n=self.n, inst=self.inst, want=self.want, auth=auth)

    def closed(self, code: int | None) -> list[Output]:
        """Note that the newest socket was closed with a code; Stopped if no other one is to be opened."""
        self._welcomed = False
        self.fresh = self.fresh or code in _FRESH
        return [Stopped()] if code in _NO_RECONNECT else []

    def authenticate(self, auth: str) -> list[Output]:
        """Show a fresh JWT, as Renew asks for; before the welcome it is of no use, and the next greeting has one."""
        self.fresh = False
        return self._act(messages.Auth(token=auth))

    # What the user does

    def join(
        self,
        attributes: dict[str, str] | None = None,
        required: dict[str, str] | None = None,
        *,
        mode: str = "",
        preferred: dict[str, str] | None = None,
        blocked: Sequence[str] = (),
    ) -> list[Output]:
        """Look for a partner; see wire.intents.Queued for the arguments."""
        self._match = None
        want = Queued(
            self.want.c + 1, self._new_id(), attributes or {}, required or {},
            mode=mode, preferred=preferred or {}, blocked=list(blocked),
        )  # fmt: skip
        self.want = want
        return self._act(messages.JoinQueue(
            c=want.c, ticket=want.ticket, attributes=want.attributes, required=want.required,
            mode=want.mode, preferred=want.preferred, blocked=want.blocked,
        ))  # fmt: skip

    def leave(self, reason: messages.LeaveReason = "user") -> list[Output]:
        """Stop looking, or leave the match."""
        before, self._match, self.want = self.want, None, Idle(self.want.c + 1)
        match before:
            case Queued(ticket=ticket):
                return self._act(messages.LeaveQueue(c=self.want.c, ticket=ticket))
            case Matched(m=m):
                return self._act(messages.Leave(c=self.want.c, m=m, reason=reason))
        return []

    def _act(self, frame: messages.ClientFrame) -> list[Output]:
        """Say what the user did; before the welcome it would be lost, and the want says the same after it."""
        return [Transmit(frame)] if self._welcomed else []

    def say(self, frame: PeerMessage, now: float) -> list[Output]:
        """Say something to the partner; m, from, to and k are filled in here.

        A full window is answered with the ClientProblem `peer-unreachable`, a chat that is too long with `bad-frame`:
        the frame was not taken.
        """
        if self._match is None:
            return []
        if isinstance(frame, messages.Chat) and len(frame.text) > MAX_CHAT:
            return [_problem(messages.error_frame(errors.BAD_FRAME, f"a chat has at most {MAX_CHAT} letters"))]
        if not self._match.sending.push(frame):
            return [_problem(messages.error_frame(errors.PEER_UNREACHABLE))]
        return self._transmit(SendLane.flush, now)

    # What the pool is told of the call, for its statistics

    def report(self, stats: messages.Stats) -> list[Output]:
        """Say how the media has been; `m` is filled in, and numbers beyond the protocol's bounds are brought into them.

        Once in some seconds is enough; the server drops what comes more often than once a second.
        """
        return self._act(_bounded(stats, self._match.m)) if self._match else []

    def connection(
        self, state: messages.CallState, now: float, path: Path | None = None, reason: str | None = None
    ) -> list[Output]:
        """Say that the match's connection is connected, has failed for good, or is closed; each counts once a match."""
        call = self._call
        if self._match is None or call is None or state in call.said:
            return []
        call.said.add(state)
        if state == "connected":
            call.setup_ms = min((now - call.since) * 1000, MAX_SPAN_MS)
        call.unsent.append(
            messages.ConnectionState(m=call.m, state=state, setup_ms=call.setup_ms, path=path, reason=reason)
        )
        return self._unsent()

    def _unsent(self) -> list[Output]:
        """Return what could not be said before the welcome."""
        if self._call is None or self._match is None or not self._welcomed:
            return []
        unsent, self._call.unsent = self._call.unsent, []
        return [Transmit(frame) for frame in unsent]

    def tick(self, now: float) -> list[Output]:
        """Repeat what was not acknowledged in time; to be called at `deadline`, or a few times a second."""
        return self._transmit(SendLane.due, now)

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do, as far as is known now; None while it has nothing."""
        return self._match.sending.deadline if self._match and self._match.present and self._welcomed else None

    @property
    def silence(self) -> float:
        """Seconds without a word of the server after which it counts as gone: two heartbeats and some."""
        timeouts = self.timeouts
        every = timeouts.idle_heartbeat_ms if isinstance(self.want, Idle) else timeouts.heartbeat_ms
        return 2 * every / 1000 + SILENCE_GRACE

    def _transmit(self, choose: Callable[[SendLane, float], list[PeerMessage]], now: float) -> list[Output]:
        """Send what the lane chooses, unless nothing can reach the partner anyway."""
        if self._match is None or not self._match.present or not self._welcomed:
            return []
        return [Transmit(frame) for frame in choose(self._match.sending, now)]

    # What the server says

    def receive(self, frame: messages.ServerFrame, now: float, newest: bool = True) -> list[Output]:
        """Take a frame; from a socket that is not the `newest`, only what the partner says counts."""
        if isinstance(frame, PeerMessage):
            return self._hear(frame, now)
        return self._learn(frame, now) if newest else []

    def _learn(self, frame: Told, now: float) -> list[Output]:
        match frame:
            case messages.Welcome():
                return self._welcome(frame, now)
            case messages.Ping(token=token):
                self.token = token or self.token
                return [self._heartbeat()]
            case messages.Snapshot(want=want):
                return self._adopt(want)
            case messages.InQueue(ticket=ticket):
                if not isinstance(self.want, Queued) or self.want.ticket != ticket:
                    return []
                self.want = replace(self.want, place=frame.place)
                return [QueuePosition(ticket, frame.position, tuple(frame.relaxed))]
            case messages.MatchFound():
                return self._match_found(frame, now)
            case messages.PeerState():
                return self._peer_state(frame, now)
            case _:
                return self._advice(frame)

    def _advice(
        self, frame: messages.AuthExpiring | messages.Goaway | messages.Replaced | messages.ErrorFrame
    ) -> list[Output]:
        match frame:
            case messages.AuthExpiring():
                self.fresh = True
                return [Renew()]
            case messages.Goaway(within_ms=within_ms):
                return [Move(within_ms)]
            case messages.Replaced():
                return [Stopped()]
            case _:
                forgotten = self._forget() if frame.code == errors.SESSION_UNKNOWN.code else []
                return [*forgotten, _problem(frame)]

    def _welcome(self, frame: messages.Welcome, now: float) -> list[Output]:
        self.sid, self.token, self.timeouts = frame.sid, frame.token, frame.timeouts
        self._welcomed, self.fresh = True, False
        # What the user did after the greeting was not sent: no need to wait for the next heartbeat.
        behind = [self._heartbeat()] if frame.want.c < self.want.c else []
        adopted = self._adopt(frame.want)
        return [
            Online(),
            *adopted,
            *behind,
            *self._presume_present(),
            *self._unsent(),
            *self._transmit(SendLane.restart, now),
        ]

    def _presume_present(self) -> list[Output]:
        """Forget that the partner was away: a new socket's pod has yet to see it, and says so only if it is."""
        if self._match is None or self._match.present:
            return []
        self._match.present = True
        return [Partner("present")]

    def _match_found(self, frame: messages.MatchFound, now: float) -> list[Output]:
        outputs: list[Output] = []
        if isinstance(self.want, Queued) and self.want.ticket == frame.ticket:
            self._line, self.want = self.want, Matched(self.want.c, frame.m)
            outputs.append(self._heartbeat())
        if not isinstance(self.want, Matched) or self.want.m != frame.m or frame.state != "open":
            return outputs
        self.want = replace(self.want, token=frame.token)
        return outputs + self._meet(frame.m, frame.partner, frame.role, frame.ice_servers, now)

    def _meet(
        self, m: str, partner: str, role: Literal["polite", "impolite"], ice_servers: list[messages.IceServer],
        now: float, present: bool = True,
    ) -> list[Output]:  # fmt: skip
        """Begin the lanes with a page load of the partner; of what was said to an older one only chat has value.

        A store that has lost its last writes may name an older page load again for a while: lanes that have begun go
        on where they were, as their numbers are used only once.
        """
        old = self._match
        if old and old.partner == partner:
            return []
        if self._call is None or self._call.m != m:
            self._call = _Call(m, now)
        lanes: dict[str, tuple[SendLane, ReceiveLane]] = dict(list(old.lanes.items())[-KEPT_LANES:]) if old else {}
        if partner not in lanes:
            lanes[partner] = SendLane(m, self.inst, partner), ReceiveLane(m, partner, self.inst)
        sending, _ = lanes[partner] = lanes.pop(partner)  # the present ones go to the end
        known = {chat.id for chat in sending.unacknowledged_chat()}
        for chat in old.sending.unacknowledged_chat() if old else []:
            if chat.id not in known:
                sending.push(chat)
        self._match = _Match(m, partner, role, ice_servers, present, lanes)
        return [Met(m, role, ice_servers), *self._transmit(SendLane.restart, now)]

    def _peer_state(self, frame: messages.PeerState, now: float) -> list[Output]:
        if not isinstance(self.want, Matched) or self.want.m != frame.m:
            return []
        if frame.state == "left":
            return self._ended(frame)
        match = self._match
        if match is None:
            return []
        present = frame.state == "present"
        if frame.inst and frame.inst != match.partner:
            met = self._meet(match.m, frame.inst, match.role, match.ice_servers, now, present)
            return [*met, Partner(frame.state)]
        match.present = present
        return [Partner(frame.state), *(self._transmit(SendLane.restart, now) if present else [])]

    def _ended(self, frame: messages.PeerState) -> list[Output]:
        c = self.want.c + 1
        requeued = frame.requeue and self._line is not None
        self.want = replace(self._line, c=c) if frame.requeue and self._line is not None else Idle(c)
        self._match = None
        return [self._heartbeat(), Ended(frame.reason or "", requeued)]

    def _hear(self, frame: PeerMessage, now: float) -> list[Output]:
        match = self._match
        if match is None or match.m != frame.m:
            return []
        if isinstance(frame, messages.Ack):
            if (frame.from_, frame.to) != (self.inst, match.partner):
                return []
            match.sending.acknowledged(frame.k, now)
            return self._transmit(SendLane.flush, now)
        if (frame.from_, frame.to) != (match.partner, self.inst):
            return []
        ready, ack = match.receiving.receive(frame)
        return [*(Said(one) for one in ready if not isinstance(one, messages.Noop)), Transmit(ack)]

    # The want

    def _adopt(self, want: Want) -> list[Output]:
        """Take over a want of this session that another page load of it has said later, or that has come further."""
        if not further_want(want, self.want):
            return []
        if isinstance(self.want, Queued) and want.c == self.want.c:
            self._line = self.want
        had, self.want, self._match = self._match, want, None
        return [Ended("ended", requeued=False)] if had else []

    def _forget(self) -> list[Output]:
        had = not isinstance(self.want, Idle)
        self.token = self.sid = self._match = None
        self.want = Idle()
        return [Ended("session-unknown", requeued=False)] if had else []

    def _heartbeat(self) -> Transmit:
        return Transmit(messages.Heartbeat(want=self.want))


def _bounded(stats: messages.Stats, m: str) -> messages.Stats:
    most = {
        **dict.fromkeys(("loss", "remote_loss"), 1.0),
        **dict.fromkeys(("sent_bitrate", "received_bitrate"), float(MAX_BITRATE)),
        **dict.fromkeys(("rtt_ms", "jitter_ms", "frozen_ms"), float(MAX_SPAN_MS)),
    }
    within: dict[str, float | None] = {}
    for name, limit in most.items():
        value = getattr(stats, name)
        within[name] = min(max(value, 0.0), limit) if value is not None and math.isfinite(value) else None
    return replace(stats, m=m, freezes=None if stats.freezes is None else max(stats.freezes, 0), **within)


def _problem(frame: messages.ErrorFrame) -> ClientProblem:
    return ClientProblem(frame.code, frame.message, frame.remedy)
