"""Limits per client address: the rate of connects, and forged tokens. It also verifies the clients' JWTs."""

import asyncio
import time
from typing import TYPE_CHECKING

from aiohttp import web

from switchboard_crds.signaling_pool import AuthType
from switchboard_signaling.server.access.addresses import client_key
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.admission import ForgedError, VerifiedJwt
from switchboard_signaling.session.limits import Connects, WrongTokens, rate
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.errors import ProtocolError

if TYPE_CHECKING:
    from switchboard_signaling.server.access.authentication import Verifier


class ConnectionLimiter:
    """Limits clients by their addresses."""

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        """Read the keys of JWTs; raises KeysError for unusable secrets."""
        self._proxies = settings.trusted_proxies
        self._connects = Connects(rate(settings.connects_per_second))
        self._wrong = WrongTokens(settings.wrong_tokens)
        self._metrics = metrics
        self._verifier: Verifier | None = None
        if settings.auth is not AuthType.ANONYMOUS:
            # Without the cryptography, a pod that needs no JWTs starts faster and is smaller.
            from switchboard_signaling.server.access.authentication import make_verifier

            self._verifier = make_verifier(settings)

    async def run(self) -> None:
        """Refresh the keys of JWTs until cancelled."""
        await (self._verifier.run() if self._verifier else asyncio.Event().wait())

    def client_address(self, request: web.Request) -> "ClientAddress":
        """Return the address of the client of a request."""
        return ClientAddress(
            self, client_key(request.remote, request.headers.getall("X-Forwarded-For", ()), self._proxies)
        )

    def wait(self, address: str) -> float:
        """Count a connect of an address and return 0, or return the seconds after which it may retry."""
        if blocked := self.blocked(address):
            return blocked
        if wait := self._connects.take(address, time.monotonic()):
            self._metrics.limited.labels("connects").inc()
        return wait

    def blocked(self, address: str) -> float:
        """Return for how many more seconds an address is refused because of forged tokens."""
        if wait := self._wrong.wait(address, time.monotonic()):
            self._metrics.limited.labels("tokens").inc()
        return wait

    def suspect(self, address: str) -> None:
        """Count a forged token of an address."""
        self._wrong.failed(address, time.monotonic())
        self._metrics.forged.inc()

    async def verify(self, address: str, token: str) -> VerifiedJwt | ProtocolError:
        """Return a verified JWT, or why it is not accepted; a forged one counts against the address."""
        if self._verifier is None:
            return ProtocolError(errors.AUTH_UNAVAILABLE)
        try:
            found: VerifiedJwt | ProtocolError = await self._verifier.verify(token)
        except ProtocolError as error:
            found = error
            if isinstance(error, ForgedError):
                self.suspect(address)
        self._metrics.authenticated.labels(found.kind.code if isinstance(found, ProtocolError) else "ok").inc()
        return found


class ClientAddress:
    """One client address, with its limits."""

    __slots__ = ("_address", "_limiter")

    def __init__(self, limiter: ConnectionLimiter, address: str) -> None:
        self._limiter, self._address = limiter, address

    def wait(self) -> float:
        """Count a connect and return 0, or return the seconds after which the client may retry."""
        return self._limiter.wait(self._address)

    def blocked(self) -> float:
        """Return for how many more seconds the address is refused because of forged tokens."""
        return self._limiter.blocked(self._address)

    def suspect(self) -> None:
        """Count a forged token."""
        self._limiter.suspect(self._address)

    async def verify(self, token: str) -> VerifiedJwt | ProtocolError:
        """Return a verified JWT, or why it is not accepted."""
        return await self._limiter.verify(self._address, token)
