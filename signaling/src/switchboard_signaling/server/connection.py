"""One client's WebSocket: frames in, effects performed, in order and bounded."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from aiohttp import WSMsgType, web

from switchboard_signaling.broker.interface import Broker, BrokerUnavailableError
from switchboard_signaling.protocol import errors, messages
from switchboard_signaling.protocol.effects import Ask, Attach, Close, Effect, Hint, Send, Tell
from switchboard_signaling.protocol.session import Session
from switchboard_signaling.protocol.store import Question
from switchboard_signaling.server.metrics import Metrics
from switchboard_signaling.worker import Worker

SEND_SECONDS: Final = 5.0
"""A client that does not take a frame within this time is cut off; it resumes when its network is better."""
ASK_SECONDS: Final = 3.0
FRAMES_BURST: Final = 400
FRAMES_PER_SECOND: Final = 200
"""Far above what a call needs: candidates come in lists, and each frame is acknowledged by one."""
MAX_UNSENT: Final = 1024
MAX_QUESTIONS: Final = 64

log = structlog.get_logger(__name__)


class Switch(Protocol):
    """What a connection needs of the hub that it belongs to."""

    def attach(self, connection: "Connection", n: int) -> None:
        """Make a connection the one that state is heeded from."""

    def tell(self, pod: str, hint: Hint) -> None:
        """Pass a hint on."""


class Connection:
    """Performs the effects of one session; never blocks the caller."""

    def __init__(
        self, socket: web.WebSocketResponse, session: Session, broker: Broker, hub: Switch, metrics: Metrics
    ) -> None:
        self.session = session
        self._socket = socket
        self._broker = broker
        self._hub = hub
        self._metrics = metrics
        self._outbox: Worker[messages.ServerFrame | errors.CloseCode] = Worker(self._send, self._broken, MAX_UNSENT)
        self._questions: Worker[Question] = Worker(self._ask, self._broken, MAX_QUESTIONS)
        self._allowance = float(FRAMES_BURST)
        self._paced_at = time.monotonic()
        self._closing: asyncio.Task[None] | None = None

    async def run(self) -> int | None:
        """Serve the socket until it closes; return its close code."""
        try:
            while True:
                message = await self._socket.receive()
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return self._socket.close_code
                self._receive(message.type, message.data)
                await self._questions.room()
                await self._pace()
        finally:
            self.perform(self.session.closed())
            await self._questions.cancel()
            await self._outbox.cancel()
            if self._closing:
                await asyncio.wait([self._closing])

    def perform(self, effects: list[Effect]) -> None:
        """Do what the session wants done."""
        for effect in effects:
            match effect:
                case Send(frame=frame):
                    self._put(frame)
                case Tell(pod=pod, hint=hint):
                    self._hub.tell(pod, hint)
                case Ask(question=question):
                    if not self._questions.put(question):
                        self.perform(self.session.unanswered(question))
                case Attach(n=n):
                    self._hub.attach(self, n)
                case Close(code=code):
                    self._put(code)

    def change(self, decide: Callable[[float], list[Effect]]) -> None:
        """Perform what the session decides at this moment; its failure ends this socket and no other."""
        try:
            effects = decide(time.monotonic())
        except Exception as error:  # noqa: BLE001 - a fault in one session must not reach its caller's session
            self._broken(error)
        else:
            self.perform(effects)

    def close(self, code: errors.CloseCode) -> None:
        """Close the socket now, whatever waits to be sent."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(code))

    async def _pace(self) -> None:
        """Read more slowly from a client that sends faster than anybody needs to (token bucket)."""
        now = time.monotonic()
        self._allowance = min(FRAMES_BURST, self._allowance + (now - self._paced_at) * FRAMES_PER_SECOND) - 1
        self._paced_at = now
        if self._allowance < 0:
            await asyncio.sleep(-self._allowance / FRAMES_PER_SECOND)

    def _receive(self, kind: WSMsgType, data: bytes) -> None:
        try:
            if kind is WSMsgType.BINARY:
                raise errors.BAD_FRAME.because("it is a binary message, not text")
            frame = messages.decode_client(data)
        except errors.ProtocolError as error:
            self._metrics.refused.labels(error.kind.code).inc()
            self.perform(self.session.refused(error))
            return
        self._metrics.received.labels(type(frame).__name__).inc()
        self.change(lambda now: self.session.receive(frame, now))

    def _put(self, item: messages.ServerFrame | errors.CloseCode) -> None:
        if not self._outbox.put(item):
            self.close(errors.CLOSE_TOO_SLOW)

    async def _send(self, item: messages.ServerFrame | errors.CloseCode) -> None:
        if isinstance(item, errors.CloseCode):
            self.close(item)
            return
        async with asyncio.timeout(SEND_SECONDS):
            await self._socket.send_frame(messages.encode(item), WSMsgType.TEXT)

    async def _ask(self, question: Question) -> None:
        try:
            async with asyncio.timeout(ASK_SECONDS):
                reply = await self._broker.ask(question)
        except (BrokerUnavailableError, TimeoutError) as error:
            log.warning(
                "store unavailable", session=self.session.sid, question=type(question).__name__, error=str(error)
            )
            self.perform(self.session.unanswered(question))
            return
        self.change(lambda now: self.session.answered(question, reply, now))

    def _broken(self, error: Exception) -> None:
        if isinstance(error, TimeoutError | ConnectionError):
            self.close(errors.CLOSE_TOO_SLOW)
            return
        log.error("session failed", session=self.session.sid, exc_info=error)
        self.close(errors.INTERNAL)

    async def _close(self, code: errors.CloseCode) -> None:
        await self._socket.close(code=code.code, message=code.reason.encode())
