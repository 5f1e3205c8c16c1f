"""The public keys of a JWT issuer, from its JWKS URL (RFC 7517); the previous keys stay valid while it is down."""

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
"""Accepted algorithms; never HMAC, so that no public key is used as its secret (RFC 8725 section 3.1)."""
REFRESH_SECONDS: Final = 300.0
"""Interval between fetches. A key that the issuer removes is refused after this time."""
RETRY_SECONDS: Final = 10.0
"""Interval between attempts while the fetch fails, and minimum interval between two fetches for unknown key ids, so
that forged key ids do not flood the issuer."""
FETCH_SECONDS: Final = 5.0
MAX_BYTES: Final = 256 * 1024
NO_KEYS: Final = (ValueError, TypeError, AttributeError, RecursionError, PyJWTError, UnsupportedAlgorithm)
"""Exceptions for a document without usable keys."""


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
        """Refresh the keys until cancelled."""
        while True:
            await self._refresh()
            await asyncio.sleep(REFRESH_SECONDS if self._answered else RETRY_SECONDS)

    async def keys(self, kid: str | None) -> Sequence[PyJWK]:
        """Return the keys that may have signed a JWT with this key id; without an id, the issuer's only key.

        Raises ProtocolError: `auth-invalid` if the issuer has no such key, `auth-unavailable` if the fetch failed.
        """
        came_at = time.monotonic()
        if not (found := self._named(kid)):
            await self._refresh()
            found = self._named(kid)
        if found:
            return found
        if self._answered and self._asked_at >= came_at:
            raise errors.AUTH_INVALID.because("the issuer has no key with the id in its header")
        raise errors.ProtocolError(errors.AUTH_UNAVAILABLE)

    def _named(self, kid: str | None) -> list[PyJWK]:
        if kid is None:
            return self._keys if len(self._keys) == 1 else []
        return [key for key in self._keys if key.key_id == kid]

    async def _refresh(self) -> None:
        """Fetch the keys, unless they were just fetched; concurrent callers share one fetch."""
        if self._renewal is None:
            if time.monotonic() - self._asked_at < RETRY_SECONDS:
                return
            self._asked_at = time.monotonic()
            self._renewal = asyncio.create_task(self._renew())
        # A client that disconnects must not cancel the fetch.
        await asyncio.shield(self._renewal)

    async def _renew(self) -> None:
        self._answered = False
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                self._keys = _usable(await self._fetch(self._url))
        except (aiohttp.ClientError, OSError, *NO_KEYS) as error:
            log.warning("jwks_fetch_failed", effect="keeping the previous keys", url=self._url, error=error)
        else:
            self._answered = True
        finally:
            self._renewal = None


def _usable(document: bytes) -> list[PyJWK]:
    """Return the signature keys of a JWKS; raises one of NO_KEYS if there is none."""
    keys = [
        key
        for key in PyJWKSet.from_json(document.decode()).keys
        if key.algorithm_name in ALGORITHMS and key.public_key_use in (None, "sig")
    ]
    if not keys:
        raise ValueError(f"the document has no key for {', '.join(ALGORITHMS)}")
    return keys


async def _fetch(url: str) -> bytes:
    """Return a document of at most MAX_BYTES; raises aiohttp.ClientError, OSError or ValueError."""
    async with aiohttp.ClientSession() as http, http.get(url, allow_redirects=False) as response:
        if response.status != 200:
            raise ValueError(f"the response has status {response.status}")
        document = b""
        async for part in response.content.iter_any():
            document += part
            if len(document) > MAX_BYTES:
                raise ValueError(f"the document is longer than {MAX_BYTES} bytes")
        return document
