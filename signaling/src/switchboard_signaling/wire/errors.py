"""The errors of the protocol: `error` codes with their remedies, and the close codes of the socket."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias


@dataclass(frozen=True)
class ErrorKind:
    """An entry of the error catalogue.

    `code` is stable and meant for programs; `message` and `remedy` are meant for people. `retryable` says whether the
    same frame may succeed later.
    """

    code: str
    message: str
    remedy: str
    retryable: bool = False

    def because(self, detail: str) -> "ProtocolError":
        """Return this error as an exception with a detail about one frame, which must not contain a secret."""
        return ProtocolError(self, detail)


class ProtocolError(Exception):
    """A frame was rejected; sent to the client as an `error` frame."""

    def __init__(self, kind: ErrorKind, detail: str = "") -> None:
        super().__init__(f"{kind.message}: {detail}" if detail else kind.message)
        self.kind = kind
        self.detail = detail


BAD_FRAME: Final = ErrorKind(
    "bad-frame", "The frame is not a valid message", "Send a JSON object as described in the protocol reference."
)
UNKNOWN_TYPE: Final = ErrorKind(
    "unknown-type",
    "The frame type is unknown to this server",
    "Use a frame type of switchboard.v1, or upgrade the pool.",
)
HELLO_FIRST: Final = ErrorKind(
    "hello-first",
    "The first frame must be `hello` or `resume`",
    "Send `hello` or `resume` as the first frame on each socket.",
)
ALREADY_WELCOME: Final = ErrorKind(
    "already-welcome", "This socket already has a session", "Open another socket for another session."
)
STALE_INTENT: Final = ErrorKind(
    "stale-intent",
    "The server knows a newer intent of this session",
    "Increase `revision` with each change before sending it.",
)
NOT_IN_MATCH: Final = ErrorKind(
    "not-in-match", "This session is not in that match", "Use the match of the newest `match-found`."
)
WRONG_SENDER: Final = ErrorKind(
    "wrong-sender",
    "The sender is not this socket's instance",
    "Send the `instance` from this socket's `hello` or `resume`.",
)
PEER_UNREACHABLE: Final = ErrorKind(
    "peer-unreachable", "The peer is unreachable", "Keep the frame and send it again later.", retryable=True
)
STORE_UNAVAILABLE: Final = ErrorKind(
    "store-unavailable",
    "The pool's store does not answer",
    "Try again later; calls in progress continue.",
    retryable=True,
)
SESSION_UNKNOWN: Final = ErrorKind(
    "session-unknown", "The session token is invalid or expired", "Start a new session with `hello`."
)
POOL_BUSY: Final = ErrorKind(
    "pool-busy", "This pod is at capacity", "Connect again after the back-off.", retryable=True
)
AUTH_REQUIRED: Final = ErrorKind(
    "auth-required", "This pool requires authentication", "Send a JWT in `auth` of `hello` and `resume`."
)
AUTH_INVALID: Final = ErrorKind(
    "auth-invalid", "The JWT is not valid for this pool", "Get a JWT from an issuer that the pool trusts."
)
AUTH_EXPIRED: Final = ErrorKind(
    "auth-expired", "The JWT has expired", "Get a fresh JWT and connect again with it.", retryable=True
)
AUTH_UNAVAILABLE: Final = ErrorKind(
    "auth-unavailable",
    "The key that signed the JWT is not available",
    "Connect again after the back-off.",
    retryable=True,
)
RATE_LIMITED: Final = ErrorKind(
    "rate-limited",
    "The client exceeds the pool's rate limit for these frames",
    "Send the frame again after a pause.",
    retryable=True,
)
RETRY: Final = ErrorKind(
    "retry",
    "This pod is draining and accepts no new sessions",
    "Reconnect immediately; this does not count as a retry.",
    retryable=True,
)
BLOCKED: Final = ErrorKind(
    "blocked",
    "This client is blocked from the pool",
    "Contact the operator of the service; do not reconnect automatically.",
)
ORIGIN_REFUSED: Final = ErrorKind(
    "origin-refused",
    "The page's origin is not allowed to use the pool",
    "Add the origin to spec.allowedOrigins of the pool.",
)

CATALOGUE: Final = (
    BAD_FRAME,
    UNKNOWN_TYPE,
    HELLO_FIRST,
    ALREADY_WELCOME,
    STALE_INTENT,
    NOT_IN_MATCH,
    WRONG_SENDER,
    PEER_UNREACHABLE,
    STORE_UNAVAILABLE,
    SESSION_UNKNOWN,
    POOL_BUSY,
    AUTH_REQUIRED,
    AUTH_INVALID,
    AUTH_EXPIRED,
    AUTH_UNAVAILABLE,
    RATE_LIMITED,
    RETRY,
    BLOCKED,
    ORIGIN_REFUSED,
)


Reaction: TypeAlias = Literal["stop", "reconnect", "fresh-jwt", "back-off"]
"""What a client does after a close code: stop; reconnect at once, which is not a failed attempt; reconnect with a fresh
JWT; or reconnect after its back-off."""

CLOSE_RANGES: Final[Mapping[range, Reaction]] = {
    range(1009, 1010): "stop",
    range(4400, 4420): "stop",
    range(4420, 4440): "reconnect",
    range(4440, 4460): "fresh-jwt",
    range(4460, 4480): "back-off",
}
"""The reaction to each range of close codes, which also holds for codes that a client does not know. To all other
codes, and to a lost socket, it is `back-off`."""


def reaction(code: int | None) -> Reaction:
    """Return what a client does after a close code; None stands for a lost socket."""
    return next((meaning for codes, meaning in CLOSE_RANGES.items() if code in codes), "back-off")


@dataclass(frozen=True)
class CloseCode:
    """A code with which the server closes a socket (RFC 6455 section 7.4; 4000 to 4999 are for private use)."""

    code: int
    reason: str

    @property
    def reaction(self) -> Reaction:
        """What a client does after this code."""
        return reaction(self.code)


GOING_AWAY: Final = CloseCode(1001, "going-away")
PROTOCOL_ERROR: Final = CloseCode(1002, "protocol-error")
"""The received bytes are not valid WebSocket frames (RFC 6455), for example because a proxy has corrupted them."""
NOT_TEXT: Final = CloseCode(1007, "not-utf8")
"""The reason in the client's close frame is not UTF-8."""
TOO_BIG: Final = CloseCode(1009, "too-big")
INTERNAL: Final = CloseCode(1011, "internal")
CLOSE_BAD_FRAME: Final = CloseCode(4400, "bad-frame")
CLOSE_AUTH_REQUIRED: Final = CloseCode(4401, "auth-required")
CLOSE_AUTH_INVALID: Final = CloseCode(4402, "auth-invalid")
CLOSE_ORIGIN_REFUSED: Final = CloseCode(4403, "origin-refused")
CLOSE_BLOCKED: Final = CloseCode(4404, "blocked")
CLOSE_DISCONNECTED: Final = CloseCode(4405, "disconnected")
CLOSE_REPLACED: Final = CloseCode(4406, "replaced")
CLOSE_RETRY: Final = CloseCode(4420, "retry")
CLOSE_AUTH_EXPIRED: Final = CloseCode(4440, "auth-expired")
CLOSE_POOL_BUSY: Final = CloseCode(4460, "pool-busy")
CLOSE_AUTH_UNAVAILABLE: Final = CloseCode(4461, "auth-unavailable")
CLOSE_NO_HELLO: Final = CloseCode(4462, "hello-first")
CLOSE_SILENT: Final = CloseCode(4463, "silent")
CLOSE_TOO_SLOW: Final = CloseCode(4464, "too-slow")
CLOSE_SESSION_UNKNOWN: Final = CloseCode(4465, "session-unknown")

CLOSE_CODES: Final = (
    GOING_AWAY,
    PROTOCOL_ERROR,
    NOT_TEXT,
    TOO_BIG,
    INTERNAL,
    CLOSE_BAD_FRAME,
    CLOSE_AUTH_REQUIRED,
    CLOSE_AUTH_INVALID,
    CLOSE_ORIGIN_REFUSED,
    CLOSE_BLOCKED,
    CLOSE_DISCONNECTED,
    CLOSE_REPLACED,
    CLOSE_RETRY,
    CLOSE_AUTH_EXPIRED,
    CLOSE_POOL_BUSY,
    CLOSE_AUTH_UNAVAILABLE,
    CLOSE_NO_HELLO,
    CLOSE_SILENT,
    CLOSE_TOO_SLOW,
    CLOSE_SESSION_UNKNOWN,
)
