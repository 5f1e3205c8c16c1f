"""The frames of `switchboard.v1`: each is one JSON object in a text message, and its `type` names it.

Decoding is strict where two implementations could disagree. Integers are 0 to 2^53-1, never `true` or `1.0`. NaN and
lone surrogates are rejected. Unknown fields are dropped. Frames for a peer are encoded again before they are sent on,
so a repeated key cannot have two meanings.
"""

from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from switchboard_signaling.wire import errors
from switchboard_signaling.wire.fields import (
    MAX_FRAME_BYTES,
    Attributes,
    Bitrate,
    Blocked,
    ChatText,
    Code,
    Counter,
    Id,
    Jwt,
    KnownId,
    Milliseconds,
    Path,
    Sdp,
    Share,
    Token,
    Word,
)
from switchboard_signaling.wire.intents import Idle, Intent

SUBPROTOCOL: Final = "switchboard.v1"
SAFE_LENGTH: Final = MAX_FRAME_BYTES // 4
"""Number of characters that always fits into a frame: a character is up to four bytes of UTF-8."""
RECONNECT_ATTEMPTS: Final = 3

_WIRE_NAMES: Final = {"session_id": "session", "socket_number": "socket", "match_id": "match", "from_": "from"}


def _wire_name(name: str) -> str:
    """Return the name of a field on the wire: a whole word, in camelCase."""
    first, *others = name.split("_")
    return _WIRE_NAMES.get(name) or first + "".join(map(str.capitalize, others))


class _Frame(Struct, tag_field="type", rename=_wire_name, omit_defaults=True):
    """Base of all frames; fields that have their default value are omitted on the wire."""


# Client to server


class Hello(_Frame, tag="hello", kw_only=True):
    """First frame of a new session.

    `instance` is random per page load. `socket` numbers the sockets that the client has tried to open. `auth` is a JWT,
    if the pool requires one.
    """

    socket_number: Counter
    instance: Id
    intent: Intent = Idle()
    auth: Jwt | None = None


class Resume(_Frame, tag="resume", kw_only=True):
    """First frame of a socket that continues a session with the token from its newest `welcome` or `heartbeat`.

    If the pool requires a JWT, `auth` must have the session's subject.
    """

    token: Token
    socket_number: Counter
    instance: Id
    intent: Intent
    auth: Jwt | None = None


class Auth(_Frame, tag="auth", kw_only=True):
    """A fresh JWT of the same subject, sent before the session's current one expires."""

    token: Jwt


class Heartbeat(_Frame, tag="heartbeat", kw_only=True):
    """Answer to the server's heartbeat: the client's current intent."""

    intent: Intent


class JoinQueue(_Frame, tag="join-queue", kw_only=True):
    """The user looks for a peer. The fields are those of a queued intent."""

    revision: Counter
    ticket: Id
    attributes: Attributes = {}
    required: Attributes = {}
    mode: Word = ""
    preferred: Attributes = {}
    blocked: Blocked = []


class LeaveQueue(_Frame, tag="leave-queue", kw_only=True):
    """The user stops looking for a peer."""

    revision: Counter
    ticket: Id


LeaveReason: TypeAlias = Literal["user", "skip", "busy", "stale", "blocked", "peer-lost", "ended"]


class Leave(_Frame, tag="leave", kw_only=True):
    """The client leaves `match`. `busy` and `stale` are reasons of the page, the others are the user's."""

    revision: Counter
    match_id: Id
    reason: LeaveReason = "user"


class LaneFrame(_Frame, kw_only=True):
    """A frame from one peer to the other, numbered by the sender within the lane (match, from, to)."""

    match_id: KnownId
    from_: KnownId
    to: KnownId
    seq: Counter


class Offer(LaneFrame, tag="offer"):
    """A session description of type offer; `generation` counts the connections built between the two page loads."""

    sdp: Sdp
    generation: Counter = 0


class Answer(LaneFrame, tag="answer"):
    """A session description of type answer."""

    sdp: Sdp
    generation: Counter = 0


class Candidate(
    Struct,
    rename={"sdp_mid": "sdpMid", "sdp_m_line_index": "sdpMLineIndex", "username_fragment": "usernameFragment"},
    frozen=True,
    omit_defaults=True,
):
    """RTCIceCandidateInit (W3C WebRTC section 4.8.1)."""

    candidate: Annotated[str, Meta(max_length=1024)] = ""
    sdp_mid: Word | None = None
    sdp_m_line_index: Annotated[int, Meta(ge=0, le=65535)] | None = None
    username_fragment: Annotated[str, Meta(max_length=256)] | None = None


class IceCandidate(LaneFrame, tag="ice-candidate"):
    """ICE candidates in the order in which they were gathered."""

    candidates: Annotated[list[Candidate], Meta(max_length=64)]
    generation: Counter = 0


class IceRestart(LaneFrame, tag="ice-restart"):
    """A request for a new offer with fresh ICE credentials."""

    generation: Counter = 0


class Chat(LaneFrame, tag="chat"):
    """A chat message. `id` identifies it beyond the lane, because `seq` changes when the peer reloads its page."""

    id: Id
    text: ChatText


class Ack(LaneFrame, tag="ack"):
    """All frames of the lane up to `seq` were delivered to the application.

    `from` and `to` are those of the acknowledged lane: the sender of an acknowledgement is its `to`.
    """


PeerMessage: TypeAlias = Offer | Answer | IceCandidate | IceRestart | Chat | Ack
"""Frames from client to client."""
Negotiation: TypeAlias = Offer | Answer | IceCandidate
"""Frames about one connection, which are obsolete once the receiver has sent one of a newer generation."""


# Reports of a client about its call: unnumbered, may be dropped, for statistics only, never sent to the peer.


class Stats(_Frame, tag="stats", kw_only=True):
    """Media statistics of `match` for the last few seconds (W3C webrtc-stats). Unknown values are omitted.

    `loss` is the share of the peer's packets that did not arrive here, `remoteLoss` the share of ours that did not
    arrive there. `freezes` and `frozenMs` count since the last report.
    """

    match_id: Id
    media: Literal["audio", "video"] = "video"
    path: Path | None = None
    rtt_ms: Milliseconds | None = None
    jitter_ms: Milliseconds | None = None
    loss: Share | None = None
    remote_loss: Share | None = None
    sent_bitrate: Bitrate | None = None
    received_bitrate: Bitrate | None = None
    freezes: Counter | None = None
    frozen_ms: Milliseconds | None = None


CallState: TypeAlias = Literal["connected", "failed", "closed"]


class ConnectionState(_Frame, tag="connection-state", kw_only=True):
    """State of the media connection of `match`: connected for the first time, failed permanently, or closed.

    `setupMs` is the time from the open match to the first connection; it is omitted if there was none.
    """

    match_id: Id
    state: CallState
    setup_ms: Milliseconds | None = None
    path: Path | None = None
    reason: Code | None = None


ClientFrame: TypeAlias = (
    Hello | Resume | Auth | Heartbeat | JoinQueue | LeaveQueue | Leave | Stats | ConnectionState
    | Offer | Answer | IceCandidate | IceRestart | Chat | Ack
)  # fmt: skip


# Server to client


class IceServer(Struct, frozen=True, omit_defaults=True):
    """RTCIceServer (W3C WebRTC section 4.2.3)."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Timeouts(Struct, rename="camel", frozen=True):
    """Durations in milliseconds, to be measured on the client's monotonic clock."""

    heartbeat_ms: int
    idle_heartbeat_ms: int
    resume_window_ms: int
    ice_gathering_ms: int = 10_000
    """How long a client waits for its candidates to be gathered."""
    connection_ms: int = 30_000
    """After this long a call that is not connected counts as failed."""


TIMEOUTS: Final = Timeouts(heartbeat_ms=5000, idle_heartbeat_ms=30_000, resume_window_ms=60_000)
"""What a client assumes until its first `welcome`."""


class Welcome(_Frame, tag="welcome", kw_only=True):
    """The socket is attached to its session. `intent` is the server's; the client adopts it if its revision is higher.

    `maxReconnectAttempts` is the number of failed attempts after which a client gives up, but never before the resume
    window is over.
    """

    session_id: str
    token: str
    intent: Intent
    timeouts: Timeouts
    max_frame_bytes: int = MAX_FRAME_BYTES
    max_reconnect_attempts: int = RECONNECT_ATTEMPTS


class Snapshot(_Frame, tag="snapshot", kw_only=True):
    """The server knows a newer intent of this session, such as another tab's: adopt it."""

    intent: Intent


class ServerHeartbeat(_Frame, tag="heartbeat", kw_only=True):
    """The server's heartbeat, to be answered with the client's; may carry a renewed session token."""

    token: str | None = None


Relaxation: TypeAlias = Literal["preferred", "recent"]
"""What waiting has relaxed: `preferred` attributes no longer count; `recent` peers may be matched again."""


class QueueStatus(_Frame, tag="queued", kw_only=True):
    """The ticket is queued. Keep `queueToken` in the intent, so that the queue order survives a loss of the store.

    `position` counts from 1 (the longest wait) among the tickets of the same mode, and is omitted while unknown.
    `relaxed` lists what waiting has relaxed so far. Sent again with the next heartbeat when either changes.
    """

    ticket: str
    queue_token: str
    position: Annotated[int, Meta(ge=1)] | None = None
    relaxed: list[Relaxation] = []


class MatchFound(_Frame, tag="match-found", kw_only=True):
    """A match for `ticket`; `peer` is the peer's instance.

    The state is `forming` until both clients have named `match` in an intent. The frame is then sent again with the
    state `open` and the token that proves the client's side.
    """

    match_id: str
    role: Literal["polite", "impolite"]
    peer: str
    state: Literal["forming", "open"]
    ice_servers: list[IceServer]
    ttl_ms: int
    ticket: str | None = None
    token: str | None = None


class PeerState(_Frame, tag="peer-state", kw_only=True):
    """State of the peer in `match`.

    `left` ends the match; `requeue` then says whether the client should want its ticket again, at its queue order.
    `present` is sent again when the peer has a new socket: repeat unacknowledged frames, which may be lost with the old
    one.
    """

    match_id: str
    state: Literal["present", "away", "left"]
    instance: str | None = None
    reason: str | None = None
    requeue: bool = False


class AuthExpiring(_Frame, tag="auth-expiring", kw_only=True):
    """The JWT expires in `ttlMs`: send a fresh one in `auth` before the socket is closed. Repeated until renewed."""

    ttl_ms: int


class Goaway(_Frame, tag="goaway", kw_only=True):
    """Open another socket within `withinMs` and resume there; this one is closed after that."""

    within_ms: int


class Replaced(_Frame, tag="replaced"):
    """A newer socket has taken over this session: do not reconnect."""


class ErrorFrame(_Frame, tag="error", kw_only=True):
    """A frame was rejected; the socket stays open. `ref` is the type, ticket or match that the error is about."""

    code: str
    message: str
    remedy: str
    retryable: bool
    ref: str | None = None


ServerFrame: TypeAlias = (
    Welcome | Snapshot | ServerHeartbeat | QueueStatus | MatchFound | PeerState | AuthExpiring | Goaway | Replaced
    | ErrorFrame | Offer | Answer | IceCandidate | IceRestart | Chat | Ack
)  # fmt: skip

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

F = TypeVar("F")


def _strict(decoder: msgspec.json.Decoder[F]) -> Callable[[str | bytes], F]:
    """Return a function that decodes a frame of at most MAX_FRAME_BYTES; raises ProtocolError."""
    decode_frame = decoder.decode

    def decode(data: str | bytes) -> F:
        if len(data) > SAFE_LENGTH:
            _check_size(data)
        try:
            return decode_frame(data)
        except _UNREADABLE as error:
            raise _why(error) from None

    return decode


decode_client: Final[Callable[[str | bytes], ClientFrame]] = _strict(msgspec.json.Decoder(ClientFrame))
"""Decode a frame from a client.

Raises ProtocolError: `bad-frame`, or `unknown-type` for a well-formed object of an unknown type."""
decode_server: Final[Callable[[str | bytes], ServerFrame]] = _strict(msgspec.json.Decoder(ServerFrame))
"""Decode a frame from a server; raises ProtocolError as `decode_client` does."""
encode: Final[Callable[[ClientFrame | ServerFrame], bytes]] = msgspec.json.Encoder().encode
"""Encode a frame as UTF-8 JSON."""


def error_frame(kind: errors.ErrorKind, detail: str = "", ref: str | None = None) -> ErrorFrame:
    """Return the `error` frame for an entry of the catalogue."""
    message = f"{kind.message}: {detail}" if detail else kind.message
    return ErrorFrame(code=kind.code, message=message, remedy=kind.remedy, retryable=kind.retryable, ref=ref)


def _check_size(data: str | bytes) -> None:
    if len(data if isinstance(data, bytes) else data.encode(errors="surrogatepass")) > MAX_FRAME_BYTES:
        raise errors.BAD_FRAME.because(f"it is longer than {MAX_FRAME_BYTES} bytes")


def _why(error: Exception) -> errors.ProtocolError:
    """Return the protocol error for a frame that could not be decoded."""
    detail = str(error)
    unknown = isinstance(error, msgspec.ValidationError) and detail.startswith("Invalid value") and "`$.type`" in detail
    return (errors.UNKNOWN_TYPE if unknown else errors.BAD_FRAME).because(detail)
