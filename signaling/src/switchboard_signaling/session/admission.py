"""Who a socket's client is: what its first frame and its JWTs prove, and until when."""

from typing import Final, TypeAlias

from msgspec import Struct

from switchboard_signaling.session.effects import Close, Effect, Send, Suspect, Verify
from switchboard_signaling.session.host import Host
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.errors import ProtocolError
from switchboard_signaling.wire.messages import Hello, Resume
from switchboard_signaling.wire.tokens import SessionClaims

EXPIRING_SECONDS: Final = 60.0
"""How long before the JWT expires the client is asked for a fresh one."""
ASK_AGAIN_SECONDS: Final = 10.0
"""How often it is asked: an application may have given the JWT that it had in its cache."""

Greeting: TypeAlias = Hello | Resume
_NOBODY: Final = SessionClaims("", "")
_NEVER: Final = float("-inf")
_CLOSES: Final = {
    errors.AUTH_REQUIRED.code: errors.CLOSE_AUTH_REQUIRED,
    errors.AUTH_INVALID.code: errors.CLOSE_AUTH_INVALID,
    errors.AUTH_EXPIRED.code: errors.CLOSE_AUTH_EXPIRED,
    errors.AUTH_UNAVAILABLE.code: errors.CLOSE_AUTH_UNAVAILABLE,
}


class Identity(Struct, frozen=True):
    """Whose a valid JWT is: `exp` in seconds since the epoch, `seconds` what is left until then."""

    sub: str
    exp: int
    seconds: float


class ForgedError(ProtocolError):
    """The signature is not by the key that a JWT claims: somebody made it up."""


class Admission:
    """The admission of one socket; times in monotonic seconds. A refusal's effects end with a Close."""

    __slots__ = ("_asked", "_greeting", "_host", "_until", "_verifying", "claims")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._greeting: Greeting | None = None
        self._verifying = False
        self._until: float | None = None
        self._asked = _NEVER
        self.claims = _NOBODY
        """The session that the client may have, and who it is; without a sid until it is admitted."""

    @property
    def admitted(self) -> bool:
        """Whether it is known which session the client may have."""
        return self.claims is not _NOBODY

    def greeted(self, frame: Greeting) -> list[Effect]:
        """Take the first frame: admit, refuse, or have its JWT verified."""
        if not self._host.auth_required:
            return self._enter(frame, None)
        if frame.auth is None:
            return _refusal(ProtocolError(errors.AUTH_REQUIRED))
        self._greeting = frame
        return self.renew(frame.auth)

    def renew(self, token: str) -> list[Effect]:
        """Have a JWT verified, unless one is under way."""
        if self._verifying or not self._host.auth_required:
            return []
        self._verifying = True
        return [Verify(token)]

    def verified(self, found: Identity | ProtocolError, now: float) -> list[Effect]:
        """Take up whose the JWT is, or why it is not accepted: an admitted client then keeps its older one."""
        self._verifying = False
        greeting, self._greeting = self._greeting, None
        if isinstance(found, Identity) and self.admitted and found.sub != self.claims.sub:
            found = errors.AUTH_INVALID.because("it is of another subject than the session")
        if isinstance(found, ProtocolError):
            return _refusal(found)[: 2 if greeting else 1]
        self._until, self._asked = now + found.seconds, _NEVER
        if greeting:
            return self._enter(greeting, found)
        self.claims = SessionClaims(self.claims.sid, found.sub, found.exp)
        return [Send(messages.Ping(token=self.token()))]  # the older session token ends with the older JWT

    def token(self) -> str:
        """Return the session token of an admitted client."""
        return self._host.keyring.sign(self.claims)

    def due(self, now: float) -> list[Effect]:
        """Return what is to be said of the JWT's end."""
        if self._until is None or now < self._until - EXPIRING_SECONDS:
            return []
        if now >= self._until:
            return _refusal(ProtocolError(errors.AUTH_EXPIRED))
        if now - self._asked < ASK_AGAIN_SECONDS:
            return []
        self._asked = now
        return [Send(messages.AuthExpiring(ttl_ms=int((self._until - now) * 1000)))]

    def _enter(self, frame: Greeting, identity: Identity | None) -> list[Effect]:
        """Admit to a new session, or to the one whose token the client has, if it is of the JWT's subject."""
        sub, exp = (identity.sub, identity.exp) if identity else (None, None)
        if isinstance(frame, Hello):
            sid = self._host.new_id()
            self.claims = SessionClaims(sid, sub or sid, exp)
            return []
        known = self._host.keyring.verify(frame.token, SessionClaims)
        if known and sub in (None, known.sub):
            self.claims = SessionClaims(known.sid, known.sub, exp)
            return []
        suspect: list[Effect] = [Suspect()] if self._host.keyring.forged(frame.token) else []
        unknown = Send(messages.error_frame(errors.SESSION_UNKNOWN))
        return [*suspect, unknown, Close(errors.CLOSE_SESSION_UNKNOWN)]


def _refusal(error: ProtocolError) -> list[Effect]:
    return [Send(messages.error_frame(error.kind, error.detail)), Close(_CLOSES[error.kind.code])]
