"""This pod's part of the pool's totals and of call records, written to the store every few seconds."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from msgspec.structs import replace

from switchboard_signaling.analytics.call import Fields
from switchboard_signaling.analytics.totals import Counts, Live, PoolStats, report
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import SharedStats
from switchboard_signaling.server.telemetry.call_metrics import CallMetrics

FLUSH_SECONDS: Final = 5.0
FRESH_SECONDS: Final = 2.0
"""How long a report is reused, so that requests for it do not load the store."""
STORE_SECONDS: Final = 3.0
MAX_UNKEPT: Final = 2000
"""Maximum number of call records that wait to be written; above it, the oldest are dropped."""

log = structlog.get_logger(__name__)


class StatsFlusher:
    """Collects counts and call records, and writes them to the store."""

    def __init__(self, shared_stats: SharedStats, pod: str, call_metrics: CallMetrics) -> None:
        self._metrics = call_metrics
        self._shared_stats = shared_stats
        self._pod = pod
        self.live: Callable[[], Live] = Live
        """Returns the pod's gauges; set once the pod has a hub."""
        self._counts = Counts()
        self._sending = Counts()
        self._number = 0
        self._unkept: dict[tuple[str, str], Fields] = {}
        self._report: PoolStats | None = None
        self._reported_at = 0.0
        self._reporting = asyncio.Lock()

    def add(self, counts: Counts) -> None:
        """Take over counts; the caller's are empty afterwards."""
        self._counts.update(counts)
        counts.clear()

    def keep(self, match_id: str, side: str, fields: Fields) -> None:
        """Merge fields into the record of one side of a call."""
        self._unkept.setdefault((match_id, side), {}).update(fields)
        if len(self._unkept) > MAX_UNKEPT:
            del self._unkept[next(iter(self._unkept))]
            self._metrics.records_lost.inc()

    async def run(self) -> None:
        """Write every few seconds until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write everything that is waiting; what the store does not accept is written next time."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._count()
                await self._keep()
        except (BrokerUnavailableError, TimeoutError) as error:
            log.warning("totals_not_written", error=error)

    async def report(self) -> PoolStats:
        """Return the pool's statistics; the last known ones, not `current`, if the store is unavailable."""
        async with self._reporting:
            if self._report is not None and time.monotonic() - self._reported_at < FRESH_SECONDS:
                return self._report
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    counts, lives = await self._shared_stats.totals()
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("totals_not_read", error=error)
                return replace(self._report or report({}, [self.live()]), current=False)
            counts.update(self._counts)
            self._report = report(counts, {**lives, self._pod: self.live()}.values())
            self._reported_at = time.monotonic()
            return self._report

    async def _count(self) -> None:
        """Add to the totals; a batch whose reply was lost is sent again under its number, which counts once."""
        if not self._sending:
            self._sending, self._counts = self._counts, Counts()
            self._number += 1
        await self._shared_stats.count(self._number, self._sending, self.live())
        self._sending = Counts()

    async def _keep(self) -> None:
        while self._unkept:
            (match_id, side), fields = next(iter(self._unkept.items()))
            known: Mapping[str, Any] = dict(fields)
            try:
                await self._shared_stats.keep(match_id, side, fields)
            except (BrokerUnavailableError, TimeoutError):
                raise
            except Exception:  # one record must not block the others
                log.exception("call_record_dropped", match=match_id)
                self._metrics.records_lost.inc()
                self._unkept.pop((match_id, side), None)
                continue
            if self._unkept.get((match_id, side)) == known:
                del self._unkept[match_id, side]
