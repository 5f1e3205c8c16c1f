"""One client's WebSocket: frames in, effects performed, in order and bounded."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from aiohttp import WSCloseCode, WSMsgType, web

from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.server.access.gate import Visitor
from switchboard_signaling.server.sockets.inline import InlineSocket
from switchboard_signaling.server.sockets.writer import Corks, Wire
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
    """What a connection needs of the hub that it belongs to."""

    corks: Corks
    frame_rate: Rate
    """How many frames a client may send."""

    def attach(self, connection: "Connection", socket_number: int) -> None:
        """Make a connection the one that state is heeded from."""

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Pass a hint on."""

    def note(self, session: Session, fact: Fact) -> None:
        """Have it noted what a session says of itself."""


class Connection:
    """Performs the effects of one session; never blocks the caller."""

    __slots__ = (
        "_broker", "_closed_with", "_closing", "_frames", "_hub", "_metrics", "_questions", "_slowed", "_socket",
        "_transport", "_verification", "_visitor", "_wire", "session",
    )  # fmt: skip

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        session: Session,
        broker: Broker,
        hub: Switch,
        metrics: Metrics,
        visitor: Visitor,
    ) -> None:
        self.session = session
        self._socket = socket
        self._transport = transport
        self._broker = broker
        self._hub = hub
        self._metrics = metrics
        self._visitor = visitor
        self._verification: asyncio.Task[None] | None = None
        self._wire = Wire(socket, transport, hub.corks)
        self._questions: Worker[Question] = Worker(self._ask, self._broken, MAX_QUESTIONS)
        self._frames = Bucket(hub.frame_rate, time.monotonic())
        self._slowed = False
        self._closing: asyncio.Task[None] | None = None
        self._closed_with: int | None = None

    async def run(self) -> int | None:
        """Serve the socket until it closes; return its close code, None if it broke off."""
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
            # Who says that he leaves often closes at once; the partner must hear of it all the same.
            await self._questions.finish(ASK_SECONDS)
            if self._closing:
                await asyncio.wait([self._closing])

    def _code(self, kind: WSMsgType) -> int | None:
        """Return the close code, ours if we closed first; None for a socket that broke off, which aiohttp calls OK."""
        if self._closed_with is not None:
            return self._closed_with
        code = self._socket.close_code
        return None if kind is WSMsgType.CLOSED and code == WSCloseCode.OK else code

    def perform(self, effects: list[Effect]) -> None:
        """Do what the session wants done."""
        for effect in effects:
            match effect:
                case Send():
                    if not self._wire.put(messages.encode(effect.frame)):
                        self.close(errors.CLOSE_TOO_SLOW)
                case SendHint():
                    self._hub.send_hint(effect.pod, effect.hint)
                case Ask():
                    if not self._questions.put(effect.question):
                        self.perform(self.session.unanswered(effect.question))
                    elif not self._questions.has_room:
                        self._slowed = True
                case Attach():
                    self._hub.attach(self, effect.socket_number)
                case Close():
                    self._wire.flush()
                    self.close(effect.code)
                case _:
                    self._tell_shell(effect)

    def change(self, decide: Callable[[float], list[Effect]]) -> None:
        """Perform what the session decides at this moment; its failure ends this socket and no other."""
        try:
            self.perform(decide(time.monotonic()))
        except Exception as error:  # noqa: BLE001 - a fault in one session must not reach its caller's session
            self._broken(error)

    def deliver(self, relay: Relay) -> None:
        """Pass on what the partner said; as `change` does."""
        try:
            self.perform(self.session.deliver(relay, time.monotonic()))
        except Exception as error:  # noqa: BLE001 - as in `change`
            self._broken(error)

    def close(self, code: errors.CloseCode) -> None:
        """Close the socket now, whatever waits to be sent."""
        if self._closing is None:
            self._closed_with = code.code
            self._closing = asyncio.create_task(self._close(code))

    def _take(self, data: bytes) -> bool:
        """Handle a text within the read that brought it; False for a client that has to wait (see `run`)."""
        if self._slowed:
            return False
        now = time.monotonic()
        if self._frames.take(now):
            return False
        self._receive(data, now)
        return True

    def _refuse(self, error: errors.ProtocolError) -> None:
        self._metrics.refused.labels(error.kind.code).inc()
        self.perform(self.session.refused(error))

    def _receive(self, data: bytes, now: float) -> None:
        try:
            frame = messages.decode_client(data)
        except errors.ProtocolError as error:
            self._refuse(error)
            return
        self._metrics.received[type(frame)] += 1
        try:
            self.perform(self.session.receive(frame, now))
        except Exception as error:  # noqa: BLE001 - as in `change`
            self._broken(error)

    def _tell_shell(self, effect: Verify | Suspect | Limited | Record) -> None:
        """Pass on what is neither for the client nor for the store."""
        match effect:
            case Verify(token=token):
                self._verification = asyncio.create_task(self._verify(token))
            case Suspect():
                self._visitor.suspect()
            case Limited(limit=limit):
                self._metrics.limited.labels(limit).inc()
            case Record(fact=fact):
                self._hub.note(self.session, fact)

    async def _verify(self, token: str) -> None:
        try:
            found = await self._visitor.verify(token)
        except Exception as error:  # noqa: BLE001 - a fault in one session must not go unseen
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
                "store unavailable", session=self.session.session_id, question=type(question).__name__, error=str(error)
            )
            self.perform(self.session.unanswered(question))
            return
        self.change(lambda now: self.session.answered(question, reply, now))

    def _broken(self, error: Exception) -> None:
        self._metrics.fault("session", error, session=self.session.session_id)
        self.close(errors.INTERNAL)

    async def _close(self, code: errors.CloseCode) -> None:
        """Say goodbye, and wait for the answer as long as the socket's own timeout lets it."""
        try:
            await self._socket.close(code=code.code, message=code.reason.encode(), drain=False)
        finally:
            if self._transport.get_write_buffer_size():
                self._transport.abort()  # closing would wait for a client that takes nothing
