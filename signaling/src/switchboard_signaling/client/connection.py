"""An asyncio client that keeps its session over lost sockets and stopping pods."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Final, Self, TypeVar

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType
from aiohttp import ClientSession as Http

from switchboard_signaling.protocol import messages
from switchboard_signaling.protocol.client import (
    ClientSession,
    Event,
    Move,
    Online,
    Output,
    Problem,
    Renew,
    Stopped,
    Transmit,
)
from switchboard_signaling.protocol.effects import Spoken

RETRY_FIRST: Final = 0.1
RETRY_CEILING: Final = 5.0
TICK_SECONDS: Final = 0.1
CONNECT_SECONDS: Final = 5.0
TOKEN_SECONDS: Final = 10.0
"""For the application to give a JWT."""
MAX_EVENTS: Final = 10_000

E = TypeVar("E", bound=Event)


class _TokenError(Exception):
    """The application gave no JWT."""


class Client:
    """A session with a pool. `url` may be a function that picks a pod for each socket.

    Use as `async with Client(url) as client`: it is welcomed then. Where the pool asks for a JWT, `token(fresh)`
    returns or promises one: it is called for each socket, and with `fresh` True when the one it gave has expired or is
    about to.
    """

    def __init__(
        self, url: str | Callable[[], str], token: Callable[[bool], str | Awaitable[str]] | None = None
    ) -> None:
        self._url = url if callable(url) else lambda: url
        self._token = token
        self._attempts = 0
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
        try:
            await self.wait_for(Online)
        except BaseException:
            await self.__aexit__()
            raise
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

    async def report(self, stats: messages.Stats) -> None:
        """Say how the media of the call has been; `m` is filled in."""
        await self._perform(self.session.report(stats))

    async def connection(
        self, state: messages.CallState, path: messages.Path | None = None, reason: str | None = None
    ) -> None:
        """Say that the call's connection is connected, has failed for good, or is closed."""
        await self._perform(self.session.connection(state, time.monotonic(), path, reason))

    async def wait_for(self, kind: type[E], seconds: float = 10.0) -> E:
        """Return the next event of a kind, passing over others.

        Raises TimeoutError with what came instead, ConnectionError if the session does not go on here.
        """
        seen: list[Event] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await self._events.get()
                    if isinstance(event, kind):
                        return event
                    if isinstance(event, Stopped):
                        raise ConnectionError(f"the session does not go on here; before that came {seen}")
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
        while True:
            await self._dial.wait()
            self._dial.clear()
            try:
                auth = await self._authenticate()
                async with asyncio.timeout(CONNECT_SECONDS):
                    socket = await self._http.ws_connect(
                        self._url(), protocols=[messages.SUBPROTOCOL], max_msg_size=messages.MAX_FRAME_BYTES
                    )
                    self._socket, self._welcomed = socket, False
                    await socket.send_str(messages.encode(self.session.greet(auth)).decode())
            except (ClientError, OSError, TimeoutError, _TokenError):
                await self._pause()
                continue
            self._spawn(asyncio.create_task(self._read(socket)))

    async def _authenticate(self) -> str | None:
        """Return the application's JWT; a failure of the application is told, and raised as _TokenError."""
        if self._token is None:
            return None
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                given = self._token(self.session.fresh)
                return given if isinstance(given, str) else await given
        except Exception as error:
            self._events.put_nowait(Problem("token-failed", repr(error), "Mend what gives the client its JWT."))
            raise _TokenError from error

    async def _renew(self) -> None:
        with suppress(_TokenError):  # the server asks again
            if auth := await self._authenticate():
                await self._perform(self.session.authenticate(auth))

    async def _pause(self) -> None:
        """Wait before the next socket: longer with each that got no welcome."""
        self._attempts += 1
        ceiling = min(RETRY_FIRST * 2 ** min(self._attempts, 16), RETRY_CEILING)
        await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter
        self._dial.set()

    async def _read(self, socket: ClientWebSocketResponse) -> None:
        with suppress(ClientError, OSError):
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    frame = messages.decode_server(message.data)
                    newest = socket is self._socket
                    if newest and isinstance(frame, messages.Welcome):
                        self._welcomed, self._attempts = True, 0
                    await self._perform(self.session.receive(frame, time.monotonic(), newest))
        if socket is self._socket:
            self._welcomed = False
            stopped = self.session.closed(socket.close_code)
            await self._perform(stopped)
            if not stopped:
                await self._pause()

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
                if isinstance(output, Renew):
                    self._spawn(asyncio.create_task(self._renew()))
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
