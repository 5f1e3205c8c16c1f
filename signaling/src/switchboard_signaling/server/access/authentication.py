"""Whose a JWT is (RFC 7519, with the advice of RFC 8725): signature, algorithm, expiry, issuer, audience, subject."""

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
"""By how much the issuer's clock and ours may differ."""
MAX_SUBJECT: Final = 255
"""Bytes of a subject (OpenID Connect Core section 2): it goes into tokens and the store."""


class KeySource(Protocol):
    """Where the keys come from."""

    algorithms: tuple[str, ...]

    async def run(self) -> None:
        """Keep the keys fresh, until cancelled."""

    async def keys(self, kid: str | None) -> Sequence[jwt.PyJWK | bytes]:
        """Return the keys that a JWT with this key id may be signed with; raises ProtocolError if there is none."""


class SecretSource:
    """Secrets that the pool shares with the issuer; all of them are tried, as few issuers name theirs."""

    algorithms: tuple[str, ...] = ("HS256",)

    def __init__(self, secrets: SharedSecrets) -> None:
        self._secrets = secrets

    async def run(self) -> None:
        """Wait: the secrets are looked at when they are used."""
        await asyncio.Event().wait()

    async def keys(self, kid: str | None) -> Sequence[bytes]:
        """Return all secrets."""
        return self._secrets.keys()


class Verifier:
    """Tells whose a JWT is, by the keys of a source."""

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
        """Return whose the JWT is; raises ProtocolError, ForgedError if its signature is made up."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            for key in await self._source.keys(kid):
                try:
                    return _identity(jwt.decode(token, key, **self._expected))
                except jwt.InvalidSignatureError:
                    continue  # of another one of the keys, perhaps
        except jwt.ExpiredSignatureError:
            raise errors.ProtocolError(errors.AUTH_EXPIRED) from None
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise errors.AUTH_INVALID.because(str(error)) from None
        raise ForgedError(errors.AUTH_INVALID, "its signature is not the issuer's")


def make_verifier(settings: ServerSettings) -> Verifier:
    """Return what the settings ask for; raises KeysError for secrets that cannot be used."""
    folder = settings.auth_secret_dir
    source: KeySource = SecretSource(SharedSecrets(folder)) if folder else Jwks(settings.auth_jwks_url or "")
    return Verifier(source, settings.auth_issuer, settings.auth_audience)


def _identity(claims: dict[str, Any]) -> VerifiedJwt:
    sub = claims["sub"]
    if not sub or not sub.isprintable() or len(sub.encode()) > MAX_SUBJECT:
        raise jwt.InvalidTokenError(f"its subject must be printable, and 1 to {MAX_SUBJECT} bytes long")
    exp = min(int(claims["exp"]) + LEEWAY_SECONDS, 2**53 - 1)
    return VerifiedJwt(sub, exp, exp - time.time())
