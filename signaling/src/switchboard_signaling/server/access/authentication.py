"""Verification of JWTs (RFC 7519, RFC 8725): signature, algorithm, expiry, issuer, audience and subject."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

import jwt

from switchboard_signaling.server.access.jwks import Jwks
from switchboard_signaling.server.access.keys import SharedSecrets
from switchboard_signaling.session.admission import ForgedError, VerifiedJwt
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import errors

LEEWAY_SECONDS: Final = 10
"""Tolerated difference between the issuer's clock and ours."""
MAX_SUBJECT: Final = 255
"""Maximum bytes of a subject (OpenID Connect Core section 2), which is part of tokens and of the store's keys."""


class KeySource(Protocol):
    """A source of keys."""

    algorithms: tuple[str, ...]

    async def run(self) -> None:
        """Keep the keys fresh, until cancelled."""

    async def keys(self, kid: str | None) -> Sequence[jwt.PyJWK | bytes]:
        """Return the keys that may have signed a JWT with this key id; raises ProtocolError if there is none."""


class SecretSource:
    """Secrets shared with the issuer. All are tried, because few issuers set a key id for them."""

    algorithms: tuple[str, ...] = ("HS256",)

    def __init__(self, secrets: SharedSecrets) -> None:
        self._secrets = secrets

    async def run(self) -> None:
        """Do nothing until cancelled: the secrets are read when they are used."""
        await asyncio.Event().wait()

    async def keys(self, kid: str | None) -> Sequence[bytes]:
        """Return all secrets."""
        return self._secrets.keys()


class Verifier:
    """Verifies JWTs with the keys of a source."""

    def __init__(self, source: KeySource, issuer: str | None, audience: str | None) -> None:
        self.run = source.run
        self._source = source
        self._expected: dict[str, Any] = {
            "algorithms": source.algorithms,
            "issuer": issuer,
            "audience": audience,
            "leeway": LEEWAY_SECONDS,
            "options": {
                "require": ["exp", "sub"],
                "verify_aud": audience is not None,
                "enforce_minimum_key_length": True,
            },
        }

    async def verify(self, token: str) -> VerifiedJwt:
        """Return subject and expiry of a valid JWT; raises ProtocolError, ForgedError for an invalid signature."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            for key in await self._source.keys(kid):
                try:
                    return _identity(jwt.decode(token, key, **self._expected))
                except jwt.InvalidSignatureError:
                    continue  # it may be signed with another key
        except jwt.ExpiredSignatureError:
            raise errors.ProtocolError(errors.AUTH_EXPIRED) from None
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise errors.AUTH_INVALID.because(str(error)) from None
        raise ForgedError(errors.AUTH_INVALID, "its signature is invalid")


def make_verifier(settings: ServerSettings) -> Verifier:
    """Return the verifier for the settings; raises KeysError for unusable secrets."""
    folder = settings.auth_secret_dir
    source: KeySource = SecretSource(SharedSecrets(folder)) if folder else Jwks(settings.auth_jwks_url or "")
    return Verifier(source, settings.auth_issuer, settings.auth_audience)


def _identity(claims: dict[str, Any]) -> VerifiedJwt:
    sub = claims["sub"]
    if not sub or not sub.isprintable() or len(sub.encode()) > MAX_SUBJECT:
        raise jwt.InvalidTokenError(f"its subject must be printable, and 1 to {MAX_SUBJECT} bytes long")
    exp = min(int(claims["exp"]) + LEEWAY_SECONDS, 2**53 - 1)
    return VerifiedJwt(sub, exp, exp - time.time())
