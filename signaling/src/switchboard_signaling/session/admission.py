"""Admission of a socket's client: what its first frame and its JWTs prove, and until when."""

from math import inf
from typing import Final, TypeAlias

from msgspec import Struct

from switchboard_signaling.session.host import Host
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.errors import CloseCode, ProtocolError
from switchboard_signaling.wire.messages import Hello, Resume
from switchboard_signaling.wire.tokens import SessionClaims

EXPIRING_SECONDS: Final = 60.0
"""Time before the JWT's expiry at which the client is asked for a fresh one."""
ASK_AGAIN_SECONDS: Final = 10.0
"""Interval at which it is asked: an application may have sent a JWT from its cache."""

Greeting: TypeAlias = Hello | Resume
_NOBODY: Final = SessionClaims("", "")
_CLOSES: Final = {
    errors.AUTH_REQUIRED.code: errors.CLOSE_AUTH_REQUIRED,
    errors.AUTH_INVALID.code: errors.CLOSE_AUTH_INVALID,
    errors.AUTH_EXPIRED.code: errors.CLOSE_AUTH_EXPIRED,
    errors.AUTH_UNAVAILABLE.code: errors.CLOSE_AUTH_UNAVAILABLE,
}


class VerifiedJwt(Struct, frozen=True):
    """Subject and expiry of a verified JWT: `exp` in seconds since the epoch, `seconds` until then."""

    sub: str
    exp: int
    seconds: float


class ForgedError(ProtocolError):
    """The JWT is forged: its signature is not by the key that it names."""


# Verdicts


class Unverified(Struct, frozen=True):
    """Undecided until this JWT is verified."""

    token: str


class Admitted(Struct, frozen=True):
    """The client may use this session."""

    claims: SessionClaims


class Renewed(Struct, frozen=True):
    """The client may stay until its fresh JWT expires; `token` is its new session token."""

    token: str


class Expiring(Struct, frozen=True):
    """The client's JWT expires in `ttl_ms`: ask for a fresh one."""

    ttl_ms: int


class Refused(Struct, frozen=True):
    """The client's credentials are rejected; without `close` it keeps its session until its older JWT expires.

    `forged`: the session token is forged.
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
        """The client's session and subject; the session id is empty until the client is admitted."""

    def greeted(self, frame: Greeting) -> AdmissionVerdict | None:
        """Take the first frame: admit the client, reject it, or have its JWT verified."""
        if not self._host.auth_required:
            return self._enter(frame, None)
        if frame.auth is None:
            return _refused(ProtocolError(errors.AUTH_REQUIRED))
        self._greeting = frame
        return self.renew(frame.auth)

    def renew(self, token: str) -> Unverified | None:
        """Have a JWT verified, unless a verification is in progress."""
        if self._verifying or not self._host.auth_required:
            return None
        self._verifying = True
        return Unverified(token)

    def verified(self, found: VerifiedJwt | ProtocolError, now: float) -> Admitted | Renewed | Refused:
        """Take the result of the verification; an admitted client whose JWT is rejected keeps its older one."""
        self._verifying = False
        greeting, self._greeting = self._greeting, None
        if isinstance(found, VerifiedJwt) and greeting is None and found.sub != self.claims.sub:
            found = errors.AUTH_INVALID.because("its subject is not the session's")
        if isinstance(found, ProtocolError):
            return _refused(found) if greeting else Refused(found, close=None)
        self._until, self._asked = now + found.seconds, -inf
        if greeting:
            return self._enter(greeting, found)
        self.claims = SessionClaims(self.claims.session_id, found.sub, found.exp)
        return Renewed(self.token())  # the older session token expires with the older JWT

    def token(self) -> str:
        """Return the session token of an admitted client."""
        return self._host.keyring.sign(self.claims)

    def due(self, now: float) -> Expiring | Refused | None:
        """Return what is due about the JWT's expiry, or None."""
        if self._until is None or now < self._until - EXPIRING_SECONDS:
            return None
        if now >= self._until:
            return _refused(ProtocolError(errors.AUTH_EXPIRED))
        if now - self._asked < ASK_AGAIN_SECONDS:
            return None
        self._asked = now
        return Expiring(int((self._until - now) * 1000))

    def _enter(self, frame: Greeting, jwt: VerifiedJwt | None) -> Admitted | Refused:
        """Admit the client to a new session, or to the one of its token if the JWT has the same subject."""
        sub, exp = (jwt.sub, jwt.exp) if jwt else (None, None)
        if isinstance(frame, Hello):
            session_id = self._host.new_id()
            return self._admitted(SessionClaims(session_id, sub or session_id, exp))
        known = self._host.keyring.verify(frame.token, SessionClaims)
        if known and sub in (None, known.sub):
            return self._admitted(SessionClaims(known.session_id, known.sub, exp))
        forged = self._host.keyring.forged(frame.token)
        return Refused(ProtocolError(errors.SESSION_UNKNOWN), errors.CLOSE_SESSION_UNKNOWN, forged)

    def _admitted(self, claims: SessionClaims) -> Admitted:
        self.claims = claims
        return Admitted(claims)


def _refused(error: ProtocolError) -> Refused:
    return Refused(error, _CLOSES[error.kind.code])
