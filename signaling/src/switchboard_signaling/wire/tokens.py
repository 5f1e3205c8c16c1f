"""Signed tokens that clients keep for the server, which verifies them without the store.

A token is `key id . payload . tag`. The payload is JSON with a type of its own, so a token of one kind is never valid
as another. The tag is HMAC-SHA256 (RFC 2104) over key id and payload. All keys of the ring verify and one signs, so
keys can be rotated without rejecting a valid token.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

Side: TypeAlias = Literal["a", "b"]

SESSION_SECONDS: Final = 600
QUEUE_SECONDS: Final = 3600
MATCH_SECONDS: Final = 24 * 3600
SIGNING_KEY: Final = "current"
"""Name of the signing key. If there is none of that name, the first key by name signs."""


class SessionClaims(Struct, tag="session", frozen=True):
    """The bearer is this session of subject `sub`, whose JWT expires at `auth_exp` (seconds since the epoch)."""

    session_id: str
    sub: str
    auth_exp: int | None = None


class QueueClaims(Struct, tag="queue", frozen=True):
    """The session's `ticket` is queued at `queue_order`."""

    session_id: str
    ticket: str
    queue_order: int


class MatchClaims(Struct, tag="match", frozen=True):
    """The session is one side of a match that both clients have entered."""

    match_id: str
    side: Side
    session_id: str


Claims: TypeAlias = SessionClaims | QueueClaims | MatchClaims
C = TypeVar("C", SessionClaims, QueueClaims, MatchClaims)

_SECONDS: Final[dict[type[Claims], int]] = {
    SessionClaims: SESSION_SECONDS,
    QueueClaims: QUEUE_SECONDS,
    MatchClaims: MATCH_SECONDS,
}


class _Payload(Struct):
    claims: Claims
    exp: int


class Keyring:
    """Sign and verify tokens with the pool's keys; `clock` returns wall time in seconds."""

    def __init__(self, keys: Mapping[str, bytes], clock: Callable[[], float]) -> None:
        """Take the keys by name, each of at least 16 bytes; raises ValueError if there is none or one is shorter."""
        if not keys or any(len(key) < 16 for key in keys.values()):
            raise ValueError("a keyring needs at least one key, each of 16 bytes or more")
        self._keys = {_key_id(key): key for key in keys.values()}
        self._signing = _key_id(keys.get(SIGNING_KEY) or keys[min(keys)])
        self._clock = clock

    def sign(self, claims: Claims) -> str:
        """Return a token for the claims; it expires with its kind's lifetime or with the JWT behind it."""
        exp = int(self._clock()) + _SECONDS[type(claims)]
        if isinstance(claims, SessionClaims) and claims.auth_exp is not None:
            exp = min(exp, claims.auth_exp)
        payload = _Payload(claims, exp)
        signed = f"{self._signing}.{_text(msgspec.json.encode(payload))}"
        return f"{signed}.{_text(self._tag(self._signing, signed))}"

    def verify(self, token: str | None, kind: type[C]) -> C | None:
        """Return the claims of a valid token of this kind; None if forged, expired, of another kind or absent."""
        key_id, body, tag = _split(token)
        if key_id not in self._keys or not self._signed(key_id, body, tag):
            return None
        payload = msgspec.json.decode(_bytes(body), type=_Payload)
        if payload.exp <= self._clock() or not isinstance(payload.claims, kind):
            return None
        return payload.claims

    def forged(self, token: str) -> bool:
        """Return whether the token names one of our keys but is not signed by it.

        A token of an unknown key does not count: it stems from before a rotation or a restart, and guessing it could
        never succeed.
        """
        key_id, body, tag = _split(token)
        return key_id in self._keys and not self._signed(key_id, body, tag)

    def _signed(self, key_id: str, body: str, tag: str) -> bool:
        return hmac.compare_digest(tag.encode(), _text(self._tag(key_id, f"{key_id}.{body}")).encode())

    def _tag(self, key_id: str, signed: str) -> bytes:
        return hmac.digest(self._keys[key_id], signed.encode(), "sha256")


def _key_id(key: bytes) -> str:
    """Return a key's id, derived from its content so that it survives a rename of its file."""
    return hashlib.sha256(b"switchboard key id" + key).hexdigest()[:8]


def _split(token: str | None) -> tuple[str, str, str]:
    key_id, _, rest = (token or "").partition(".")
    body, _, tag = rest.partition(".")
    return key_id, body, tag


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
