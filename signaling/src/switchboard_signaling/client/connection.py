"""An asyncio client that keeps its session over lost sockets and draining pods."""

import asyncio
import os
import random
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Self, TypeVar

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType
from aiohttp import ClientSession as Http

from switchboard_signaling.client.core import (
    ClientProblem,
    ClientSession,
    Event,
    Move,
    Online,
    Output,
    Renew,
    Stopped,
    Transmit,
)
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES, Path
from switchboard_signaling.wire.messages import PeerMessage

RETRY_FIRST: Final = 0.3
"""Upper limit in seconds of the random wait before the first attempt; doubled with each further one."""
RETRY_CEILING: Final = 5.0
CONNECT_SECONDS: Final = 5.0
"""Limit of one attempt."""
TOKEN_SECONDS: Final = 10.0
"""Time for the application to return a JWT."""
MAX_EVENTS: Final = 10_000
LATE: Final = 0.002
"""Seconds by which timers are set late, so that the event loop's coarser clock never fires one early."""

E = TypeVar("E", bound=Event)


class _TokenError(Exception):
    """The application returned no JWT."""


class Client:
    """A session with a pool. `url` may be a function that picks a pod for each socket.

    Use it as `async with Client(url) as client`, which returns once the server has welcomed the client; raises
    TimeoutError without a welcome, ConnectionError if the client is rejected. If the pool requires a JWT,
    `token(fresh)` returns one, or an awaitable of one. It is called for each socket, with `fresh` True if the previous
    JWT has expired or is about to. With `on_event`, events are passed to it at once, and `wait_for` sees none.
    `headers` are sent with each WebSocket request.

    Thousands of clients fit into one process: each has one task per socket, and a timer only while frames are
    unacknowledged.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        *,
        token: Callable[[bool], str | Awaitable[str]] | None = None,
        on_event: Callable[[Event], None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url if callable(url) else lambda: url
        self._token = token
        self._headers = headers
        self.session = ClientSession(lambda: secrets.token_urlsafe(16))
        self._events: asyncio.Queue[Event] = asyncio.Queue(MAX_EVENTS)
        self._on_event = on_event or self._events.put_nowait
        self._socket: ClientWebSocketResponse | None = None
        self._welcomed = False
        self._stopped = False
        self._entry: asyncio.Future[None] | None = None
        self._refusal: ClientProblem | None = None
        self._dial = asyncio.Event()
        self._attempts = 0
        self._received_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tick_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._entry = self._loop.create_future()
        self._http = Http()
        self._received_at = time.monotonic()
        self._dial.set()
        self._spawn(self._keep_connected())
        self._watch_silence()
        try:
            async with asyncio.timeout(2 * CONNECT_SECONDS):
                await self._entry
        except TimeoutError:
            await self.__aexit__()
            raise TimeoutError(f"no welcome from {self._url()} within {2 * CONNECT_SECONDS} s") from None
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

    async def join(
        self,
        attributes: dict[str, str] | None = None,
        required: dict[str, str] | None = None,
        *,
        mode: str = "",
        preferred: dict[str, str] | None = None,
        blocked: Sequence[str] = (),
    ) -> None:
        """Look for a peer; see wire.intents.Queued for the arguments."""
        self._received_at = time.monotonic()  # the server's answer is due from now on
        await self._perform(self.session.join(attributes, required, mode=mode, preferred=preferred, blocked=blocked))

    async def leave(self, reason: messages.LeaveReason = "user") -> None:
        """Stop looking, or leave the match."""
        await self._perform(self.session.leave(reason))

    async def say(self, frame: PeerMessage) -> None:
        """Send a frame to the peer; match, from, to and seq are filled in."""
        await self._perform(self.session.say(frame, time.monotonic()))

    async def report(self, stats: messages.Stats) -> None:
        """Report media statistics of the call; the match is filled in."""
        await self._perform(self.session.report(stats))

    async def connection(self, state: messages.CallState, path: Path | None = None, reason: str | None = None) -> None:
        """Report that the call's connection is connected, has failed permanently, or is closed."""
        await self._perform(self.session.connection(state, time.monotonic(), path, reason))

    async def wait_for(self, kind: type[E], seconds: float = 10.0) -> E:
        """Return the next event of a kind, skipping others.

        Raises TimeoutError with the skipped events, ConnectionError if the session does not continue here.
        """
        seen: list[Event] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await self._events.get()
                    if isinstance(event, kind):
                        return event
                    if isinstance(event, Stopped):
                        raise ConnectionError(f"the session does not continue here; skipped events: {seen}")
                    seen.append(event)
        except TimeoutError:
            raise TimeoutError(f"no {kind.__name__} within {seconds} s; skipped events: {seen}") from None

    async def drop(self) -> None:
        """Drop the socket without a close frame, as a network does; the client reconnects by itself."""
        self._cut()

    async def vanish(self) -> None:
        """Disconnect without a close frame and stay away, like a page on a machine that loses power."""
        await self._cancel_tasks()
        self._cut()
        await self._http.close()

    async def _cancel_tasks(self) -> None:
        for timer in (self._timer, self._watch):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    # The socket

    async def _keep_connected(self) -> None:
        while True:
            await self._dial.wait()
            self._dial.clear()
            if self._stopped:
                return
            try:
                auth = await self._authenticate()
                async with asyncio.timeout(CONNECT_SECONDS):
                    opened = await self._http.ws_connect(
                        self._url(),
                        protocols=[messages.SUBPROTOCOL],
                        max_msg_size=MAX_FRAME_BYTES,
                        headers=self._headers,
                    )
                    self._socket, self._welcomed = opened, False
                    await opened.send_str(messages.encode(self.session.greet(auth)).decode())
            except (ClientError, OSError, TimeoutError, _TokenError):
                await self._pause()
                continue
            self._spawn(self._read(opened))

    async def _authenticate(self) -> str | None:
        """Return the application's JWT; report its failure as an event, and raise _TokenError."""
        if self._token is None:
            return None
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                given = self._token(self.session.fresh)
                return given if isinstance(given, str) else await given
        except Exception as error:
            self._on_event(ClientProblem("token-failed", repr(error), "Fix the `token` function of the client."))
            raise _TokenError from error

    async def _renew(self) -> None:
        with suppress(_TokenError):  # the server asks again
            if auth := await self._authenticate():
                await self._perform(self.session.authenticate(auth))

    async def _pause(self) -> None:
        """Back off exponentially, with jitter, after each socket without a welcome; then have another one opened."""
        ceiling = min(RETRY_FIRST * 2 ** min(self._attempts, 16), RETRY_CEILING)
        self._attempts += 1
        await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter
        self._dial.set()

    async def _read(self, opened: ClientWebSocketResponse) -> None:
        with suppress(ClientError, OSError):
            async for message in opened:
                if message.type is WSMsgType.TEXT:
                    await self._receive(messages.decode_server(message.data), opened is self._socket)
        if opened is self._socket:
            self._welcomed = False
            stopped = self.session.closed(opened.close_code)
            if errors.reaction(opened.close_code) == "reconnect":
                self._attempts = 0  # another pod accepts this client: not a failed attempt
            await self._perform(stopped)
            if not stopped:
                await self._pause()

    async def _receive(self, frame: messages.ServerFrame, newest: bool) -> None:
        now = time.monotonic()
        if newest:
            self._received_at = now
            if isinstance(frame, messages.Welcome):
                self._welcomed = True
                self._attempts = 0
        await self._perform(self.session.receive(frame, now, newest))

    def _watch_silence(self) -> None:
        """Open another socket if the pod is silent, and check again when it may have become so."""
        if self._stopped:
            return
        now = time.monotonic()
        quiet_until = self._received_at + self.session.silence
        if now >= quiet_until:
            self._cut()
            self._received_at, quiet_until = now, now + self.session.silence
            self._dial.set()
        # At least once per heartbeat, because the interval is shorter when the client is not idle.
        soon = min(quiet_until - now, self.session.timeouts.heartbeat_ms / 1000)
        self._watch = self._loop.call_later(soon + LATE, self._watch_silence)

    def _cut(self) -> None:
        transport = self._socket.get_extra_info("socket") if self._socket is not None else None
        if transport is not None:
            # A copy, because uvloop lends a socket that cannot be shut down.
            with suppress(OSError), socket.socket(fileno=os.dup(transport.fileno())) as copy:
                copy.shutdown(socket.SHUT_RDWR)

    # Outputs of the session

    def _tick_when_due(self) -> None:
        """Call `tick` when it is due; there is one timer, which is set again if it would fire too late."""
        deadline = self.session.deadline
        if deadline is None or (self._timer is not None and self._tick_at <= deadline):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._tick_at = deadline
        self._timer = self._loop.call_later(max(deadline - time.monotonic(), 0) + LATE, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if outputs := self.session.tick(time.monotonic()):
            self._spawn(self._perform(outputs))
        self._tick_when_due()

    async def _perform(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if not isinstance(output, Transmit):
                self._stopped = self._stopped or isinstance(output, Stopped)
                if isinstance(output, Move):
                    self._dial.set()
                if isinstance(output, Renew):
                    self._spawn(self._renew())
                if self._entry is None or self._entry.done():
                    self._on_event(output)
                else:
                    self._enter(output, self._entry)
            elif self._welcomed and self._socket is not None:
                with suppress(ClientError, OSError):  # a lost socket is noticed, and replaced, by its reader
                    await self._socket.send_str(messages.encode(output.frame).decode())
        self._tick_when_due()

    def _enter(self, event: Event, entry: "asyncio.Future[None]") -> None:
        """Handle an event before the first welcome."""
        match event:
            case Online():
                entry.set_result(None)
            case Stopped():
                entry.set_exception(ConnectionError(f"rejected: {self._refusal}"))
            case ClientProblem():
                self._refusal = event
                self._on_event(event)
            case _:
                self._on_event(event)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._on_event(ClientProblem("client-failed", repr(error), "This is a bug in the client."))
