"""The public keys of an issuer of JWTs, by its JWKS URL (RFC 7517): kept, renewed, and good while it is silent."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp
import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from jwt import PyJWK, PyJWKSet, PyJWTError

from switchboard_signaling.wire import errors

log = structlog.get_logger(__name__)

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""All that a key of the URL may be for: never HMAC, whose key a public one must not become (RFC 8725 section 3.1)."""
REFRESH_SECONDS: Final = 300.0
"""How often the keys are fetched: a key that the issuer takes away is refused after this time."""
RETRY_SECONDS: Final = 10.0
"""Between attempts when the URL does not answer, and the least between two fetches for unknown keys: a client that
makes up key ids cannot have the issuer asked without end."""
FETCH_SECONDS: Final = 5.0
MAX_BYTES: Final = 256 * 1024
NO_KEYS: Final = (ValueError, TypeError, AttributeError, RecursionError, PyJWTError, UnsupportedAlgorithm)
"""What reading a document raises that is no JWKS."""


class Jwks:
    """The keys of one URL."""

    algorithms: tuple[str, ...] = ALGORITHMS

    def __init__(self, url: str, fetch: Callable[[str], Awaitable[bytes]] | None = None) -> None:
        self._url = url
        self._fetch = fetch or _fetch
        self._keys: list[PyJWK] = []
        self._asked_at = float("-inf")
        self._answered = False
        self._renewal: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep the keys fresh, until cancelled."""
        while True:
            await self._refresh()
            await asyncio.sleep(REFRESH_SECONDS if self._answered else RETRY_SECONDS)

    async def keys(self, kid: str | None) -> Sequence[PyJWK]:
        """Return the keys that a JWT with this key id may be signed with; without one, the only key there is.

        Raises ProtocolError: `auth-invalid` if the issuer has no such key, `auth-unavailable` if that cannot be found
        out now.
        """
        came_at = time.monotonic()
        if not (found := self._named(kid)):
            await self._refresh()
            found = self._named(kid)
        if found:
            return found
        if self._answered and self._asked_at >= came_at:
            raise errors.AUTH_INVALID.because("no key of the issuer has the id that its header names")
        raise errors.ProtocolError(errors.AUTH_UNAVAILABLE)

    def _named(self, kid: str | None) -> list[PyJWK]:
        if kid is None:
            return self._keys if len(self._keys) == 1 else []
        return [key for key in self._keys if key.key_id == kid]

    async def _refresh(self) -> None:
        """Fetch the keys unless that was just done; who comes meanwhile waits for the same fetch."""
        if self._renewal is None:
            if time.monotonic() - self._asked_at < RETRY_SECONDS:
                return
            self._asked_at = time.monotonic()
            self._renewal = asyncio.create_task(self._renew())
        # A client that goes away must not take the fetch with it.
        await asyncio.shield(self._renewal)

    async def _renew(self) -> None:
        self._answered = False
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = _usable(await self._fetch(self._url))
        except (aiohttp.ClientError, OSError, *NO_KEYS) as error:
            log.warning("JWKS cannot be had; the last keys stay", url=self._url, error=str(error) or repr(error))
        else:
            self._answered = True
        finally:
            self._renewal = None


def _usable(document: bytes) -> list[PyJWK]:
    """Return the keys of a JWKS that check signatures; raises one of NO_KEYS if there is none."""
    keys = [
        key
        for key in PyJWKSet.from_json(document.decode()).keys
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
    ]
    if not keys:
        raise ValueError(f"it has no key for {', '.join(ALGORITHMS)}")
    return keys


async def _fetch(url: str) -> bytes:
    """Return a document, of MAX_BYTES at most; raises aiohttp.ClientError, OSError or ValueError."""
    async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"the answer has status {response.status}")
        document = b""
        async for part in response.content.iter_any():
            document += part
            if len(document) > MAX_BYTES:
                raise ValueError(f"it is longer than {MAX_BYTES} bytes")
        return document
