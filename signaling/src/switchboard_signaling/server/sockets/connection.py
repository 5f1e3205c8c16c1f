"""One client's WebSocket: frames in, effects performed, in order and bounded."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.server.access.connection_limiter import ClientAddress
from switchboard_signaling.server.sockets.inline import InlineSocket
from switchboard_signaling.server.sockets.writer import SocketWriter, WriteBatcher
from switchboard_signaling.server.telemetry.frame_log import SocketLog
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import (
    Ask,
    Attach,
    Close,
    Effect,
    Limited,
    Record,
    Send,
    SendHint,
    Suspect,
    Verify,
)
from switchboard_signaling.session.events import Fact
from switchboard_signaling.session.hints import Hint, Relay
from switchboard_signaling.session.limits import Bucket, Rate
from switchboard_signaling.session.records import Question
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.worker import Worker

ASK_SECONDS: Final = 3.0
MAX_QUESTIONS: Final = 64

pause = asyncio.sleep
log = structlog.get_logger(__name__)


class Switch(Protocol):
    """What a connection needs from its hub."""

    batcher: WriteBatcher
    frame_rate: Rate
    """Limit on the frames of a client."""

    def attach(self, connection: "Connection", socket_number: int) -> None:
        """Make this connection authoritative for its session."""

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Send a hint to a pod."""

    def record(self, session: Session, fact: Fact) -> None:
        """Pass a fact about a session to the listeners."""


class Connection:
    """Performs the effects of one session; never blocks the caller."""

    __slots__ = (
        "_address", "_broker", "_closed_with", "_closing", "_frames", "_hub", "_metrics", "_questions", "_slowed",
        "_socket", "_transport", "_verification", "_writer", "frame_log", "session",
    )  # fmt: skip

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        session: Session,
        broker: Broker,
        hub: Switch,
        metrics: Metrics,
        address: ClientAddress,
    ) -> None:
        self.session = session
        self.frame_log: SocketLog | None = None
        """Logs this socket while its client is watched."""
        self._socket = socket
        self._transport = transport
        self._broker = broker
        self._hub = hub
        self._metrics = metrics
        self._address = address
        self._verification: asyncio.Task[None] | None = None
        self._writer = SocketWriter(socket, transport, hub.batcher)
        self._questions: Worker[Question] = Worker(self._ask, self._broken, MAX_QUESTIONS)
        self._frames = Bucket(hub.frame_rate, time.monotonic())
        self._slowed = False
        self._closing: asyncio.Task[None] | None = None
        self._closed_with: int | None = None

    async def run(self) -> int | None:
        """Serve the socket until it closes; return its close code, None if the connection broke."""
        if isinstance(self._socket, InlineSocket):
            self._socket.take_with(self._take)
        try:
            while True:
                message = await self._socket.receive()
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return self._code(message.type)
                self._slowed = True
                now = time.monotonic()
                wait = self._frames.spend(now)
                if message.type is WSMsgType.TEXT:
                    self._receive(message.data, now)
                else:
                    self._refuse(errors.BAD_FRAME.because("it is a binary message, not text"))
                await self._questions.room()
                if wait:
                    self._metrics.limited.labels("frames").inc()
                    await pause(wait)
                self._slowed = False
        finally:
            self._slowed = True
            self.perform(self.session.closed())
            if self._verification:
                self._verification.cancel()
            # Clients often close right after `leave`; their peer must be notified all the same.
            await self._questions.finish(ASK_SECONDS)
            if self._closing:
                await asyncio.wait([self._closing])

    def _code(self, kind: WSMsgType) -> int | None:
        """Return the close code, ours if we closed first; None if the connection broke, which aiohttp reports as OK."""
        if self._closed_with is not None:
            return self._closed_with
        code = self._socket.close_code
        return None if kind is WSMsgType.CLOSED and code == WSCloseCode.OK else code

    def perform(self, effects: list[Effect]) -> None:
        """Perform the session's effects."""
        if self.frame_log is not None:
            self._log(self.frame_log.decided, effects)
        for effect in effects:
            match effect:
                case Send():
                    if not self._writer.put(messages.encode(effect.frame)):
                        self.close(errors.CLOSE_TOO_SLOW)
                case SendHint():
                    self._hub.send_hint(effect.pod, effect.hint)
                case Ask():
                    self._put_question(effect.question)
                case Attach():
                    self._attach(effect.socket_number, effects)
                case Close():
                    self._writer.flush()
                    self.close(effect.code)
                case _:
                    self._perform_other(effect)

    def _attach(self, socket_number: int, effects: list[Effect]) -> None:
        watched = self.frame_log is not None
        self._hub.attach(self, socket_number)
        if not watched and self.frame_log is not None:  # from this step on, so that the log has the `welcome`
            self._log(self.frame_log.decided, effects)

    def _put_question(self, question: Question) -> None:
        if not self._questions.put(question):
            self.perform(self.session.unanswered(question))
        elif not self._questions.has_room:
            self._slowed = True

    def change(self, decide: Callable[[float], list[Effect]]) -> None:
        """Perform what the session decides now; an exception ends this socket and no other."""
        try:
            self.perform(decide(time.monotonic()))
        except Exception as error:  # noqa: BLE001 - a fault of one session must not reach the caller's session
            self._broken(error)

    def deliver(self, relay: Relay) -> None:
        """Deliver the peer's frame; exceptions as in `change`."""
        try:
            self.perform(self.session.deliver(relay, time.monotonic()))
        except Exception as error:  # noqa: BLE001 - as in `change`
            self._broken(error)

    def close(self, code: errors.CloseCode) -> None:
        """Close the socket now, without waiting for unsent frames."""
        if self._closing is None:
            self._closed_with = code.code
            self._closing = asyncio.create_task(self._close(code))

    def _take(self, data: bytes) -> bool:
        """Handle a text frame within the read that received it; False for a client that is slowed down (see `run`)."""
        if self._slowed:
            return False
        now = time.monotonic()
        if self._frames.take(now):
            return False
        self._receive(data, now)
        return True

    def _refuse(self, error: errors.ProtocolError) -> None:
        self._metrics.refused.labels(error.kind.code).inc()
        if self.frame_log is not None:
            self._log(self.frame_log.refused, error)
        self.perform(self.session.refused(error))

    def _receive(self, data: bytes, now: float) -> None:
        try:
            frame = messages.decode_client(data)
        except errors.ProtocolError as error:
            self._refuse(error)
            return
        self._metrics.received[type(frame)] += 1
        if self.frame_log is not None:
            self._log(self.frame_log.received, frame, len(data))
        try:
            self.perform(self.session.receive(frame, now))
        except Exception as error:  # noqa: BLE001 - as in `change`
            self._broken(error)

    def _perform_other(self, effect: Verify | Suspect | Limited | Record) -> None:
        """Perform an effect that concerns neither the client nor the store."""
        match effect:
            case Verify(token=token):
                self._verification = asyncio.create_task(self._verify(token))
            case Suspect():
                self._address.suspect()
            case Limited(limit=limit):
                self._metrics.limited.labels(limit).inc()
            case Record(fact=fact):
                self._hub.record(self.session, fact)

    async def _verify(self, token: str) -> None:
        try:
            found = await self._address.verify(token)
        except Exception as error:  # noqa: BLE001 - as in `change`
            self._broken(error)
            return
        self._verification = None
        self.change(lambda now: self.session.verified(found, now))

    async def _ask(self, question: Question) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reply = await self._broker.ask(question)
        except (BrokerUnavailableError, TimeoutError) as error:
            log.warning(
                "store_unavailable", session=self.session.session_id, question=type(question).__name__, error=error
            )
            self.perform(self.session.unanswered(question))
            return
        self.change(lambda now: self.session.answered(question, reply, now))

    def _log(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write to the log of a watched socket; a fault there ends the log, not the socket."""
        try:
            write(*arguments)
        except Exception as error:  # noqa: BLE001 - counted and logged
            self.frame_log = None
            self._metrics.fault("watch", error, session=self.session.session_id)

    def _broken(self, error: Exception) -> None:
        self._metrics.fault("session", error, session=self.session.session_id)
        self.close(errors.INTERNAL)

    async def _close(self, code: errors.CloseCode) -> None:
        """Send the close frame, and wait for the reply within the socket's own timeout."""
        try:
            await self._socket.close(code=code.code, message=code.reason.encode(), drain=False)
        finally:
            if self._transport.get_write_buffer_size():
                self._transport.abort()  # a client that does not read would block the close
