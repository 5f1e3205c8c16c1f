"""An asyncio client that keeps its session over lost sockets and stopping pods."""

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Final, Self, TypeVar

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType
from aiohttp import ClientSession as Http

from switchboard_signaling.protocol import errors, messages
from switchboard_signaling.protocol.client import ClientSession, Event, Move, Online, Output, Problem, Stopped, Transmit
from switchboard_signaling.protocol.effects import Spoken

RETRY_FIRST: Final = 0.1
RETRY_CEILING: Final = 5.0
TICK_SECONDS: Final = 0.1
CONNECT_SECONDS: Final = 5.0
MAX_EVENTS: Final = 10_000

E = TypeVar("E", bound=Event)
_NEVER: Final = frozenset(code.code for code in errors.CLOSE_CODES if not code.reconnect)


class Client:
    """A session with a pool. `url` may be a function that picks a pod for each socket.

    Use as `async with Client(url) as client`: it is welcomed then.
    """

    def __init__(self, url: str | Callable[[], str]) -> None:
        self._url = url if callable(url) else lambda: url
        self.session = ClientSession(lambda: secrets.token_urlsafe(16))
        self._events: asyncio.Queue[Event] = asyncio.Queue(MAX_EVENTS)
        self._socket: ClientWebSocketResponse | None = None
        self._welcomed = False
        self._dial = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._http = Http()
        self._dial.set()
        for work in (self._keep_connected(), self._repeat()):
            self._spawn(asyncio.create_task(work))
        await self.wait_for(Online)
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._cancel_tasks()
        if self._socket is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._socket.close()
        await self._http.close()

    async def join(self, attributes: dict[str, str] | None = None, required: dict[str, str] | None = None) -> None:
        """Look for a partner."""
        await self._perform(self.session.join(attributes, required))

    async def leave(self, reason: messages.LeaveReason = "user") -> None:
        """Stop looking, or leave the match."""
        await self._perform(self.session.leave(reason))

    async def say(self, frame: Spoken) -> None:
        """Say something to the partner; its numbers are filled in."""
        await self._perform(self.session.say(frame, time.monotonic()))

    async def wait_for(self, kind: type[E], seconds: float = 10.0) -> E:
        """Return the next event of a kind, passing over others; raises TimeoutError with what came instead."""
        seen: list[Event] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await self._events.get()
                    if isinstance(event, kind):
                        return event
                    seen.append(event)
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__} within {seconds} s, but {seen}") from None

    async def drop(self) -> None:
        """Lose the socket without a word, as a network does; the client connects again by itself."""
        if self._socket is not None:
            self._socket.get_extra_info("socket").shutdown(SHUT_RDWR)

    async def vanish(self) -> None:
        """Go without a word and stay away, as a page does whose machine loses power."""
        await self._cancel_tasks()
        await self.drop()
        await self._http.close()

    async def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _keep_connected(self) -> None:
        attempts = 0
        while True:
            await self._dial.wait()
            self._dial.clear()
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    socket = await self._http.ws_connect(
                        self._url(), protocols=[messages.SUBPROTOCOL], max_msg_size=messages.MAX_FRAME_BYTES
                    )
                    self._socket, self._welcomed = socket, False
                    await socket.send_str(messages.encode(self.session.greet()).decode())
            except (ClientError, OSError, TimeoutError):
                attempts += 1
                await self._pause(attempts)
                continue
            attempts = 0
            self._spawn(asyncio.create_task(self._read(socket)))

    async def _pause(self, attempts: int) -> None:
        await asyncio.sleep(random.uniform(0, min(RETRY_FIRST * 2**attempts, RETRY_CEILING)))  # noqa: S311 - jitter
        self._dial.set()

    async def _read(self, socket: ClientWebSocketResponse) -> None:
        with suppress(ClientError, OSError):
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    frame = messages.decode_server(message.data)
                    newest = socket is self._socket
                    if newest and isinstance(frame, messages.Welcome):
                        self._welcomed = True
                    await self._perform(self.session.receive(frame, time.monotonic(), newest))
        if socket is self._socket:
            self._welcomed = False
            if socket.close_code in _NEVER:
                self._events.put_nowait(Stopped())
            else:
                await self._pause(1)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            if self._welcomed:
                await self._perform(self.session.tick(time.monotonic()))

    async def _perform(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if not isinstance(output, Transmit):
                if isinstance(output, Move):
                    self._dial.set()
                self._events.put_nowait(output)
            elif self._welcomed and self._socket is not None:
                with suppress(ClientError, OSError):  # a lost socket is noticed, and replaced, by its reader
                    await self._socket.send_str(messages.encode(output.frame).decode())

    def _spawn(self, task: "asyncio.Task[None]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._events.put_nowait(Problem("client-failed", repr(error), "This is a fault of the client itself."))
