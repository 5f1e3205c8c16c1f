"""How a pod gets rid of its sessions without losing one: it refuses further ones and asks those it has to move.

The operator gives the orders while pods are scaled or rolled; a pod that is told to end by anybody else does the same
by itself. What makes a pod's cordon last is not here but on the pod's object in Kubernetes: a container that restarts
is told again, and until then no Service offers it.
"""

import asyncio
import random
import time
from typing import Final

import structlog

from switchboard_signaling.server.access.keys import SharedSecrets
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.sockets.hub import Hub
from switchboard_signaling.session.effects import Send
from switchboard_signaling.wire import errors, messages

AGAIN_SECONDS: Final = 10.0
"""A session that was asked to move and is still here after this time is asked again."""
WINDOW: Final = 6
"""Sessions that were told to move and have not arrived elsewhere, at most: where arrivals are slow, departures slow
down, so that a rush keeps nobody waiting whose call goes on there. A pod that must end has no time for it."""
FOLLOW_SECONDS: Final = 3.0
"""Who has not arrived by then holds up nobody else: clients follow within 2 s."""
TURN_SECONDS: Final = 0.02
"""Between looks at whether somebody has arrived."""
SETTLE_SECONDS: Final = 3.0
"""Until no proxy sends new clients to a pod that has begun to end: they learn of it from their EndpointSlices."""
SPREAD: Final = 0.5
"""Part of the time left over which an ending pod spreads its requests; the rest is for the clients to follow them."""

log = structlog.get_logger(__name__)


class Drain:
    """Refuses sessions, and asks those that are here to move."""

    def __init__(self, hub: Hub, tokens: SharedSecrets | None) -> None:
        """`tokens` that orders are taken with, two while they are rotated; None: no order is taken."""
        self._hub = hub
        self._tokens = tokens
        self._fence = 0
        self._asked: dict[Connection, float] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._told: dict[Connection, float] = {}
        """When each session of the window was told to move."""
        self.cordoned = False
        self.refused = 0
        """Clients that were turned away for want of room."""

    @property
    def leaving(self) -> int:
        """Sockets that were asked to move lately and are still here."""
        self._forget()
        return len(self._asked)

    def admit(self, token: str) -> bool:
        """Whether a bearer token entitles to give orders."""
        return self._tokens is not None and self._tokens.include(token)

    def overtaken(self, fence: int) -> int | None:
        """Return the number of a newer leader than the one that gives an order, or None if it is the newest."""
        if fence < self._fence:
            return self._fence
        self._fence = fence
        return None

    def goaway(self, count: int, within_ms: int, *, all_of_them: bool = False) -> int:
        """Ask so many sessions to move, spread at random over a span; return how many there were to ask.

        Those whose turn has not come within the span, because others are slow to arrive elsewhere, are asked no more.
        Those that are in no match come first: who is in a call loses nothing by a move, but has something to lose.
        """
        self._forget()
        now = time.monotonic()
        staying = [connection for connection in self._hub.open if connection not in self._asked]
        chosen = sorted(staying, key=lambda connection: connection.session.match is not None)[:count]
        self._asked |= dict.fromkeys(chosen, now + within_ms / 1000)
        if chosen:
            task = asyncio.create_task(self._ask(chosen, within_ms / 1000, all_of_them))
            self._asking.add(task)
            task.add_done_callback(self._asked_all)
        return len(chosen)

    async def stop(self, within: float) -> None:
        """Leave the Service, move all sessions, and close what is left after `within` seconds."""
        deadline = time.monotonic() + within
        self._hub.stopping = True
        if not self.cordoned:
            # Not ready by now; but clients still come for a moment, and are better served than refused.
            await asyncio.sleep(min(SETTLE_SECONDS, within / 4))
            self.cordoned = True
        left = max(0.0, deadline - time.monotonic())
        asked = self.goaway(self._hub.connections, int(left * SPREAD * 1000), all_of_them=True)
        log.info("asking clients to move", clients=asked, within=round(left, 1))
        await self._hub.empty(left)
        for task in list(self._asking):
            task.cancel()
        for connection in self._hub.open:
            connection.close(errors.GOING_AWAY)

    def _forget(self) -> None:
        """Forget requests that were followed, or that were not and are to be repeated."""
        there, now = set(self._hub.open), time.monotonic()
        self._asked = {
            connection: at for connection, at in self._asked.items() if connection in there and now - at < AGAIN_SECONDS
        }

    async def _ask(self, connections: list[Connection], within: float, all_of_them: bool) -> None:
        start = time.monotonic()
        for number, connection in enumerate(connections):
            due = start + within * (number + random.random()) / len(connections)  # noqa: S311 (spreads load, no secret)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not all_of_them and not await self._turn(start + within):
                for unasked in connections[number:]:
                    self._asked.pop(unasked, None)
                return
            left = max(0, int((start + within - time.monotonic()) * 1000))
            self._told[connection] = time.monotonic()
            connection.perform([Send(messages.Goaway(within_ms=left))])

    async def _turn(self, until: float) -> bool:
        """Wait for a place in the window; return whether there was one in time."""
        while True:
            now = time.monotonic()
            told = self._told.items()
            self._told = {one: at for one, at in told if one.session.attached and now - at < FOLLOW_SECONDS}
            if len(self._told) < WINDOW:
                return True
            if now >= until:
                return False
            await asyncio.sleep(TURN_SECONDS)

    def _asked_all(self, task: "asyncio.Task[None]") -> None:
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("asking clients to move failed", exc_info=error)
