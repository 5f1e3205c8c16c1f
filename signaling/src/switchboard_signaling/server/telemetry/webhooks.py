"""Webhooks: the pool's application is told of matches that open and end, at least once each.

An event waits in the store until an answer of 2xx says that it was taken, and any pod may deliver it. Both pods of a
match put its events there; a store knows an event by its id, and so should the receiver.
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
from switchboard_signaling.server.telemetry.meters import Meters
from switchboard_signaling.server.telemetry.signature import headers
from switchboard_signaling.server.telemetry.tally import LEDGER_SECONDS
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact, MatchEnded, MatchOpened

MAX_UNSTORED: Final = 1000
"""Events that may wait in this pod for the store; what is beyond is lost."""
POLL_SECONDS: Final = 2.0
PAUSE_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 10.0
LEASE_SECONDS: Final = 30.0
"""Longer than an answer may take: nobody else delivers an event meanwhile."""
BATCH: Final = 16
"""Events that a pod delivers at once."""
AGAIN_FIRST: Final = 2.0
AGAIN_CEILING: Final = 1800.0
MAX_TRIES: Final = 20
"""About five hours."""

log = structlog.get_logger(__name__)


def pause(tries: int) -> float:
    """Return the seconds before the next try: doubled each time, up to half an hour."""
    return min(AGAIN_FIRST * 2.0 ** min(tries - 1, 32), AGAIN_CEILING)


class Webhooks:
    """Makes events of what sessions note (a Witness of the hub), stores them, and delivers what the store has."""

    def __init__(
        self, url: str, keys: Callable[[], Iterable[bytes]], pool: str, shared_stats: SharedStats, meters: Meters
    ) -> None:
        """`keys` returns the keys that each event is signed with at that moment."""
        self._url = url
        self._keys = keys
        self._pool = pool
        self._ledger = shared_stats
        self._meters = meters
        self._unstored: deque[Event] = deque()
        self._there_are = asyncio.Event()
        self._look = asyncio.Event()

    def note(self, session: Session, fact: Fact) -> None:
        """Make an event of an open match, and of one that was open and has ended."""
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
        """Take no note: a socket is no match."""

    def gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        """Take no note: a session is no match."""

    async def run(self) -> None:
        """Store and deliver, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._store())
            tasks.create_task(self._deliver(http))

    def _add(self, kind: str, match_id: str, **more: Any) -> None:
        if len(self._unstored) >= MAX_UNSTORED:
            self._meters.webhooks_lost.labels("no-room").inc()
            return
        name = f"{kind}.{match_id}"
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        body = json.encode({"id": name, "type": kind, "time": at, "pool": self._pool, "match": match_id, **more})
        self._unstored.append(Event(name, body.decode()))
        self._there_are.set()

    async def _store(self) -> None:
        while True:
            while not self._unstored:
                self._there_are.clear()
                await self._there_are.wait()
            while self._unstored:
                if await self._stored(self._unstored[0]):
                    self._unstored.popleft()
                else:
                    await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.5, 1))  # noqa: S311 - jitter
            self._look.set()

    async def _stored(self, event: Event) -> bool:
        """Whether the store has the event, or never will."""
        try:
            async with asyncio.timeout(LEDGER_SECONDS):
                await self._ledger.put(event)
        except SharedStatsFullError:
            self._meters.webhooks_lost.labels("no-room").inc()
            log.warning("webhook dropped: too many wait", webhook=event.id)
        except (BrokerUnavailableError, TimeoutError):
            return False
        except Exception:  # one event must not hold up all others
            self._meters.webhooks_lost.labels("fault").inc()
            log.exception("webhook_dropped", webhook=event.id)
        return True

    async def _deliver(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._look.wait()
            except TimeoutError:
                pass  # time to look without being told
            self._look.clear()
            try:
                async with asyncio.timeout(LEDGER_SECONDS):
                    events = await self._ledger.take(LEASE_SECONDS, BATCH)
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("webhooks cannot be read", error=str(error))
                continue
            await asyncio.gather(*(self._try(http, event) for event in events))
            if len(events) == BATCH:
                self._look.set()

    async def _try(self, http: aiohttp.ClientSession, event: Event) -> None:
        """Deliver an event and note in the store what came of it; whatever fails concerns no other event."""
        try:
            problem = await self._post(http, event)
        except Exception as error:  # one event must not end the delivery of all
            log.exception("webhook_delivery_failed", webhook=event.id)
            problem = type(error).__name__
        given_up = bool(problem) and event.tries >= MAX_TRIES
        self._meters.webhooks.labels("failed" if problem else "delivered").inc()
        if problem:
            log.warning("webhook not taken", webhook=event.id, tries=event.tries, given_up=given_up, problem=problem)
        if given_up:
            self._meters.webhooks_lost.labels("given-up").inc()
        again = pause(event.tries) * random.uniform(0.75, 1.25) if problem and not given_up else None  # noqa: S311
        try:
            async with asyncio.timeout(LEDGER_SECONDS):
                await self._ledger.settle(event.id, again)
        except (BrokerUnavailableError, TimeoutError) as error:
            log.warning("webhook goes out again", webhook=event.id, error=str(error))
        except Exception:  # as above: it goes out again once its lease is over
            log.exception("webhook_not_settled", webhook=event.id)

    async def _post(self, http: aiohttp.ClientSession, event: Event) -> str:
        """Send an event; return what was wrong, empty for nothing."""
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
