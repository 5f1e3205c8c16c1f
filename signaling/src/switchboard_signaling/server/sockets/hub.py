"""All connections of a pod: which are attached, where hints go, and what is due."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import cycle
from typing import Final, Literal, Protocol

import structlog

from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.sockets.watcher import Watcher
from switchboard_signaling.server.sockets.writer import WriteBatcher
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.hints import Hint, MatchChanged, Proposed, Relay, Superseded
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.limits import UNLIMITED, rate
from switchboard_signaling.session.records import Announced, EndMatch
from switchboard_signaling.wire import errors

TICK_SECONDS: Final = 1.0
"""Interval between two ticks of a session."""
SPOKES: Final = 20
"""Parts of a tick. With 20,000 sessions, one part occupies the event loop for about a millisecond."""
FRAME_BURST_SECONDS: Final = 2.0
"""A client may send the frames of this much time at once."""
MAILBOX_SECONDS: Final = 0.5
"""Interval between two reads of the mailbox without a hint."""
OWN_CLOSE: Final = frozenset({1000, errors.CLOSE_DISCONNECTED.code, errors.CLOSE_BLOCKED.code})
"""Close codes of sessions that end: a client that leaves sends 1000 (RFC 6455 section 7.4.1), a reload sends 1001."""

log = structlog.get_logger(__name__)


class SessionListener(Protocol):
    """Receives facts about sessions, for logs, statistics and webhooks; must neither fail nor block."""

    def record(self, session: Session, fact: Fact) -> None:
        """Receive a fact about a session."""

    def closed(self, session: Session, code: int | None) -> None:
        """Receive the close code of a session's socket; None if the connection broke."""

    def gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        """Receive how a session left this pod."""


class Hub:
    """The pod's connections, by session."""

    def __init__(
        self,
        host: Host,
        broker: Broker,
        metrics: Metrics,
        capacity: int,
        frames_per_second: float = 0.0,
        listeners: Sequence[SessionListener] = (),
        watcher: Watcher | None = None,
    ) -> None:
        """`capacity`: maximum number of sockets; `frames_per_second`: limit per socket, 0 for none."""
        self._listeners = listeners
        self._watcher = watcher
        self._host = host
        self._broker = broker
        self._capacity = capacity
        self._wheel: list[set[Connection]] = [set() for _ in range(SPOKES)]
        self._next_spoke = cycle(self._wheel)
        self._open = 0
        self._attached: dict[str, Connection] = {}
        self._detached: dict[str, float] = {}
        self._mail = asyncio.Event()
        self._empty = asyncio.Event()
        self.batcher = WriteBatcher()
        self.frame_rate = rate(frames_per_second, FRAME_BURST_SECONDS) or UNLIMITED
        self._close_counted = metrics.close
        self._fault = metrics.fault
        self.started = False
        self.stopping = False
        metrics.watch(lambda: self.active_sessions, lambda: self._open)

    @property
    def active_sessions(self) -> int:
        """Sessions that are attached to this pod or can be resumed on it."""
        return len(self._attached) + len(self._detached)

    @property
    def connections(self) -> int:
        """Number of open sockets."""
        return self._open

    @property
    def open(self) -> list[Connection]:
        """The open sockets."""
        return [connection for spoke in self._wheel for connection in spoke]

    @property
    def matched_sessions(self) -> int:
        """Number of sessions attached to this pod that are in a match."""
        return sum(connection.session.match is not None for connection in self._attached.values())

    @property
    def sessions(self) -> Iterable[str]:
        """The ids of the sessions attached to this pod."""
        return self._attached.keys()

    def session(self, session_id: str) -> Session | None:
        """Return a session that is attached to this pod."""
        connection = self._attached.get(session_id)
        return connection.session if connection else None

    @property
    def full(self) -> bool:
        """Whether this pod accepts no new sockets."""
        return self._open >= self._capacity

    def opened(self, connection: Connection) -> None:
        """Add a socket; it gets ticks until it is `closed`.

        These are two methods instead of a context manager, whose frame would stay in memory while the socket is open.
        """
        next(self._next_spoke).add(connection)
        self._open += 1

    def closed(self, connection: Connection, code: int | None) -> None:
        """Remove a closed socket (None: its connection broke); its session may be resumed elsewhere."""
        for spoke in self._wheel:
            spoke.discard(connection)
        self._open -= 1
        if not self._open:
            self._empty.set()
        session = connection.session
        if self._watcher:
            self._watcher.closed(connection, code)
        self._close_counted(code)
        self._notify(lambda listener: listener.closed(session, code))
        if self._attached.get(session.session_id) is connection:
            del self._attached[session.session_id]
            if code in OWN_CLOSE:
                self._gone(session.session_id, "left")
            else:
                self._detached[session.session_id] = time.monotonic() + self._host.timeouts.resume_window_ms / 1000

    def attach(self, connection: Connection, socket_number: int) -> None:
        """Make this connection authoritative for its session, if it is the newest one on this pod."""
        session = connection.session
        self._detached.pop(session.session_id, None)
        known = self._attached.get(session.session_id)
        if known is not None and known.session.socket_number > socket_number:
            connection.change(partial(session.hinted, Superseded(session.session_id, known.session.socket_number)))
            return
        self._attached[session.session_id] = connection
        self._watch([connection])
        if known is not None and known is not connection:
            known.change(partial(known.session.hinted, Superseded(session.session_id, socket_number)))

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Send a hint to its pod, which may be this one."""
        if pod == self._host.pod:
            self.hinted(hint)
        else:
            self._broker.send_hint(pod, hint)

    def hinted(self, hint: Hint) -> None:
        """Handle a hint for this pod."""
        if isinstance(hint, Relay):
            self._relay(hint)
            return
        if isinstance(hint, Proposed):
            self._mail.set()
            return
        connection = self._attached.get(hint.session_id)
        if isinstance(hint, Superseded):
            self._moved(hint)
            if connection is not None and connection.session.socket_number < hint.socket_number:
                del self._attached[hint.session_id]
        if connection is not None:
            connection.change(partial(connection.session.hinted, hint))

    def _relay(self, hint: Relay) -> None:
        """Deliver a peer's frame. It is most of a pod's work, so it has no wrappers."""
        connection = self._attached.get(hint.session_id)
        if connection is None:
            self.send_hint(hint.pod, MatchChanged(hint.sender, hint.match_id))
        else:
            connection.deliver(hint)

    def record(self, session: Session, fact: Fact) -> None:
        """Pass a fact about a session to the listeners."""
        self._notify(lambda listener: listener.record(session, fact))

    def _moved(self, hint: Superseded) -> None:
        known = self._attached.get(hint.session_id)
        if self._detached.pop(hint.session_id, None) or (
            known is not None and known.session.socket_number < hint.socket_number
        ):
            self._gone(hint.session_id, "moved")

    def _gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        self._notify(lambda listener: listener.gone(session_id, how))

    def _notify(self, call: Callable[[SessionListener], None]) -> None:
        for listener in self._listeners:
            try:
                call(listener)
            except Exception as error:  # noqa: BLE001 - a listener must not disturb calls
                self._fault("listener", error)

    async def run(self) -> None:
        """Tick the sessions and read the mailbox until cancelled; the broker must have started."""
        self.started = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._read_mail())

    async def empty(self, within: float) -> None:
        """Return when no socket is open, or after `within` seconds."""
        if self._open:
            self._empty.clear()
            try:
                async with asyncio.timeout(within):
                    await self._empty.wait()
            except TimeoutError:
                log.info("closing_remaining_sockets", sockets=self._open)

    async def _tick(self) -> None:
        """Tick one spoke of the wheel at a time, which spreads the sessions' heartbeats."""
        while True:
            for spoke in self._wheel:
                await asyncio.sleep(TICK_SECONDS / SPOKES)
                connections = list(spoke)
                for connection in connections:
                    connection.change(connection.session.tick)
                self._watch(connections)
            self._forget_detached(time.monotonic())

    def _watch(self, connections: Iterable[Connection]) -> None:
        """Start and stop the logs of sockets, as the list of watched clients changes."""
        if self._watcher and self._watcher.active:
            for connection in connections:
                self._watcher.look(connection)

    def _forget_detached(self, now: float) -> None:
        """Forget sessions that can no longer be resumed; the oldest come first."""
        while self._detached:
            session_id, until = next(iter(self._detached.items()))
            if until > now:
                return
            del self._detached[session_id]
            self._gone(session_id, "expired")

    async def _read_mail(self) -> None:
        while True:
            try:
                async with asyncio.timeout(MAILBOX_SECONDS):
                    await self._mail.wait()
            except TimeoutError:
                pass  # read without a hint
            self._mail.clear()
            try:
                async with asyncio.timeout(MAILBOX_SECONDS * 4):
                    for proposal in await self._broker.proposals():
                        await self._announce_contained(proposal)
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("mailbox_unavailable", error=error)

    async def _announce_contained(self, proposal: Proposal) -> None:
        """Announce a proposal; an unexpected exception affects no other one."""
        try:
            await self._announce(proposal)
        except (BrokerUnavailableError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - counted and logged
            self._fault("mailbox", error)

    async def _announce(self, proposal: Proposal) -> None:
        """Announce a proposal to its sessions on this pod; abort it for a session that has left."""
        for ticket in (proposal.a, proposal.b):
            if ticket.pod != self._host.pod:
                continue
            connection = self._attached.get(ticket.session_id)
            if connection is not None:
                connection.change(partial(connection.session.proposed, proposal))
                continue
            side = proposal.side_of(ticket.session_id)
            await self._broker.ask(EndMatch(proposal.match_id, ticket.session_id, "peer-lost", side, only_forming=True))
            await self._broker.ask(Announced(ticket.ticket, self._host.pod, ticket.mode))
            _, peer = proposal.from_side(side)
            self.send_hint(peer.pod, MatchChanged(peer.session_id, proposal.match_id))
