"""The pool's lists of clients, as this pod last read them: blocked clients, and clients whose sockets are logged.

Looking a client up does not wait. A pod reads its lists again every few seconds. If the store's list is older than the
pod's, because the store was wiped, the pod writes the names that it knows to it again.
"""

import asyncio
import time
from typing import Final

import structlog

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import ListName, SharedStats, SharedStatsFullError
from switchboard_signaling.server.telemetry.stats_flusher import STORE_SECONDS

READ_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


def of_subject(sub: str) -> str:
    """Return the name of a subject on a list."""
    return f"subject:{sub}"


def of_session(session_id: str) -> str:
    """Return the name of a session on a list."""
    return f"session:{session_id}"


class ClientList:
    """Subjects and sessions, each for a limited time."""

    def __init__(self, which: ListName, shared_stats: SharedStats) -> None:
        self._which = which
        self._shared_stats = shared_stats
        self._version = 0
        self._until: dict[str, float] = {}

    @property
    def empty(self) -> bool:
        """Whether no name is listed; an expired name counts until the next `read`."""
        return not self._until

    def holds(self, sub: str, session_id: str) -> bool:
        """Return whether a subject or a session is listed."""
        return bool(self._until) and (self._listed(of_subject(sub)) or self._listed(of_session(session_id)))

    def seconds(self) -> dict[str, float]:
        """Return the remaining seconds of each name."""
        now = time.monotonic()
        return {name: until - now for name, until in self._until.items() if until > now}

    async def add(self, name: str, seconds: float) -> None:
        """List a name; on this pod at once. Raises BrokerUnavailableError or SharedStatsFullError."""
        await self._shared_stats.add(self._which, name, seconds)
        self._until[name] = time.monotonic() + seconds

    async def remove(self, name: str) -> None:
        """Remove a name; on this pod at once. Raises BrokerUnavailableError."""
        await self._shared_stats.remove(self._which, name)
        self._until.pop(name, None)

    async def run(self) -> None:
        """Read the list every few seconds until cancelled."""
        while True:
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    await self.read()
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("client_list_not_read", list=self._which, effect="keeping the known list", error=error)
            await asyncio.sleep(READ_SECONDS)

    async def read(self) -> None:
        """Forget expired names, and read the list if it has changed. Raises BrokerUnavailableError."""
        now = time.monotonic()
        self._until = {name: until for name, until in self._until.items() if until > now}
        found = await self._shared_stats.listed(self._which, self._version)
        if found is None:
            return
        known = self.seconds() if found.version < self._version else {}
        missing = {name: seconds for name, seconds in known.items() if name not in found.seconds}
        try:
            for name, seconds in missing.items():
                await self._shared_stats.add(self._which, name, seconds)
        except SharedStatsFullError:
            remedy = f"remove names (DELETE /admin/{self._which}/KIND/NAME), then add those that other pods lack"
            log.error("client_list_not_restored", list=self._which, known=len(missing), remedy=remedy)  # noqa: TRY400 - not a bug
        now = time.monotonic()
        self._version = found.version
        self._until = {name: now + seconds for name, seconds in {**found.seconds, **missing}.items()}

    def _listed(self, name: str) -> bool:
        return self._until.get(name, 0.0) > time.monotonic()
