"""A client's session without I/O: its intent, its lanes and what it learns. sdk/src/session.js does the same."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from switchboard_signaling.client.lanes import ReceiveLane, SendLane
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_BITRATE, MAX_CHAT, MAX_SPAN_MS, Path
from switchboard_signaling.wire.intents import Idle, Intent, Matched, Queued, supersedes
from switchboard_signaling.wire.messages import PeerMessage

KEPT_LANES: Final = 4
"""Number of earlier page loads of the peer whose lanes are kept."""


class Online(Struct, frozen=True):
    """The server has welcomed this session."""


class QueuePosition(Struct, frozen=True):
    """The ticket is queued; sent again when its position or its relaxations change (messages.QueueStatus)."""

    ticket: str
    position: int | None = None
    relaxed: tuple[messages.Relaxation, ...] = ()


class MatchReady(Struct, frozen=True):
    """The match is open: connect to the peer. Sent again if the peer has reloaded its page."""

    match_id: str
    role: Literal["polite", "impolite"]
    ice_servers: list[messages.IceServer]


class PeerMessageReceived(Struct, frozen=True):
    """A frame from the peer, once and in order."""

    frame: PeerMessage


class PeerPresenceChanged(Struct, frozen=True):
    """The peer is present again, or away for now."""

    state: Literal["present", "away"]


class Ended(Struct, frozen=True):
    """The match is over; `requeued` if this client is queued again at its queue order."""

    reason: str
    requeued: bool


class ClientProblem(Struct, frozen=True):
    """A frame was rejected, by the server or by this client."""

    code: str
    message: str
    remedy: str


class Move(Struct, frozen=True):
    """The server asks the client to open another socket within this time, in milliseconds."""

    within_ms: int


class Renew(Struct, frozen=True):
    """The server asks for a fresh JWT: pass it to `authenticate`."""


class Stopped(Struct, frozen=True):
    """The session does not continue here: another socket has taken it over, or the server rejects this client."""


class Transmit(Struct, frozen=True):
    """Send a frame on the newest socket."""

    frame: messages.ClientFrame


PoolFrame: TypeAlias = (
    messages.Welcome | messages.ServerHeartbeat | messages.Snapshot | messages.QueueStatus | messages.MatchFound
    | messages.PeerState | messages.AuthExpiring | messages.Goaway | messages.Replaced | messages.ErrorFrame
)  # fmt: skip
"""Frames from the server itself, not from the peer."""
Event: TypeAlias = (
    Online | QueuePosition | MatchReady | PeerMessageReceived | PeerPresenceChanged | Ended | ClientProblem | Renew
    | Move | Stopped
)  # fmt: skip
Output: TypeAlias = Event | Transmit


@dataclass
class _Match:
    match_id: str
    peer: str
    role: Literal["polite", "impolite"]
    ice_servers: list[messages.IceServer]
    present: bool
    lanes: dict[str, tuple[SendLane, ReceiveLane]]
    """By the peer's page load, the current one last."""

    @property
    def sending(self) -> SendLane:
        return self.lanes[self.peer][0]

    @property
    def receiving(self) -> ReceiveLane:
        return self.lanes[self.peer][1]


@dataclass
class _Call:
    """What the pool knows of a match's connection, over all page loads of the peer."""

    match_id: str
    since: float
    reported: set[messages.CallState] = field(default_factory=set)
    setup_ms: float | None = None
    unsent: list[messages.ConnectionState] = field(default_factory=list)


class ClientSession:
    """One page load's session; times in monotonic seconds."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """`new_id` returns 128 random bits as text."""
        self._new_id = new_id
        self.instance = new_id()
        self.socket_number = 0
        self.session_id: str | None = None
        self.token: str | None = None
        self.intent: Intent = Idle()
        self.timeouts = messages.TIMEOUTS
        self._next_ms = self.timeouts.heartbeat_ms
        self.fresh = False
        """Whether the next JWT must be a fresh one, not one from the application's cache."""
        self._welcomed = False
        self._ticket: Queued | None = None
        self._match: _Match | None = None
        self._call: _Call | None = None

    def greet(self, auth: str | None = None) -> messages.Hello | messages.Resume:
        """Return the first frame of another socket; `auth` is a JWT, if the pool requires one."""
        self.socket_number += 1
        self._welcomed = False
        self._next_ms = self.timeouts.heartbeat_ms
        number, instance, intent = self.socket_number, self.instance, self.intent
        if self.token is None:
            return messages.Hello(socket_number=number, instance=instance, intent=intent, auth=auth)
        return messages.Resume(token=self.token, socket_number=number, instance=instance, intent=intent, auth=auth)

    def closed(self, code: int | None) -> list[Output]:
        """Note that the newest socket was closed with a code; Stopped if no other one should be opened."""
        self._welcomed = False
        reaction = errors.reaction(code)
        self.fresh = self.fresh or reaction == "fresh-jwt"
        return [Stopped()] if reaction == "stop" else []

    def authenticate(self, auth: str) -> list[Output]:
        """Send a fresh JWT, as Renew asks for; before the welcome it is dropped, and the next first frame has one."""
        self.fresh = False
        return self._act(messages.Auth(token=auth))

    # Actions of the user

    def join(
        self,
        attributes: dict[str, str] | None = None,
        required: dict[str, str] | None = None,
        *,
        mode: str = "",
        preferred: dict[str, str] | None = None,
        blocked: Sequence[str] = (),
    ) -> list[Output]:
        """Look for a peer; see wire.intents.Queued for the arguments.

        The server answers within `silence` from now on, even if its next heartbeat was due later.
        """
        self._match = None
        self._next_ms = min(self._next_ms, self.timeouts.heartbeat_ms)
        intent = Queued(
            self.intent.revision + 1, self._new_id(), attributes or {}, required or {},
            mode=mode, preferred=preferred or {}, blocked=list(blocked),
        )  # fmt: skip
        self.intent = intent
        return self._act(messages.JoinQueue(
            revision=intent.revision, ticket=intent.ticket, attributes=intent.attributes, required=intent.required,
            mode=intent.mode, preferred=intent.preferred, blocked=intent.blocked,
        ))  # fmt: skip

    def leave(self, reason: messages.LeaveReason = "user") -> list[Output]:
        """Stop looking, or leave the match."""
        before, self._match, self.intent = self.intent, None, Idle(self.intent.revision + 1)
        match before:
            case Queued(ticket=ticket):
                return self._act(messages.LeaveQueue(revision=self.intent.revision, ticket=ticket))
            case Matched(match_id=match_id):
                return self._act(messages.Leave(revision=self.intent.revision, match_id=match_id, reason=reason))
        return []

    def _act(self, frame: messages.ClientFrame) -> list[Output]:
        """Send what the user did; before the welcome it would be lost, and the intent says the same after it."""
        return [Transmit(frame)] if self._welcomed else []

    def say(self, frame: PeerMessage, now: float) -> list[Output]:
        """Send a frame to the peer; match, from, to and seq are filled in.

        A frame that does not fit into the window is rejected with ClientProblem `peer-unreachable`, a chat that is too
        long with `bad-frame`.
        """
        if self._match is None:
            return []
        if isinstance(frame, messages.Chat) and len(frame.text) > MAX_CHAT:
            return [_problem(messages.error_frame(errors.BAD_FRAME, f"a chat has at most {MAX_CHAT} characters"))]
        if not self._match.sending.push(frame):
            return [_problem(messages.error_frame(errors.PEER_UNREACHABLE))]
        return self._transmit(SendLane.flush, now)

    # Reports to the pool, for its statistics

    def report(self, stats: messages.Stats) -> list[Output]:
        """Report media statistics; the match is filled in, and numbers are clamped to the protocol's bounds.

        Every few seconds is enough; the server drops reports within a second of the last one.
        """
        return self._act(_bounded(stats, self._match.match_id)) if self._match else []

    def connection(
        self, state: messages.CallState, now: float, path: Path | None = None, reason: str | None = None
    ) -> list[Output]:
        """Report that the match's connection is connected, failed permanently or closed; each once per match."""
        call = self._call
        if self._match is None or call is None or state in call.reported:
            return []
        call.reported.add(state)
        if state == "connected":
            call.setup_ms = min((now - call.since) * 1000, MAX_SPAN_MS)
        frame = messages.ConnectionState(
            match_id=call.match_id, state=state, setup_ms=call.setup_ms, path=path, reason=reason
        )
        call.unsent.append(frame)
        return self._unsent()

    def _unsent(self) -> list[Output]:
        """Return what could not be sent before the welcome."""
        if self._call is None or self._match is None or not self._welcomed:
            return []
        unsent, self._call.unsent = self._call.unsent, []
        return [Transmit(frame) for frame in unsent]

    def tick(self, now: float) -> list[Output]:
        """Acknowledge and repeat frames that are due; to be called at `deadline`, or a few times per second."""
        return [*self._acknowledge(now), *self._transmit(SendLane.due, now)]

    @property
    def deadline(self) -> float | None:
        """When to call `tick` next; None while nothing is pending."""
        match = self._match
        if match is None or not self._welcomed:
            return None
        deadlines = (match.receiving.deadline, match.sending.deadline if match.present else None)
        return min((one for one in deadlines if one is not None), default=None)

    @property
    def silence(self) -> float:
        """Seconds without a frame from the server after which it counts as gone: its next heartbeat is overdue."""
        return (self._next_ms + messages.HEARTBEAT_GRACE_MS) / 1000

    def _transmit(self, choose: Callable[[SendLane, float], list[PeerMessage]], now: float) -> list[Output]:
        """Send what the lane chooses, unless nothing can reach the peer anyway."""
        if self._match is None or not self._match.present or not self._welcomed:
            return []
        return [Transmit(frame) for frame in choose(self._match.sending, now)]

    # Frames from the server

    def receive(self, frame: messages.ServerFrame, now: float, newest: bool = True) -> list[Output]:
        """Handle a frame; from a socket that is not the `newest`, only the peer's frames count."""
        if isinstance(frame, PeerMessage):
            return self._receive_from_peer(frame, now)
        return self._receive_from_pool(frame, now) if newest else []

    def _receive_from_pool(self, frame: PoolFrame, now: float) -> list[Output]:
        match frame:
            case messages.Welcome():
                return self._welcome(frame, now)
            case messages.ServerHeartbeat(token=token):
                self.token, self._next_ms = token or self.token, frame.next_ms
                return [self._heartbeat()]
            case messages.Snapshot(intent=intent):
                return self._adopt(intent)
            case messages.QueueStatus(ticket=ticket):
                if not isinstance(self.intent, Queued) or self.intent.ticket != ticket:
                    return []
                self.intent = replace(self.intent, queue_token=frame.queue_token)
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
        self.session_id, self.token, self.timeouts = frame.session_id, frame.token, frame.timeouts
        self._welcomed, self.fresh, self._next_ms = True, False, frame.next_ms
        # What the user did since the first frame was not sent: do not wait for the next heartbeat.
        behind = [self._heartbeat()] if frame.intent.revision < self.intent.revision else []
        adopted = self._adopt(frame.intent)
        return [
            Online(),
            *adopted,
            *behind,
            *self._presume_present(),
            *self._unsent(),
            *self._transmit(SendLane.restart, now),
        ]

    def _presume_present(self) -> list[Output]:
        """Assume that the peer is present: a new socket's pod has not observed it yet, and only reports `away`."""
        if self._match is None or self._match.present:
            return []
        self._match.present = True
        return [PeerPresenceChanged("present")]

    def _match_found(self, frame: messages.MatchFound, now: float) -> list[Output]:
        outputs: list[Output] = []
        if isinstance(self.intent, Queued) and self.intent.ticket == frame.ticket:
            self._ticket, self.intent = self.intent, Matched(self.intent.revision, frame.match_id)
            outputs.append(self._heartbeat())
        if not isinstance(self.intent, Matched) or self.intent.match_id != frame.match_id or frame.state != "open":
            return outputs
        self.intent = replace(self.intent, token=frame.token)
        return outputs + self._meet(frame.match_id, frame.peer, frame.role, frame.ice_servers, now)

    def _meet(
        self, match_id: str, peer: str, role: Literal["polite", "impolite"], ice_servers: list[messages.IceServer],
        now: float, present: bool = True,
    ) -> list[Output]:  # fmt: skip
        """Start the lanes with a page load of the peer; only chat for an older page load is sent again.

        A store that lost its last writes may name an older page load again for a while. Lanes that have started
        continue, because sequence numbers are used only once.
        """
        old = self._match
        if old and old.peer == peer:
            return []
        if self._call is None or self._call.match_id != match_id:
            self._call = _Call(match_id, now)
        lanes: dict[str, tuple[SendLane, ReceiveLane]] = dict(list(old.lanes.items())[-KEPT_LANES:]) if old else {}
        if peer not in lanes:
            lanes[peer] = SendLane(match_id, self.instance, peer), ReceiveLane(match_id, peer, self.instance)
        sending, _ = lanes[peer] = lanes.pop(peer)  # moves the current ones to the end
        known = {chat.id for chat in sending.unacknowledged_chat()}
        for chat in old.sending.unacknowledged_chat() if old else []:
            if chat.id not in known:
                sending.push(chat)
        self._match = _Match(match_id, peer, role, ice_servers, present, lanes)
        return [MatchReady(match_id, role, ice_servers), *self._transmit(SendLane.restart, now)]

    def _peer_state(self, frame: messages.PeerState, now: float) -> list[Output]:
        if not isinstance(self.intent, Matched) or self.intent.match_id != frame.match_id:
            return []
        if frame.state == "left":
            return self._ended(frame)
        match = self._match
        if match is None:
            return []
        present = frame.state == "present"
        if frame.instance and frame.instance != match.peer:
            met = self._meet(match.match_id, frame.instance, match.role, match.ice_servers, now, present)
            return [*met, PeerPresenceChanged(frame.state)]
        match.present = present
        return [PeerPresenceChanged(frame.state), *(self._transmit(SendLane.restart, now) if present else [])]

    def _ended(self, frame: messages.PeerState) -> list[Output]:
        revision = self.intent.revision + 1
        ticket = self._ticket if frame.requeue else None
        self.intent = replace(ticket, revision=revision) if ticket else Idle(revision)
        self._match = None
        return [self._heartbeat(), Ended(frame.reason or "", requeued=ticket is not None)]

    def _receive_from_peer(self, frame: PeerMessage, now: float) -> list[Output]:
        match = self._match
        if match is None or match.match_id != frame.match_id:
            return []
        if isinstance(frame, messages.Ack):
            if (frame.from_, frame.to) != (self.instance, match.peer):
                return []
            match.sending.acknowledged(frame.seq, now)
            return self._transmit(SendLane.flush, now)
        if (frame.from_, frame.to) != (match.peer, self.instance):
            return []
        ready = match.receiving.receive(frame, now)
        received = [PeerMessageReceived(one) for one in ready if not match.sending.obsoletes(one)]
        return [*received, *self._acknowledge(now)]

    def _acknowledge(self, now: float) -> list[Output]:
        if self._match is None or not self._welcomed:
            return []
        return [Transmit(ack) for ack in self._match.receiving.due(now)]

    # The intent

    def _adopt(self, intent: Intent) -> list[Output]:
        """Adopt an intent of this session that supersedes the known one, from another page load or the server."""
        if not supersedes(intent, self.intent):
            return []
        if isinstance(self.intent, Queued) and intent.revision == self.intent.revision:
            self._ticket = self.intent
        had, self.intent, self._match = self._match, intent, None
        return [Ended("ended", requeued=False)] if had else []

    def _forget(self) -> list[Output]:
        had = not isinstance(self.intent, Idle)
        self.token = self.session_id = self._match = None
        self.intent = Idle()
        return [Ended("session-unknown", requeued=False)] if had else []

    def _heartbeat(self) -> Transmit:
        return Transmit(messages.Heartbeat(intent=self.intent))


def _bounded(stats: messages.Stats, match_id: str) -> messages.Stats:
    most = {
        **dict.fromkeys(("loss", "remote_loss"), 1.0),
        **dict.fromkeys(("sent_bitrate", "received_bitrate"), float(MAX_BITRATE)),
        **dict.fromkeys(("rtt_ms", "jitter_ms", "frozen_ms"), float(MAX_SPAN_MS)),
    }
    within: dict[str, float | None] = {}
    for name, limit in most.items():
        value = getattr(stats, name)
        within[name] = min(max(value, 0.0), limit) if value is not None and math.isfinite(value) else None
    freezes = None if stats.freezes is None else max(stats.freezes, 0)
    return replace(stats, match_id=match_id, freezes=freezes, **within)


def _problem(frame: messages.ErrorFrame) -> ClientProblem:
    return ClientProblem(frame.code, frame.message, frame.remedy)
