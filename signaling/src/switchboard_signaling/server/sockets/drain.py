"""Draining: a pod refuses new sessions and asks its own to move to other pods, so that none is lost.

The operator commands it while it scales or rolls out a pool; a pod that gets SIGTERM from anyone else drains by itself.
The cordon is not persisted here but on the Pod object: after a restart of the container the operator cordons it again,
and until then no Service routes to it.
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
"""A session that has not moved after this time is asked again."""
WINDOW: Final = 6
"""Maximum number of sessions that are moving at a time. If they attach to other pods slowly, fewer are asked, so that a
rush does not delay the calls there. A stopping pod ignores it, because its time is limited."""
FOLLOW_SECONDS: Final = 3.0
"""A session that has not moved by then no longer occupies the window. Clients move within 2 s."""
ROOM_SECONDS: Final = 0.02
"""Interval between two checks for room in the window."""
SETTLE_SECONDS: Final = 3.0
"""Time until proxies stop routing to a stopping pod, which they learn from EndpointSlices."""
SPREAD: Final = 0.5
"""Share of the remaining time over which a stopping pod spreads its requests; clients use the rest to move."""

log = structlog.get_logger(__name__)


class Drain:
    """Refuses new sessions, and asks the pod's sessions to move."""

    def __init__(self, hub: Hub, tokens: SharedSecrets | None) -> None:
        """`tokens` authorize commands; None: no command is accepted."""
        self._hub = hub
        self._tokens = tokens
        self._fence = 0
        self._asked: dict[Connection, float] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._moving: dict[Connection, float] = {}
        """When each session of the window was asked to move."""
        self.cordoned = False
        self.refused = 0
        """Number of sockets refused for lack of capacity."""

    @property
    def leaving(self) -> int:
        """Number of open sockets that were recently asked to move."""
        self._forget()
        return len(self._asked)

    def admit(self, token: str) -> bool:
        """Whether a bearer token authorizes commands."""
        return self._tokens is not None and self._tokens.include(token)

    def overtaken(self, fence: int) -> int | None:
        """Return the number of a newer leader than `fence`, or None if `fence` is the newest."""
        if fence < self._fence:
            return self._fence
        self._fence = fence
        return None

    def goaway(self, count: int, within_ms: int, *, unlimited: bool = False) -> int:
        """Ask up to `count` sessions to move, at random times within a span; return how many will be asked.

        Sessions without a match come first: a call survives a move, but should not take the risk without need. Sessions
        that find no room in the window within the span are not asked.
        """
        self._forget()
        now = time.monotonic()
        staying = [connection for connection in self._hub.open if connection not in self._asked]
        chosen = sorted(staying, key=lambda connection: connection.session.match is not None)[:count]
        self._asked |= dict.fromkeys(chosen, now + within_ms / 1000)
        if chosen:
            task = asyncio.create_task(self._ask(chosen, within_ms / 1000, unlimited))
            self._asking.add(task)
            task.add_done_callback(self._asked_all)
        return len(chosen)

    async def stop(self, within: float) -> None:
        """Leave the Service, move all sessions, and close the remaining sockets after `within` seconds."""
        deadline = time.monotonic() + within
        self._hub.stopping = True
        if not self.cordoned:
            # No longer ready; but clients still connect for a moment, and serving them is better than refusing.
            await asyncio.sleep(min(SETTLE_SECONDS, within / 4))
            self.cordoned = True
        left = max(0.0, deadline - time.monotonic())
        asked = self.goaway(self._hub.connections, int(left * SPREAD * 1000), unlimited=True)
        log.info("moving_clients", clients=asked, within=round(left, 1))
        await self._hub.empty(left)
        for task in list(self._asking):
            task.cancel()
        for connection in self._hub.open:
            connection.close(errors.GOING_AWAY)

    def _forget(self) -> None:
        """Forget sessions that moved, and sessions that are to be asked again."""
        there, now = set(self._hub.open), time.monotonic()
        self._asked = {
            connection: at for connection, at in self._asked.items() if connection in there and now - at < AGAIN_SECONDS
        }

    async def _ask(self, connections: list[Connection], within: float, unlimited: bool) -> None:
        start = time.monotonic()
        for number, connection in enumerate(connections):
            due = start + within * (number + random.random()) / len(connections)  # noqa: S311 (spreads load, no secret)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if not unlimited and not await self._room(start + within):
                for unasked in connections[number:]:
                    self._asked.pop(unasked, None)
                return
            left = max(0, int((start + within - time.monotonic()) * 1000))
            self._moving[connection] = time.monotonic()
            connection.perform([Send(messages.Goaway(within_ms=left))])

    async def _room(self, until: float) -> bool:
        """Wait for room in the window; return whether there was any in time."""
        while True:
            now = time.monotonic()
            moving = self._moving.items()
            self._moving = {one: at for one, at in moving if one.session.attached and now - at < FOLLOW_SECONDS}
            if len(self._moving) < WINDOW:
                return True
            if now >= until:
                return False
            await asyncio.sleep(ROOM_SECONDS)

    def _asked_all(self, task: "asyncio.Task[None]") -> None:
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("moving_clients_failed", exc_info=error)
