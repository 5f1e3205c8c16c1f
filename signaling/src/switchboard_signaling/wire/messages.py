"""The frames of `switchboard.v1`: JSON text, one object each, told apart by `type`.

Decoding is strict where two implementations could disagree: integers are 0 to 2^53-1 and never `true` or `1.0`; NaN
and lone surrogates are refused; unknown fields are dropped, and what is passed on to the partner is encoded anew, so
that a repeated key can never mean one thing here and another thing there.
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
from switchboard_signaling.wire.intents import Idle, Want

SUBPROTOCOL: Final = "switchboard.v1"
SURELY_SHORT: Final = MAX_FRAME_BYTES // 4
"""Letters of at most four bytes that are within the limit without having been encoded."""
RECONNECT_ATTEMPTS: Final = 3


class _Frame(Struct, tag_field="type", rename="camel", omit_defaults=True):
    """Base of all frames: `type` tells them apart, names are in camelCase on the wire."""


# Client to server


class Hello(_Frame, tag="hello", kw_only=True):
    """First frame of a new session. `inst` is random per page load, `n` numbers the sockets that the page tried.

    `auth` says who the client is, where the pool asks for that.
    """

    n: Counter
    inst: Id
    want: Want = Idle()
    auth: Jwt | None = None


class Resume(_Frame, tag="resume", kw_only=True):
    """First frame of a socket that continues a session by the token from its newest `welcome` or `heartbeat`.

    Where the pool asks for a JWT, `auth` is one of the same subject.
    """

    token: Token
    n: Counter
    inst: Id
    want: Want
    auth: Jwt | None = None


class Auth(_Frame, tag="auth", kw_only=True):
    """A fresh JWT of the same subject, before the one that the session has expires."""

    token: Jwt


class Heartbeat(_Frame, tag="heartbeat", kw_only=True):
    """Answer to the server's heartbeat: what the client wants now."""

    want: Want


class JoinQueue(_Frame, tag="join-queue", kw_only=True):
    """The user looks for a partner; the fields are those of a want that is queued."""

    c: Counter
    ticket: Id
    attributes: Attributes = {}
    required: Attributes = {}
    mode: Word = ""
    preferred: Attributes = {}
    blocked: Blocked = []


class LeaveQueue(_Frame, tag="leave-queue", kw_only=True):
    """The user stops looking."""

    c: Counter
    ticket: Id


LeaveReason: TypeAlias = Literal["user", "skip", "busy", "stale", "blocked", "partner-lost", "ended"]


class Leave(_Frame, tag="leave", kw_only=True):
    """The user (or, with `busy` and `stale`, the page) leaves match `m`."""

    c: Counter
    m: Id
    reason: LeaveReason = "user"


class LaneFrame(_Frame, kw_only=True, rename={"from_": "from"}):
    """What one peer says to the other, numbered by the sender within the lane (m, from, to)."""

    m: KnownId
    from_: KnownId
    to: KnownId
    k: Counter


class Offer(LaneFrame, tag="offer"):
    """A session description of type offer; `neg` counts the connections built between the two page loads."""

    sdp: Sdp
    neg: Counter = 0


class Answer(LaneFrame, tag="answer"):
    """A session description of type answer."""

    sdp: Sdp
    neg: Counter = 0


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
    neg: Counter = 0


class IceRestart(LaneFrame, tag="ice-restart"):
    """A request for a new offer with fresh ICE credentials."""

    neg: Counter = 0


class Chat(LaneFrame, tag="chat"):
    """A line of text. `id` names it beyond the lane, whose numbers change when the partner's page is loaded anew."""

    id: Id
    text: ChatText


class Noop(LaneFrame, tag="noop"):
    """Fills a number whose content has lost its value."""


class Ack(LaneFrame, tag="ack"):
    """All frames of the lane up to `k` were handed to the application.

    `from` and `to` are those of the acknowledged lane: the sender of an ack is its `to`.
    """


PeerMessage: TypeAlias = Offer | Answer | IceCandidate | IceRestart | Chat | Noop | Ack
"""What travels from client to client."""


# What a client tells the pool of its call: unnumbered, droppable, for statistics only, and never passed on.


class Stats(_Frame, tag="stats", kw_only=True):
    """How the media of match `m` has been in the last seconds, as the browser's statistics say (W3C webrtc-stats).

    What is not known is left out. `loss` is the share of packets that did not arrive here, `remoteLoss` that of ours
    that did not arrive there; `freezes` and `frozenMs` are what was added since the last report.
    """

    m: Id
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
    """What became of the connection for match `m`: `connected` for the first time, `failed` for good, or `closed`.

    `setupMs` is the time from the open match to the first connection; without it there never was one.
    """

    m: Id
    state: CallState
    setup_ms: Milliseconds | None = None
    path: Path | None = None
    reason: Code | None = None


ClientFrame: TypeAlias = (
    Hello | Resume | Auth | Heartbeat | JoinQueue | LeaveQueue | Leave | Stats | ConnectionState
    | Offer | Answer | IceCandidate | IceRestart | Chat | Noop | Ack
)  # fmt: skip


# Server to client


class IceServer(Struct, frozen=True, omit_defaults=True):
    """RTCIceServer (W3C WebRTC section 4.2.3)."""

    urls: list[str]
    username: str | None = None
    credential: str | None = None


class Timeouts(Struct, rename="camel", frozen=True):
    """Spans in milliseconds, to be counted on the client's monotonic clock."""

    heartbeat_ms: int
    idle_heartbeat_ms: int
    resume_window_ms: int
    ice_gathering_ms: int = 10_000
    """How long a client waits for the end of its gathering of candidates."""
    connection_ms: int = 30_000
    """After which a call that is not connected counts as failed."""


TIMEOUTS: Final = Timeouts(heartbeat_ms=5000, idle_heartbeat_ms=30_000, resume_window_ms=60_000)
"""What holds for a client until a `welcome` says otherwise."""


class Welcome(_Frame, tag="welcome", kw_only=True):
    """The socket has its session. `want` is what the server knows; a higher `c` in it is to be adopted."""

    sid: str
    token: str
    want: Want
    timeouts: Timeouts
    max_frame_bytes: int = MAX_FRAME_BYTES
    max_reconnect_attempts: int = RECONNECT_ATTEMPTS
    """Sockets that a client tries in vain before it gives up, which it does not before the resume window is over."""


class Snapshot(_Frame, tag="snapshot", kw_only=True):
    """The server knows a newer intent of this session (another tab's): adopt it."""

    want: Want


class Ping(_Frame, tag="heartbeat", kw_only=True):
    """The server's heartbeat, to be answered with one; carries a renewed session token."""

    token: str | None = None


Relaxation: TypeAlias = Literal["preferred", "recent"]
"""What waiting has relaxed: what is preferred counts no more; who was met lately may be met again."""


class InQueue(_Frame, tag="queued", kw_only=True):
    """The ticket is in line; `place` is to be kept in the want, so that the place survives a loss of the store.

    `position` counts from 1, the one who has waited longest of those who wait in the same mode; it is left out while
    it is not known. `relaxed` is what has been relaxed by now. Repeated with the next heartbeat when either changes.
    """

    ticket: str
    place: str
    position: Annotated[int, Meta(ge=1)] | None = None
    relaxed: list[Relaxation] = []


class MatchFound(_Frame, tag="match-found", kw_only=True):
    """A partner for `ticket`.

    `forming` until both clients have named `m` in a want, then repeated as `open` with the token that proves it.
    """

    m: str
    role: Literal["polite", "impolite"]
    partner: str
    state: Literal["forming", "open"]
    ice_servers: list[IceServer]
    ttl_ms: int
    ticket: str | None = None
    token: str | None = None


class PeerState(_Frame, tag="peer-state", kw_only=True):
    """What is known of the partner in `m`.

    `left` ends the match, and then `requeue` says whether to want the ticket again, at its place in line. `present` is
    said again when the partner has a new socket: repeat what is unacknowledged, it may be lost with the old one.
    """

    m: str
    state: Literal["present", "away", "left"]
    inst: str | None = None
    reason: str | None = None
    requeue: bool = False


class AuthExpiring(_Frame, tag="auth-expiring", kw_only=True):
    """The JWT is valid for `ttlMs` more: send a fresh one in `auth`, or the socket is closed then.

    Repeated until it is renewed.
    """

    ttl_ms: int


class Goaway(_Frame, tag="goaway", kw_only=True):
    """Open another socket, resume there, and this one is closed."""

    within_ms: int


class Replaced(_Frame, tag="replaced"):
    """A newer socket has taken this session over: do not reconnect from here."""


class ErrorFrame(_Frame, tag="error", kw_only=True):
    """A frame was not obeyed; the socket stays open. `ref` is the type or the ticket that it is about."""

    code: str
    message: str
    remedy: str
    retryable: bool
    ref: str | None = None


ServerFrame: TypeAlias = (
    Welcome | Snapshot | Ping | InQueue | MatchFound | PeerState | AuthExpiring | Goaway | Replaced | ErrorFrame
    | Offer | Answer | IceCandidate | IceRestart | Chat | Noop | Ack
)  # fmt: skip

_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

F = TypeVar("F")


def _strict(decoder: msgspec.json.Decoder[F]) -> Callable[[str | bytes], F]:
    """Return what decodes a frame within the limit of size, and says in the protocol's terms why it cannot."""
    decode_frame = decoder.decode

    def decode(data: str | bytes) -> F:
        if len(data) > SURELY_SHORT:
            _check_size(data)
        try:
            return decode_frame(data)
        except _UNREADABLE as error:
            raise _why(error) from None

    return decode


decode_client: Final[Callable[[str | bytes], ClientFrame]] = _strict(msgspec.json.Decoder(ClientFrame))
"""Returns the frame that a client sent.

Raises ProtocolError: `bad-frame`, or `unknown-type` for a well-formed object of a type that is not ours."""
decode_server: Final[Callable[[str | bytes], ServerFrame]] = _strict(msgspec.json.Decoder(ServerFrame))
"""Returns the frame that a server sent; raises ProtocolError as `decode_client` does."""
encode: Final[Callable[[ClientFrame | ServerFrame], bytes]] = msgspec.json.Encoder().encode
"""Returns a frame as UTF-8 JSON."""


def error_frame(kind: errors.ErrorKind, detail: str = "", ref: str | None = None) -> ErrorFrame:
    """Return the `error` frame for an entry of the catalogue."""
    message = f"{kind.message}: {detail}" if detail else kind.message
    return ErrorFrame(code=kind.code, message=message, remedy=kind.remedy, retryable=kind.retryable, ref=ref)


def _check_size(data: str | bytes) -> None:
    if len(data if isinstance(data, bytes) else data.encode(errors="surrogatepass")) > MAX_FRAME_BYTES:
        raise errors.BAD_FRAME.because(f"it is longer than {MAX_FRAME_BYTES} bytes")


def _why(error: Exception) -> errors.ProtocolError:
    """Return what is wrong with a frame that could not be decoded."""
    detail = str(error)
    unknown = isinstance(error, msgspec.ValidationError) and detail.startswith("Invalid value") and "`$.type`" in detail
    return (errors.UNKNOWN_TYPE if unknown else errors.BAD_FRAME).because(detail)
