"""Who is kept out of the pool: the store's list, as this pod last read it.

Sessions ask here, without waiting. A pod reads the list again every few seconds; one that finds it older than what it
knows, because the store was wiped, writes down again what it knows.
"""

import asyncio
import time
from typing import Final

import structlog

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import SharedStats, SharedStatsFullError
from switchboard_signaling.server.telemetry.tally import LEDGER_SECONDS

READ_SECONDS: Final = 5.0

log = structlog.get_logger(__name__)


def of_subject(sub: str) -> str:
    """Return the name under which a subject is kept out."""
    return f"subject:{sub}"


def of_session(session_id: str) -> str:
    """Return the name under which a session is kept out."""
    return f"session:{session_id}"


class Blocklist:
    """Who is kept out."""

    def __init__(self, shared_stats: SharedStats) -> None:
        self._ledger = shared_stats
        self._version = 0
        self._until: dict[str, float] = {}

    def holds(self, sub: str, session_id: str) -> bool:
        """Whether a subject or a session is kept out."""
        return bool(self._until) and (self._active(of_subject(sub)) or self._active(of_session(session_id)))

    def seconds(self) -> dict[str, float]:
        """Return for how much longer each name is kept out."""
        now = time.monotonic()
        return {name: until - now for name, until in self._until.items() if until > now}

    async def block(self, name: str, seconds: float) -> None:
        """Keep a name out; here at once. Raises BrokerUnavailableError or LedgerFullError."""
        await self._ledger.block(name, seconds)
        self._until[name] = time.monotonic() + seconds

    async def unblock(self, name: str) -> None:
        """Let a name in; here at once. Raises BrokerUnavailableError."""
        await self._ledger.unblock(name)
        self._until.pop(name, None)

    async def run(self) -> None:
        """Read the list every few seconds, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LEDGER_SECONDS):
                    await self.read()
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("who is kept out cannot be read; what is known holds", error=str(error))
            await asyncio.sleep(READ_SECONDS)

    async def read(self) -> None:
        """Read the list, if it has changed. Raises BrokerUnavailableError."""
        found = await self._ledger.blocks(self._version)
        if found is None:
            return
        known = self.seconds() if found.version < self._version else {}
        missing = {name: seconds for name, seconds in known.items() if name not in found.seconds}
        try:
            for name, seconds in missing.items():
                await self._ledger.block(name, seconds)
        except SharedStatsFullError:
            remedy = "remove blocks (DELETE /admin/blocks/KIND/NAME), then block again whom other pods lack"
            log.error("blocks_not_restored", known=len(missing), remedy=remedy)  # noqa: TRY400 - no fault of ours
        now = time.monotonic()
        self._version = found.version
        self._until = {name: now + seconds for name, seconds in {**found.seconds, **missing}.items()}

    def _active(self, name: str) -> bool:
        return self._until.get(name, 0.0) > time.monotonic()
