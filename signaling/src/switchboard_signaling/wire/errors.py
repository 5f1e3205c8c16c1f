"""What can go wrong between a client and the server: codes with their remedies, and the close codes of the socket."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class ErrorKind:
    """An entry of the catalogue.

    `code` is stable and for programs, `message` and `remedy` are for people, `retryable` says whether the same
    frame may succeed later.
    """

    code: str
    message: str
    remedy: str
    retryable: bool = False

    def because(self, detail: str) -> "ProtocolError":
        """Return this kind of error as an exception, with what was wrong with one frame; never quotes a secret."""
        return ProtocolError(self, detail)


class ProtocolError(Exception):
    """A frame that cannot be obeyed; becomes an `error` frame."""

    def __init__(self, kind: ErrorKind, detail: str = "") -> None:
        super().__init__(f"{kind.message}: {detail}" if detail else kind.message)
        self.kind = kind
        self.detail = detail


BAD_FRAME: Final = ErrorKind(
    "bad-frame", "The frame is not a valid message", "Send a JSON object as the protocol reference describes it."
)
UNKNOWN_TYPE: Final = ErrorKind(
    "unknown-type", "The frame's type is unknown to this server", "Use a type of switchboard.v1, or upgrade the pool."
)
HELLO_FIRST: Final = ErrorKind(
    "hello-first", "The first frame must be `hello` or `resume`", "Send `hello` as the first frame on a socket."
)
ALREADY_WELCOME: Final = ErrorKind(
    "already-welcome", "This socket has its session already", "Open another socket for another session."
)
STALE_INTENT: Final = ErrorKind(
    "stale-intent", "A newer intent of this session is known", "Raise c with each act of the user before sending it."
)
NOT_IN_MATCH: Final = ErrorKind(
    "not-in-match", "This session is not in that match", "Send only for the match of the newest `match-found`."
)
WRONG_SENDER: Final = ErrorKind(
    "wrong-sender", "`from` is not this page's inst", "Send the inst that this socket said in `hello` or `resume`."
)
PEER_UNREACHABLE: Final = ErrorKind(
    "peer-unreachable", "The partner cannot be reached just now", "Keep the frame and repeat it.", retryable=True
)
STORE_UNAVAILABLE: Final = ErrorKind(
    "store-unavailable", "The pool's store does not answer", "Try again; a call in progress goes on.", retryable=True
)
SESSION_UNKNOWN: Final = ErrorKind(
    "session-unknown", "The session token is not valid here, or no more", "Start a new session with `hello`."
)
POOL_BUSY: Final = ErrorKind(
    "pool-busy", "This pod carries as many sessions as it may", "Connect again after a pause.", retryable=True
)
AUTH_REQUIRED: Final = ErrorKind(
    "auth-required", "This pool is for authenticated clients only", "Send a JWT in `auth` of `hello` and `resume`."
)
AUTH_INVALID: Final = ErrorKind(
    "auth-invalid", "The JWT is not valid for this pool", "Get a JWT from the issuer that the pool trusts."
)
AUTH_EXPIRED: Final = ErrorKind(
    "auth-expired", "The JWT has expired", "Get a fresh JWT, then connect again with it.", retryable=True
)
AUTH_UNAVAILABLE: Final = ErrorKind(
    "auth-unavailable",
    "The key that signed the JWT cannot be had just now",
    "Connect again after a pause.",
    retryable=True,
)
RATE_LIMITED: Final = ErrorKind(
    "rate-limited",
    "This client sends more of these frames than the pool takes",
    "Send the frame again after a pause.",
    retryable=True,
)
RETRY: Final = ErrorKind(
    "retry",
    "This pod is on its way out and takes no sessions",
    "Connect again at once: another pod takes you. It counts as no attempt.",
    retryable=True,
)
BLOCKED: Final = ErrorKind(
    "blocked",
    "This client is kept out of the pool for now",
    "Ask whoever runs the service; do not try again by itself.",
)
ORIGIN_REFUSED: Final = ErrorKind(
    "origin-refused",
    "Pages of this origin may not use the pool",
    "Add the page's origin to spec.allowedOrigins of the pool.",
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


@dataclass(frozen=True)
class CloseCode:
    """Why the server closes a socket (RFC 6455 section 7.4; 4000 to 4999 are for private use).

    `reconnect` tells the client whether to open another socket by itself, `fresh_token` that it needs a fresh JWT
    for that.
    """

    code: int
    reason: str
    reconnect: bool
    fresh_token: bool = False


GOING_AWAY: Final = CloseCode(1001, "going-away", reconnect=True)
PROTOCOL_ERROR: Final = CloseCode(1002, "protocol-error", reconnect=True)
"""The bytes are not WebSocket frames as RFC 6455 has them: something on the way has spoilt them."""
NOT_TEXT: Final = CloseCode(1007, "not-utf8", reconnect=True)
"""The reason that the client itself closed with is not UTF-8."""
TOO_BIG: Final = CloseCode(1009, "too-big", reconnect=False)
INTERNAL: Final = CloseCode(1011, "internal", reconnect=True)
CLOSE_BAD_FRAME: Final = CloseCode(4400, "bad-frame", reconnect=False)
CLOSE_NO_HELLO: Final = CloseCode(4401, "hello-first", reconnect=True)
CLOSE_SESSION_UNKNOWN: Final = CloseCode(4404, "session-unknown", reconnect=True)
CLOSE_AUTH_REQUIRED: Final = CloseCode(4402, "auth-required", reconnect=False)
CLOSE_AUTH_INVALID: Final = CloseCode(4403, "auth-invalid", reconnect=False)
CLOSE_ORIGIN_REFUSED: Final = CloseCode(4406, "origin-refused", reconnect=False)
CLOSE_SILENT: Final = CloseCode(4408, "silent", reconnect=True)
CLOSE_REPLACED: Final = CloseCode(4409, "replaced", reconnect=False)
CLOSE_DISCONNECTED: Final = CloseCode(4410, "disconnected", reconnect=False)
CLOSE_TOO_SLOW: Final = CloseCode(4413, "too-slow", reconnect=True)
CLOSE_AUTH_EXPIRED: Final = CloseCode(4419, "auth-expired", reconnect=True, fresh_token=True)
CLOSE_RETRY: Final = CloseCode(4421, "retry", reconnect=True)
CLOSE_BLOCKED: Final = CloseCode(4423, "blocked", reconnect=False)
CLOSE_POOL_BUSY: Final = CloseCode(4429, "pool-busy", reconnect=True)
CLOSE_AUTH_UNAVAILABLE: Final = CloseCode(4503, "auth-unavailable", reconnect=True)

CLOSE_CODES: Final = (
    GOING_AWAY,
    PROTOCOL_ERROR,
    NOT_TEXT,
    TOO_BIG,
    INTERNAL,
    CLOSE_BAD_FRAME,
    CLOSE_NO_HELLO,
    CLOSE_AUTH_REQUIRED,
    CLOSE_AUTH_INVALID,
    CLOSE_SESSION_UNKNOWN,
    CLOSE_ORIGIN_REFUSED,
    CLOSE_SILENT,
    CLOSE_REPLACED,
    CLOSE_DISCONNECTED,
    CLOSE_TOO_SLOW,
    CLOSE_AUTH_EXPIRED,
    CLOSE_RETRY,
    CLOSE_BLOCKED,
    CLOSE_POOL_BUSY,
    CLOSE_AUTH_UNAVAILABLE,
)
