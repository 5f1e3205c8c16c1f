"""All connections of a pod: who is attached, what hints reach whom, what is due."""

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
from switchboard_signaling.server.sockets.writer import Corks
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.hints import Hint, MatchChanged, Proposed, Relay, Superseded
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.limits import UNLIMITED, rate
from switchboard_signaling.session.records import Announced, EndMatch
from switchboard_signaling.wire import errors

TICK_SECONDS: Final = 1.0
"""How often each session is asked what is due."""
SPOKES: Final = 20
"""Parts in which that is done: with 20,000 sessions one part keeps the loop for about a millisecond."""
FRAME_BURST_SECONDS: Final = 2.0
"""A client may send as many frames at once as it may in this time."""
MAILBOX_SECONDS: Final = 0.5
"""How often the mailbox is read without a hint."""
OWN_CLOSE: Final = frozenset({1000, errors.CLOSE_DISCONNECTED.code, errors.CLOSE_BLOCKED.code})
"""Close codes of those who do not come back: a client says so by 1000 (RFC 6455 section 7.4.1); a reload sends 1001."""

log = structlog.get_logger(__name__)


class SessionListener(Protocol):
    """Who takes note of what sessions do; it must neither fail nor block."""

    def note(self, session: Session, fact: Fact) -> None:
        """Take note of what a session says of itself."""

    def closed(self, session: Session, code: int | None) -> None:
        """Take note that a session's socket is closed."""

    def gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        """Take note that a session is no more on this pod."""


class Hub:
    """The pod's switchboard."""

    def __init__(
        self,
        host: Host,
        broker: Broker,
        metrics: Metrics,
        capacity: int,
        frames_per_second: float = 0.0,
        witnesses: Sequence[SessionListener] = (),
    ) -> None:
        """`capacity`: sessions from which on the pod takes no new ones; `frames_per_second` of each; 0: no limit."""
        self._witnesses = witnesses
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
        self.corks = Corks()
        self.frame_rate = rate(frames_per_second, FRAME_BURST_SECONDS) or UNLIMITED
        self._close_counted = metrics.close
        self._fault = metrics.fault
        self.started = False
        self.stopping = False
        metrics.watch(lambda: self.active_sessions, lambda: self._open)

    @property
    def active_sessions(self) -> int:
        """Sessions attached here, and those that still may resume after their socket closed here."""
        return len(self._attached) + len(self._detached)

    @property
    def connections(self) -> int:
        """Open sockets."""
        return self._open

    @property
    def open(self) -> list[Connection]:
        """The open sockets."""
        return [connection for spoke in self._wheel for connection in spoke]

    @property
    def matched_sessions(self) -> int:
        """Sessions attached here that are in a match."""
        return sum(connection.session.match is not None for connection in self._attached.values())

    @property
    def sessions(self) -> Iterable[str]:
        """The ids of the sessions attached here."""
        return self._attached.keys()

    def session(self, session_id: str) -> Session | None:
        """Return a session that is attached here."""
        connection = self._attached.get(session_id)
        return connection.session if connection else None

    @property
    def full(self) -> bool:
        """Whether this pod takes no new socket."""
        return self._open >= self._capacity

    def opened(self, connection: Connection) -> None:
        """Take a socket in: time comes to it until it is `closed`.

        Two calls rather than one to await: its frame would be kept for as long as each socket is open.
        """
        next(self._next_spoke).add(connection)
        self._open += 1

    def closed(self, connection: Connection, code: int | None) -> None:
        """Let a socket go that closed with a code, None if it broke off; its session may be resumed elsewhere."""
        for spoke in self._wheel:
            spoke.discard(connection)
        self._open -= 1
        if not self._open:
            self._empty.set()
        session = connection.session
        self._close_counted(code)
        self._witness(lambda witness: witness.closed(session, code))
        if self._attached.get(session.session_id) is connection:
            del self._attached[session.session_id]
            if code in OWN_CLOSE:
                self._gone(session.session_id, "left")
            else:
                self._detached[session.session_id] = time.monotonic() + self._host.timeouts.resume_window_ms / 1000

    def attach(self, connection: Connection, socket_number: int) -> None:
        """Heed state from this connection, if it is the session's newest here."""
        session = connection.session
        self._detached.pop(session.session_id, None)
        known = self._attached.get(session.session_id)
        if known is not None and known.session.socket_number > socket_number:
            connection.change(partial(session.hinted, Superseded(session.session_id, known.session.socket_number)))
            return
        self._attached[session.session_id] = connection
        if known is not None and known is not connection:
            known.change(partial(known.session.hinted, Superseded(session.session_id, socket_number)))

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Pass a hint to its pod, which may be this one."""
        if pod == self._host.pod:
            self.hinted(hint)
        else:
            self._broker.send_hint(pod, hint)

    def hinted(self, hint: Hint) -> None:
        """Take a hint for this pod."""
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
        """Deliver what a partner said: most of what a pod does, so that nothing is wrapped around it."""
        connection = self._attached.get(hint.session_id)
        if connection is None:
            self.send_hint(hint.pod, MatchChanged(hint.sender, hint.match_id))
        else:
            connection.deliver(hint)

    def note(self, session: Session, fact: Fact) -> None:
        """Have it noted what a session says of itself."""
        self._witness(lambda witness: witness.note(session, fact))

    def _moved(self, hint: Superseded) -> None:
        known = self._attached.get(hint.session_id)
        if self._detached.pop(hint.session_id, None) or (
            known is not None and known.session.socket_number < hint.socket_number
        ):
            self._gone(hint.session_id, "moved")

    def _gone(self, session_id: str, how: Literal["left", "moved", "expired"]) -> None:
        self._witness(lambda witness: witness.gone(session_id, how))

    def _witness(self, tell: Callable[[SessionListener], None]) -> None:
        for witness in self._witnesses:
            try:
                tell(witness)
            except Exception as error:  # noqa: BLE001 - who takes notes must not disturb calls
                self._fault("witness", error)

    async def run(self) -> None:
        """Do what time and the mailbox bring, until cancelled; the broker must have started."""
        self.started = True
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            tasks.create_task(self._read_mail())

    async def empty(self, within: float) -> None:
        """Return once no socket is open, or after `within` seconds."""
        if self._open:
            self._empty.clear()
            try:
                async with asyncio.timeout(within):
                    await self._empty.wait()
            except TimeoutError:
                log.info("closing what did not move", connections=self._open)

    async def _tick(self) -> None:
        """Turn the wheel: a spoke at a time, so that no moment has to bear all sessions' heartbeats."""
        while True:
            for spoke in self._wheel:
                await asyncio.sleep(TICK_SECONDS / SPOKES)
                for connection in list(spoke):
                    connection.change(connection.session.tick)
            self._forget_detached(time.monotonic())

    def _forget_detached(self, now: float) -> None:
        """Forget sessions that cannot be resumed any more; the oldest come first."""
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
                pass  # time to look without a hint
            self._mail.clear()
            try:
                async with asyncio.timeout(MAILBOX_SECONDS * 4):
                    for proposal in await self._broker.proposals():
                        await self._announced(proposal)
            except (BrokerUnavailableError, TimeoutError) as error:
                log.warning("mailbox unavailable", error=str(error))

    async def _announced(self, proposal: Proposal) -> None:
        """Announce a proposal; an unexpected exception concerns no other one."""
        try:
            await self._announce(proposal)
        except (BrokerUnavailableError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - counted and logged
            self._fault("mailbox", error)

    async def _announce(self, proposal: Proposal) -> None:
        """Hand a proposal to those of its sessions that are here; abort it for one that is not here any more."""
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
