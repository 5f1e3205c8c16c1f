"""What comes before a session: how often an address connects, whether it guesses tokens, and whose its JWT is."""

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


class Gate:
    """The pod's view of its clients' addresses."""

    def __init__(self, settings: ServerSettings, metrics: Metrics) -> None:
        """Read the keys of JWTs; raises KeysError for secrets that cannot be used."""
        self._proxies = settings.trusted_proxies
        self._connects = Connects(rate(settings.connects_per_second))
        self._wrong = WrongTokens(settings.wrong_tokens)
        self._metrics = metrics
        self._verifier: Verifier | None = None
        if settings.auth is not AuthType.ANONYMOUS:
            # A pod without JWTs starts faster and is smaller without the cryptography.
            from switchboard_signaling.server.access.authentication import make_verifier

            self._verifier = make_verifier(settings)

    async def run(self) -> None:
        """Keep the keys of JWTs fresh, until cancelled."""
        await (self._verifier.run() if self._verifier else asyncio.Event().wait())

    def visitor(self, request: web.Request) -> "Visitor":
        """Return the one whom a request comes from."""
        return Visitor(self, client_key(request.remote, request.headers.getall("X-Forwarded-For", ()), self._proxies))

    def wait(self, address: str) -> float:
        """Count a socket of an address and return 0, or return the seconds after which it may try again."""
        if blocked := self.blocked(address):
            return blocked
        if wait := self._connects.take(address, time.monotonic()):
            self._metrics.limited.labels("connects").inc()
        return wait

    def blocked(self, address: str) -> float:
        """Return the seconds for which an address is refused because it showed made-up tokens."""
        if wait := self._wrong.wait(address, time.monotonic()):
            self._metrics.limited.labels("tokens").inc()
        return wait

    def suspect(self, address: str) -> None:
        """Count a made-up token of an address."""
        self._wrong.failed(address, time.monotonic())
        self._metrics.forged.inc()

    async def verify(self, address: str, token: str) -> VerifiedJwt | ProtocolError:
        """Return whose a JWT is, or why it is not accepted; a made-up one counts against the address."""
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


class Visitor:
    """Whoever has one address."""

    __slots__ = ("_address", "_gate")

    def __init__(self, gate: Gate, address: str) -> None:
        self._gate, self._address = gate, address

    def wait(self) -> float:
        """Count a socket and return 0, or return the seconds after which to try again."""
        return self._gate.wait(self._address)

    def blocked(self) -> float:
        """Return the seconds to wait for having shown made-up tokens."""
        return self._gate.blocked(self._address)

    def suspect(self) -> None:
        """Count a made-up token."""
        self._gate.suspect(self._address)

    async def verify(self, token: str) -> VerifiedJwt | ProtocolError:
        """Return whose a JWT is, or why it is not accepted."""
        return await self._gate.verify(self._address, token)
