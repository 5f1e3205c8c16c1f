"""All connections of a pod: who is attached, what hints reach whom, what is due."""

import asyncio
import time
from functools import partial
from typing import Final

import structlog

from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.protocol import errors, messages
from switchboard_signaling.protocol.effects import Hint, MatchChanged, Proposed, Relay, Send, Taken
from switchboard_signaling.protocol.host import Host
from switchboard_signaling.protocol.store import Announced, EndMatch
from switchboard_signaling.server.connection import Connection
from switchboard_signaling.server.metrics import Metrics

TICK_SECONDS: Final = 1.0
MAILBOX_SECONDS: Final = 0.5
"""How often the mailbox is read without a hint."""
OWN_CLOSE: Final = frozenset({1000})
"""Close codes by which a client says that it does not come back (RFC 6455 section 7.4.1); a reload sends 1001."""

log = structlog.get_logger(__name__)


class Hub:
    """The pod's switchboard."""

    def __init__(self, host: Host, broker: Broker, metrics: Metrics, capacity: int) -> None:
        """`capacity`: sessions from which on the pod takes no new ones."""
        self._host = host
        self._broker = broker
        self._capacity = capacity
        self._connections: set[Connection] = set()
        self._attached: dict[str, Connection] = {}
        self._detached: dict[str, float] = {}
        self._mail = asyncio.Event()
        self._empty = asyncio.Event()
        self.started = False
        self.stopping = False
        metrics.watch(lambda: self.active_sessions, lambda: len(self._connections))

    @property
    def active_sessions(self) -> int:
        """Sessions attached here, and those that still may resume after their socket closed here."""
        return len(self._attached) + len(self._detached)

    @property
    def connections(self) -> int:
        """Open sockets."""
        return len(self._connections)

    @property
    def matched_sessions(self) -> int:
        """Sessions attached here that are in a match."""
        return sum(connection.session.match is not None for connection in self._attached.values())

    @property
    def full(self) -> bool:
        """Whether this pod takes no new socket."""
        return len(self._connections) >= self._capacity

    async def serve(self, connection: Connection) -> None:
        """Serve one socket until it closes."""
        self._connections.add(connection)
        code = None
        try:
            code = await connection.run()
        finally:
            self._connections.discard(connection)
            if not self._connections:
                self._empty.set()
            session = connection.session
            if self._attached.get(session.sid) is connection:
                del self._attached[session.sid]
                if code not in OWN_CLOSE:
                    self._detached[session.sid] = time.monotonic() + self._host.timeouts.resume_window_ms / 1000

    def attach(self, connection: Connection, n: int) -> None:
        """Heed state from this connection, if it is the session's newest here."""
        session = connection.session
        self._detached.pop(session.sid, None)
        known = self._attached.get(session.sid)
        if known is not None and known.session.n > n:
            connection.change(partial(session.hinted, Taken(session.sid, known.session.n)))
            return
        self._attached[session.sid] = connection
        if known is not None and known is not connection:
            known.change(partial(known.session.hinted, Taken(session.sid, n)))

    def tell(self, pod: str, hint: Hint) -> None:
        """Pass a hint to its pod, which may be this one."""
        if pod == self._host.pod:
            self.hinted(hint)
        else:
            self._broker.tell(pod, hint)

    def hinted(self, hint: Hint) -> None:
        """Take a hint for this pod."""
        if isinstance(hint, Proposed):
            self._mail.set()
            return
        if isinstance(hint, Taken):
            self._detached.pop(hint.sid, None)
        connection = self._attached.get(hint.sid)
        if isinstance(hint, Taken) and connection is not None and connection.session.n < hint.n:
            del self._attached[hint.sid]
        if connection is not None:
            connection.change(partial(connection.session.hinted, hint))
        elif isinstance(hint, Relay):
            self.tell(hint.pod, MatchChanged(hint.sender, hint.m))

    async def run(self) -> None:
        """Do what time and the mailbox bring, until cancelled; the broker must have started."""
        self.started = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._read_mail())

    async def stop(self, within: float) -> None:
        """Ask all clients to move, and give them `within` seconds; then close what is left."""
        self.stopping = True
        goaway = Send(messages.Goaway(within_ms=int(within * 1000)))
        for connection in list(self._connections):
            connection.perform([goaway])
        if self._connections:
            self._empty.clear()
            try:
                async with asyncio.timeout(within):
                    await self._empty.wait()
            except TimeoutError:
                log.info("closing what did not move", connections=len(self._connections))
        for connection in list(self._connections):
            connection.close(errors.GOING_AWAY)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for connection in list(self._connections):
                connection.change(connection.session.tick)
            now = time.monotonic()
            for sid in [sid for sid, until in self._detached.items() if until <= now]:
                del self._detached[sid]

    async def _read_mail(self) -> None:
        while True:
            try:
                async with asyncio.timeout(MAILBOX_SECONDS):
                    await self._mail.wait()
            except TimeoutError:
                pass  # time to look without a hint
            self._mail.clear()
            try:
                async with asyncio.timeout(MAILBOX_SECONDS * 4):
                    for proposal in await self._broker.proposals():
                        await self._announce(proposal)
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("mailbox unavailable", error=str(error))

    async def _announce(self, proposal: Proposal) -> None:
        """Hand a proposal to those of its sessions that are here; abort it for one that is not here any more."""
        for ticket in (proposal.a, proposal.b):
            if ticket.pod != self._host.pod:
                continue
            connection = self._attached.get(ticket.sid)
            if connection is not None:
                connection.change(partial(connection.session.proposed, proposal))
                continue
            side = proposal.side_of(ticket.sid)
            await self._broker.ask(EndMatch(proposal.m, ticket.sid, "partner-lost", side, only_forming=True))
            await self._broker.ask(Announced(ticket.ticket, self._host.pod))
            _, partner = proposal.from_side(side)
            self.tell(partner.pod, MatchChanged(partner.sid, proposal.m))
