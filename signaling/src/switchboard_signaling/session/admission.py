"""Who a socket's client is: what its first frame and its JWTs prove, and until when."""

from math import inf
from typing import Final, TypeAlias

from msgspec import Struct

from switchboard_signaling.session.host import Host
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.errors import CloseCode, ProtocolError
from switchboard_signaling.wire.messages import Hello, Resume
from switchboard_signaling.wire.tokens import SessionClaims

EXPIRING_SECONDS: Final = 60.0
"""How long before the JWT expires the client is asked for a fresh one."""
ASK_AGAIN_SECONDS: Final = 10.0
"""How often it is asked: an application may have given the JWT that it had in its cache."""

Greeting: TypeAlias = Hello | Resume
_NOBODY: Final = SessionClaims("", "")
_CLOSES: Final = {
    errors.AUTH_REQUIRED.code: errors.CLOSE_AUTH_REQUIRED,
    errors.AUTH_INVALID.code: errors.CLOSE_AUTH_INVALID,
    errors.AUTH_EXPIRED.code: errors.CLOSE_AUTH_EXPIRED,
    errors.AUTH_UNAVAILABLE.code: errors.CLOSE_AUTH_UNAVAILABLE,
}


class VerifiedJwt(Struct, frozen=True):
    """Subject and expiry of a verified JWT: `exp` in seconds since the epoch, `seconds` what is left until then."""

    sub: str
    exp: int
    seconds: float


class ForgedError(ProtocolError):
    """The signature is not by the key that a JWT claims: somebody made it up."""


# What an admission decides


class Unverified(Struct, frozen=True):
    """It depends on this JWT, which is to be verified."""

    token: str


class Admitted(Struct, frozen=True):
    """The client may have this session."""

    claims: SessionClaims


class Renewed(Struct, frozen=True):
    """The client stays for as long as its fresh JWT is valid; `token` is its new session token."""

    token: str


class Expiring(Struct, frozen=True):
    """The client's JWT expires in `ttl_ms`: it is to be asked for a fresh one."""

    ttl_ms: int


class Refused(Struct, frozen=True):
    """What the client showed is not accepted; without `close` it keeps its session, until its older JWT expires.

    `forged`: somebody made the session token up.
    """

    error: ProtocolError
    close: CloseCode | None
    forged: bool = False


AdmissionVerdict: TypeAlias = Unverified | Admitted | Renewed | Expiring | Refused


class Admission:
    """The admission of one socket; times in monotonic seconds."""

    __slots__ = ("_asked", "_greeting", "_host", "_until", "_verifying", "claims")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._greeting: Greeting | None = None
        self._verifying = False
        self._until: float | None = None
        self._asked = -inf
        self.claims = _NOBODY
        """The session that the client may have, and who it is; without a sid until it is admitted."""

    def greeted(self, frame: Greeting) -> AdmissionVerdict | None:
        """Take the first frame: admit, refuse, or have its JWT verified."""
        if not self._host.auth_required:
            return self._enter(frame, None)
        if frame.auth is None:
            return _refused(ProtocolError(errors.AUTH_REQUIRED))
        self._greeting = frame
        return self.renew(frame.auth)

    def renew(self, token: str) -> Unverified | None:
        """Have a JWT verified, unless one is under way."""
        if self._verifying or not self._host.auth_required:
            return None
        self._verifying = True
        return Unverified(token)

    def verified(self, found: VerifiedJwt | ProtocolError, now: float) -> Admitted | Renewed | Refused:
        """Take up whose the JWT is, or why it is not accepted: an admitted client then keeps its older one."""
        self._verifying = False
        greeting, self._greeting = self._greeting, None
        if isinstance(found, VerifiedJwt) and greeting is None and found.sub != self.claims.sub:
            found = errors.AUTH_INVALID.because("it is of another subject than the session")
        if isinstance(found, ProtocolError):
            return _refused(found) if greeting else Refused(found, close=None)
        self._until, self._asked = now + found.seconds, -inf
        if greeting:
            return self._enter(greeting, found)
        self.claims = SessionClaims(self.claims.sid, found.sub, found.exp)
        return Renewed(self.token())  # the older session token ends with the older JWT

    def token(self) -> str:
        """Return the session token of an admitted client."""
        return self._host.keyring.sign(self.claims)

    def due(self, now: float) -> Expiring | Refused | None:
        """Return what is to be done about the JWT's end; None if nothing is."""
        if self._until is None or now < self._until - EXPIRING_SECONDS:
            return None
        if now >= self._until:
            return _refused(ProtocolError(errors.AUTH_EXPIRED))
        if now - self._asked < ASK_AGAIN_SECONDS:
            return None
        self._asked = now
        return Expiring(int((self._until - now) * 1000))

    def _enter(self, frame: Greeting, jwt: VerifiedJwt | None) -> Admitted | Refused:
        """Admit to a new session, or to the one whose token the client has, if it is of the JWT's subject."""
        sub, exp = (jwt.sub, jwt.exp) if jwt else (None, None)
        if isinstance(frame, Hello):
            sid = self._host.new_id()
            return self._admitted(SessionClaims(sid, sub or sid, exp))
        known = self._host.keyring.verify(frame.token, SessionClaims)
        if known and sub in (None, known.sub):
            return self._admitted(SessionClaims(known.sid, known.sub, exp))
        forged = self._host.keyring.forged(frame.token)
        return Refused(ProtocolError(errors.SESSION_UNKNOWN), errors.CLOSE_SESSION_UNKNOWN, forged)

    def _admitted(self, claims: SessionClaims) -> Admitted:
        self.claims = claims
        return Admitted(claims)


def _refused(error: ProtocolError) -> Refused:
    return Refused(error, _CLOSES[error.kind.code])
