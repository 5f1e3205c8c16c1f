"""Webhooks: an event for each match that opens or ends, delivered to the application at least once.

An event stays in the store until the application answers with 2xx, and any pod may deliver it. Both pods of a match put
its events there; the store deduplicates them by id, and so should the application.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

import aiohttp
import structlog
from msgspec import json

from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import SharedStats, SharedStatsFullError
from switchboard_signaling.server.telemetry.call_metrics import CallMetrics
from switchboard_signaling.server.telemetry.signature import headers
from switchboard_signaling.server.telemetry.stats_flusher import STORE_SECONDS
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact, MatchEnded, MatchOpened

MAX_UNSTORED: Final = 1000
"""Maximum number of events in this pod that wait for the store; further ones are lost."""
POLL_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 30.0
"""Longer than ANSWER_SECONDS, so that no other pod delivers the event at the same time."""
BATCH: Final = 16
"""Maximum number of events that a pod delivers concurrently."""
AGAIN_FIRST: Final = 2.0
AGAIN_CEILING: Final = 1800.0
MAX_TRIES: Final = 20
"""Attempts before an event is given up, which take about five hours."""

log = structlog.get_logger(__name__)


def pause(tries: int) -> float:
    """Return the seconds before the next attempt: doubled each time, up to half an hour."""
    return min(AGAIN_FIRST * 2.0 ** min(tries - 1, 32), AGAIN_CEILING)


class Webhooks:
    """Stores an event for each match that opens or ends, and delivers events; a SessionListener of the hub."""

    def __init__(
        self,
        url: str,
        keys: Callable[[], Iterable[bytes]],
        pool: str,
        shared_stats: SharedStats,
        call_metrics: CallMetrics,
    ) -> None:
        """`keys` returns the current keys to sign with."""
        self._url = url
        self._keys = keys
        self._pool = pool
        self._shared_stats = shared_stats
        self._metrics = call_metrics
        self._unstored: deque[Event] = deque()
        self._unstored_event = asyncio.Event()
        self._due_event = asyncio.Event()

    def record(self, session: Session, fact: Fact) -> None:
        """Create an event for a match that opened, and for an open match that ended."""
        match fact:
            case MatchOpened():
                sessions = [
                    {"session": session.session_id, "subject": session.subject},
                    {"session": fact.peer, "subject": fact.peer_sub},
                ]
                self._add("matched", fact.match_id, sessions=sessions)
            case MatchEnded(record=record) if record.outcome == "ended":
                sides = [one.session_id for one in (record.a, record.b) if one]
                by = getattr(record, record.by).session_id if record.by and getattr(record, record.by) else None
                sessions = [
                    {"session": session_id, "subject": session.subject if session_id == session.session_id else None}
                    for session_id in sides
                ]
                self._add("ended", record.match_id, sessions=sessions, reason=record.reason, by=by)

    def closed(self, session: Session, code: int | None) -> None:
        """Ignore it: events are about matches."""

    def gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        """Ignore it: events are about matches."""

    async def run(self) -> None:
        """Store and deliver events until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store())
            tasks.create_task(self._deliver(http))

    def _add(self, kind: str, match_id: str, **more: Any) -> None:
        if len(self._unstored) >= MAX_UNSTORED:
            self._metrics.webhooks_lost.labels("no-room").inc()
            return
        name = f"{kind}.{match_id}"
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = json.encode({"id": name, "type": kind, "time": at, "pool": self._pool, "match": match_id, **more})
        self._unstored.append(Event(name, body.decode()))
        self._unstored_event.set()

    async def _store(self) -> None:
        while True:
            while not self._unstored:
                self._unstored_event.clear()
                await self._unstored_event.wait()
            while self._unstored:
                if await self._stored(self._unstored[0]):
                    self._unstored.popleft()
                else:
                    await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - jitter
            self._due_event.set()

    async def _stored(self, event: Event) -> bool:
        """Whether the event is stored or will never be."""
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._shared_stats.put(event)
        except SharedStatsFullError:
            self._metrics.webhooks_lost.labels("no-room").inc()
            log.warning("webhook_dropped", reason="the store is full", webhook=event.id)
        except (BrokerUnavailableError, TimeoutError):
            return False
        except Exception:  # one event must not block the others
            self._metrics.webhooks_lost.labels("fault").inc()
            log.exception("webhook_dropped", webhook=event.id)
        return True

    async def _deliver(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._due_event.wait()
            except TimeoutError:
                pass  # poll the store
            self._due_event.clear()
            try:
                async with asyncio.timeout(STORE_SECONDS):
                    events = await self._shared_stats.take(LEASE_SECONDS, BATCH)
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("webhooks_not_read", error=error)
                continue
            await asyncio.gather(*(self._try(http, event) for event in events))
            if len(events) == BATCH:
                self._due_event.set()

    async def _try(self, http: aiohttp.ClientSession, event: Event) -> None:
        """Deliver an event and store the result; a failure affects no other event."""
        try:
            problem = await self._post(http, event)
        except Exception as error:  # one event must not stop the others
            log.exception("webhook_delivery_failed", webhook=event.id)
            problem = type(error).__name__
        given_up = bool(problem) and event.tries >= MAX_TRIES
        self._metrics.webhooks.labels("failed" if problem else "delivered").inc()
        if problem:
            log.warning(
                "webhook_attempt_failed", webhook=event.id, tries=event.tries, given_up=given_up, problem=problem
            )
        if given_up:
            self._metrics.webhooks_lost.labels("given-up").inc()
        again = pause(event.tries) * random.uniform(0.75, 1.25) if problem and not given_up else None  # noqa: S311
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await self._shared_stats.settle(event.id, again)
        except (BrokerUnavailableError, TimeoutError) as error:
            log.warning("webhook_result_not_stored", webhook=event.id, error=error)
        except Exception:  # as above; it is delivered again after its lease
            log.exception("webhook_not_settled", webhook=event.id)

    async def _post(self, http: aiohttp.ClientSession, event: Event) -> str:
        """Send an event; return the problem, or an empty text."""
        signed = headers(event.id, int(time.time()), event.body, self._keys())
        try:
            async with http.post(
                self._url,
                data=event.body.encode(),
                headers={**signed, "Content-Type": "application/json"},
                allow_redirects=False,
            ) as response:
                return "" if response.ok and response.status < 300 else f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
