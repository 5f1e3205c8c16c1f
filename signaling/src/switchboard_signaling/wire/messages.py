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
    Bitrate,
    BlockedSubjects,
    ChatText,
    Code,
    Counter,
    Generation,
    Id,
    Instance,
    Jwt,
    KnownId,
    MatchId,
    Milliseconds,
    Mode,
    OwnAttributes,
    Path,
    PreferredAttributes,
    RequestJwt,
    RequiredAttributes,
    Revision,
    Sdp,
    Share,
    SocketNumber,
    Ticket,
    Token,
    Word,
)
from switchboard_signaling.wire.intents import Idle, Intent

SUBPROTOCOL: Final = "switchboard.v1"
SAFE_LENGTH: Final = MAX_FRAME_BYTES // 4
"""Number of characters that always fits into a frame: a character is up to four bytes of UTF-8."""
RECONNECT_ATTEMPTS: Final = 3
HEARTBEAT_GRACE_MS: Final = 7000
"""Time by which a heartbeat, or the answer to one, may be late before the other side counts as gone: a segment that is
lost on a bad link, or a busy pod, is no reason to reconnect."""

_WIRE_NAMES: Final = {"session_id": "session", "socket_number": "socket", "match_id": "match", "from_": "from"}


def _wire_name(name: str) -> str:
    """Return the name of a field on the wire: a whole word, in camelCase."""
    first, *others = name.split("_")
    return _WIRE_NAMES.get(name) or first + "".join(map(str.capitalize, others))


ClientIntent = Annotated[Intent, Meta(description="The state that the client wants to be in.")]
Description = Annotated[Sdp, Meta(description="Session description (RFC 8866).")]
CallPath = Annotated[Path | None, Meta(description="Whether media flows directly or through a TURN relay.")]
NextHeartbeat = Annotated[
    int,
    Meta(
        description="Milliseconds within which the next heartbeat follows. The server counts as gone if it is 7 seconds"
        " late."
    ),
]


class _Frame(Struct, tag_field="type", rename=_wire_name, omit_defaults=True):
    """Base of all frames; fields that have their default value are omitted on the wire."""


# Client to server


class Hello(_Frame, tag="hello", kw_only=True):
    """First frame of a new session."""

    socket_number: SocketNumber
    instance: Instance
    intent: ClientIntent = Idle()
    auth: RequestJwt = None


class Resume(_Frame, tag="resume", kw_only=True):
    """First frame of a socket that continues a session. If the pool requires a JWT, it must have the same subject."""

    token: Annotated[Token, Meta(description="Session token from the newest `welcome` or `heartbeat`.")]
    socket_number: SocketNumber
    instance: Instance
    intent: ClientIntent
    auth: RequestJwt = None


class Auth(_Frame, tag="auth", kw_only=True):
    """A fresh JWT of the same subject, sent before the session's current one expires."""

    token: Annotated[Jwt, Meta(description="The fresh JWT.")]


class Heartbeat(_Frame, tag="heartbeat", kw_only=True):
    """Answer to the server's heartbeat. Sent without one as well, to state an intent that has changed."""

    intent: ClientIntent


class JoinQueue(_Frame, tag="join-queue", kw_only=True):
    """The user looks for a peer. The fields are those of a queued intent."""

    revision: Revision
    ticket: Ticket
    attributes: OwnAttributes = {}
    required: RequiredAttributes = {}
    mode: Mode = ""
    preferred: PreferredAttributes = {}
    blocked: BlockedSubjects = []


class LeaveQueue(_Frame, tag="leave-queue", kw_only=True):
    """The user stops looking for a peer."""

    revision: Revision
    ticket: Ticket


LeaveReason: TypeAlias = Literal["user", "skip", "busy", "stale", "blocked", "peer-lost", "ended"]


class Leave(_Frame, tag="leave", kw_only=True):
    """The client leaves the match."""

    revision: Revision
    match_id: MatchId
    reason: Annotated[
        LeaveReason,
        Meta(
            description="Why, for the peer: the user left, looks for the next peer (`skip`), or a reason of the page"
            " (`busy`, `stale`)."
        ),
    ] = "user"


class LaneFrame(_Frame, kw_only=True):
    """A frame from one peer to the other, numbered by the sender within the lane (match, from, to)."""

    match_id: Annotated[KnownId, Meta(description="Id of the match.")]
    from_: Annotated[KnownId, Meta(description="Instance of the lane's sender.")]
    to: Annotated[KnownId, Meta(description="Instance of the lane's receiver.")]
    seq: Annotated[
        Counter,
        Meta(description="Number of the frame within its lane, from 1; in `ack`, of the last delivered frame, or 0."),
    ]


class Offer(LaneFrame, tag="offer"):
    """A session description of type offer."""

    sdp: Description
    generation: Generation = 0


class Answer(LaneFrame, tag="answer"):
    """A session description of type answer."""

    sdp: Description
    generation: Generation = 0


class Candidate(
    Struct,
    rename={"sdp_mid": "sdpMid", "sdp_m_line_index": "sdpMLineIndex", "username_fragment": "usernameFragment"},
    frozen=True,
    omit_defaults=True,
):
    """RTCIceCandidateInit (W3C WebRTC section 4.8.1)."""

    candidate: Annotated[
        str, Meta(max_length=1024, description="candidate-attribute (RFC 8839 section 5.1); empty: no more candidates.")
    ] = ""
    sdp_mid: Annotated[Word | None, Meta(description="Identification tag of the media description.")] = None
    sdp_m_line_index: Annotated[
        Annotated[int, Meta(ge=0, le=65535)] | None, Meta(description="Index of the media description, from 0.")
    ] = None
    username_fragment: Annotated[
        Annotated[str, Meta(max_length=256)] | None, Meta(description="ICE username fragment (RFC 8445).")
    ] = None


class IceCandidate(LaneFrame, tag="ice-candidate"):
    """ICE candidates in the order in which they were gathered."""

    candidates: Annotated[list[Candidate], Meta(max_length=64, description="The candidates, oldest first.")]
    generation: Generation = 0


class IceRestart(LaneFrame, tag="ice-restart"):
    """A request for a new offer, with fresh ICE credentials or about a new connection."""

    generation: Annotated[
        Counter,
        Meta(description="Number of the media connection that is requested: the current one, or the next."),
    ] = 0


class Chat(LaneFrame, tag="chat"):
    """A chat message."""

    id: Annotated[
        Id,
        Meta(description="Id of the message beyond the lane, because `seq` changes when the peer reloads its page."),
    ]
    text: Annotated[ChatText, Meta(description="The message.")]


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
    """Media statistics of the last few seconds (W3C webrtc-stats). Unknown values are omitted."""

    match_id: MatchId
    media: Annotated[Literal["audio", "video"], Meta(description="What the client receives: video, or only audio.")] = (
        "video"
    )
    path: CallPath = None
    rtt_ms: Annotated[Milliseconds | None, Meta(description="Round-trip time of the media path, in milliseconds.")] = (
        None
    )
    jitter_ms: Annotated[Milliseconds | None, Meta(description="Jitter of received packets, in milliseconds.")] = None
    loss: Annotated[Share | None, Meta(description="Share of the peer's packets that did not arrive, 0 to 1.")] = None
    remote_loss: Annotated[
        Share | None, Meta(description="Share of this client's packets that did not arrive at the peer, 0 to 1.")
    ] = None
    sent_bitrate: Annotated[Bitrate | None, Meta(description="Sent media, in bits per second.")] = None
    received_bitrate: Annotated[Bitrate | None, Meta(description="Received media, in bits per second.")] = None
    freezes: Annotated[Counter | None, Meta(description="Video freezes since the last report.")] = None
    frozen_ms: Annotated[
        Milliseconds | None, Meta(description="Duration of video freezes since the last report, in milliseconds.")
    ] = None


CallState: TypeAlias = Literal["connected", "failed", "closed"]


class ConnectionState(_Frame, tag="connection-state", kw_only=True):
    """State of the media connection of a match; each state is reported once."""

    match_id: MatchId
    state: Annotated[
        CallState, Meta(description="Connected for the first time, failed permanently, or closed by the user.")
    ]
    setup_ms: Annotated[
        Milliseconds | None,
        Meta(description="Time from the open match to the first connection, in milliseconds; omitted without one."),
    ] = None
    path: CallPath = None
    reason: Annotated[Code | None, Meta(description="Code of the failure, such as `ice-failed`.")] = None


ClientFrame: TypeAlias = (
    Hello | Resume | Auth | Heartbeat | JoinQueue | LeaveQueue | Leave | Stats | ConnectionState
    | Offer | Answer | IceCandidate | IceRestart | Chat | Ack
)  # fmt: skip


# Server to client


class IceServer(Struct, frozen=True, omit_defaults=True):
    """RTCIceServer (W3C WebRTC section 4.2.3)."""

    urls: Annotated[list[str], Meta(description="URLs with the schemes stun, turn or turns (RFC 7064, RFC 7065).")]
    username: Annotated[str | None, Meta(description="Username for TURN; it contains its expiry.")] = None
    credential: Annotated[str | None, Meta(description="Password for TURN.")] = None


class Timeouts(Struct, rename="camel", frozen=True):
    """Durations in milliseconds, to be measured on the client's monotonic clock."""

    heartbeat_ms: Annotated[
        int, Meta(description="Longest interval between heartbeats while queued or matched, in milliseconds.")
    ]
    idle_heartbeat_ms: Annotated[
        int, Meta(description="Longest interval between heartbeats while idle, in milliseconds.")
    ]
    resume_window_ms: Annotated[
        int, Meta(description="How long a session can be resumed after its socket is lost, in milliseconds.")
    ]
    ice_gathering_ms: Annotated[
        int, Meta(description="How long to wait for candidates to be gathered, in milliseconds.")
    ] = 10_000
    connection_ms: Annotated[
        int, Meta(description="How long until a call that is not connected has failed, in milliseconds.")
    ] = 30_000


TIMEOUTS: Final = Timeouts(heartbeat_ms=5000, idle_heartbeat_ms=30_000, resume_window_ms=60_000)
"""What a client assumes until its first `welcome`."""


class Welcome(_Frame, tag="welcome", kw_only=True):
    """The socket is attached to its session. Adopt the server's intent if it supersedes the client's."""

    session_id: Annotated[str, Meta(description="Id of the session.")]
    token: Annotated[str, Meta(description="Session token, to resume the session with.")]
    intent: Annotated[Intent, Meta(description="The session's intent as the server knows it.")]
    timeouts: Annotated[Timeouts, Meta(description="Time limits of this pool.")]
    next_ms: NextHeartbeat
    max_frame_bytes: Annotated[int, Meta(description="Maximum size of a frame, in bytes of UTF-8.")] = MAX_FRAME_BYTES
    max_reconnect_attempts: Annotated[
        int,
        Meta(description="Failed attempts after which to give up, but never before the resume window is over."),
    ] = RECONNECT_ATTEMPTS


class Snapshot(_Frame, tag="snapshot", kw_only=True):
    """The server knows a newer intent of this session, such as another tab's: adopt it."""

    intent: Annotated[Intent, Meta(description="The session's intent as the server knows it.")]


class ServerHeartbeat(_Frame, tag="heartbeat", kw_only=True):
    """The server's heartbeat, to be answered with the client's."""

    next_ms: NextHeartbeat
    token: Annotated[str | None, Meta(description="Renewed session token, which replaces the previous one.")] = None


Relaxation: TypeAlias = Literal["preferred", "recent"]
"""What waiting has relaxed: `preferred` attributes no longer count; `recent` peers may be matched again."""


class QueueStatus(_Frame, tag="queued", kw_only=True):
    """The ticket is queued. Sent again with the next heartbeat when `position` or `relaxed` changes."""

    ticket: Annotated[str, Meta(description="The client's ticket.")]
    queue_token: Annotated[
        str,
        Meta(description="Signed queue order: keep it in the intent, so that the order survives a loss of the store."),
    ]
    position: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="Position among the tickets of the same mode, from 1, the longest wait; omitted if unknown."),
    ] = None
    relaxed: Annotated[
        list[Relaxation],
        Meta(
            description="What waiting has relaxed: `preferred` attributes no longer count, `recent` peers may be"
            " matched again."
        ),
    ] = []


class MatchFound(_Frame, tag="match-found", kw_only=True):
    """A match for the client's ticket: name it in an intent to enter it. Sent again when the match is open."""

    match_id: Annotated[str, Meta(description="Id of the match.")]
    role: Annotated[
        Literal["polite", "impolite"],
        Meta(description="The client's role in perfect negotiation (W3C WebRTC section 10.7)."),
    ]
    peer: Annotated[str, Meta(description="Instance of the peer's page load: `to` of frames to the peer.")]
    state: Annotated[
        Literal["forming", "open"],
        Meta(description="`open` once both clients have entered the match: send frames to the peer from then on."),
    ]
    ice_servers: Annotated[list[IceServer], Meta(description="ICE servers for the media connection.")]
    ttl_ms: Annotated[int, Meta(description="How long the credentials of the ICE servers are valid, in milliseconds.")]
    ticket: Annotated[
        str | None, Meta(description="The ticket that was matched; omitted after a resume in the match.")
    ] = None
    token: Annotated[
        str | None, Meta(description="Proof of the client's side of the open match: keep it in the intent.")
    ] = None


class PeerState(_Frame, tag="peer-state", kw_only=True):
    """State of the peer in the match.

    `present` is sent again when the peer has a new socket: repeat the lowest unacknowledged frame, which may be lost
    with the old one.
    """

    match_id: Annotated[str, Meta(description="Id of the match.")]
    state: Annotated[
        Literal["present", "away", "left"],
        Meta(description="`left` ends the match; while the peer is `away`, frames wait."),
    ]
    instance: Annotated[
        str | None, Meta(description="Instance of the peer's page load; if it is a new one, its lanes start at 1.")
    ] = None
    reason: Annotated[str | None, Meta(description="Why the match ended: a reason of `leave`, or `peer-lost`.")] = None
    requeue: Annotated[
        bool, Meta(description="Whether to want the ticket again, under the next revision and at its queue order.")
    ] = False


class AuthExpiring(_Frame, tag="auth-expiring", kw_only=True):
    """The JWT expires soon: send a fresh one in `auth` before the socket is closed. Repeated until renewed."""

    ttl_ms: Annotated[int, Meta(description="Milliseconds until the JWT expires.")]


class Goaway(_Frame, tag="goaway", kw_only=True):
    """The pod is draining: open another socket and resume there; this one is closed after that."""

    within_ms: Annotated[int, Meta(description="Milliseconds within which to do so, at a random moment.")]


class Replaced(_Frame, tag="replaced"):
    """A newer socket has taken over this session: do not reconnect."""


class FrameRef(Struct, rename=_wire_name, frozen=True, omit_defaults=True):
    """Which frame an error is about."""

    type: Annotated[str, Meta(description="Type of the frame.")]
    match_id: Annotated[str | None, Meta(description="Its match, if it has one.")] = None
    seq: Annotated[int | None, Meta(description="Its number, for a frame of a lane.")] = None
    ticket: Annotated[str | None, Meta(description="Its ticket, if it has one.")] = None


class ErrorFrame(_Frame, tag="error", kw_only=True):
    """A frame was rejected; the socket stays open unless a close code follows."""

    code: Annotated[str, Meta(description="Stable code of the error, for programs.")]
    message: Annotated[str, Meta(description="What was wrong, for people.")]
    remedy: Annotated[str, Meta(description="What to do about it, for people.")]
    retryable: Annotated[bool, Meta(description="Whether the same frame may succeed later.")]
    ref: Annotated[FrameRef | None, Meta(description="The rejected frame; omitted if it could not be decoded.")] = None


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


def reference(frame: ClientFrame) -> FrameRef:
    """Return the reference by which an error names a client's frame."""
    return FrameRef(
        str(type(frame).__struct_config__.tag),
        match_id=getattr(frame, "match_id", None),
        seq=getattr(frame, "seq", None),
        ticket=getattr(frame, "ticket", None),
    )


def error_frame(kind: errors.ErrorKind, detail: str = "", ref: FrameRef | None = None) -> ErrorFrame:
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
