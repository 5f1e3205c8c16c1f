"""One pipelined connection to a node: all commands of one iteration of the event loop leave in one write."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import hiredis

REPLY_SECONDS: Final = 2.0
"""Time limit of a reply, after which the node counts as failed. A moving slot can block a node for half a second."""
LATE_SECONDS: Final = 0.25
"""Extra time before the node is blamed, in case the event loop itself was late."""
MAX_PENDING: Final = 10_000
"""Maximum number of commands waiting for their replies; above it, the node counts as busy."""

Words: TypeAlias = tuple[str | bytes | int | float, ...]
"""A command and its arguments."""


class Refusal(str):
    """Why a command has no reply: the text of the node's error, or one of ours, which begins with a lower-case word.

    It is returned in place of the reply, because the caller decides how to react.
    """

    __slots__ = ()


CLOSED: Final = Refusal("closed: by this side")


class Pipeline(asyncio.Protocol):
    """Sends commands and receives replies in order; pushed messages go to `pushed`."""

    def __init__(self, pushed: Callable[[list[Any]], None], closed: Callable[["Pipeline"], None]) -> None:
        self._pushed = pushed
        self._closed = closed
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(
            replyError=Refusal,  # type: ignore[arg-type]  # hiredis returns it like any reply
            encoding="utf-8",
            notEnoughData=Ellipsis,
        )
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._pending: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._watch: asyncio.TimerHandle | None = None
        self.subscribed = False
        self.lost: Refusal | None = None

    @property
    def idle(self) -> bool:
        """Whether no command waits for its reply."""
        return not self._pending

    def send(self, words: Words) -> "asyncio.Future[Any]":
        """Send a command with all others of this loop iteration; resolves to its reply or a Refusal, in time."""
        reply = self._loop.create_future()
        if self.lost is not None:
            reply.set_result(self.lost)
        elif len(self._pending) >= MAX_PENDING:
            reply.set_result(Refusal("busy: too many commands wait for this node"))
        else:
            if not self._unsent:
                self._loop.call_soon(self._flush)
            self._unsent.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub: a tuple of one
            self._pending.append((self._loop.time(), reply))
            if self._watch is None:
                self._watch = self._loop.call_later(REPLY_SECONDS, self._overdue, 0.0)
        return reply

    def close(self, why: Refusal | None = None) -> None:
        """Close at once; waiting commands resolve to `why`."""
        self.lost = self.lost or why or CLOSED
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Resolve all waiting commands."""
        self.lost = self.lost or Refusal(f"lost: {exc or 'the node closed the connection'}")
        if self._watch is not None:
            self._watch.cancel()
        self._closed(self)
        while self._pending:
            _, reply = self._pending.popleft()
            if not reply.done():
                reply.set_result(self.lost)

    def data_received(self, data: bytes) -> None:
        """Resolve the waiting commands with the replies."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not Ellipsis:
                self._resolve(reply)
        except (hiredis.ProtocolError, UnicodeDecodeError) as error:
            self.close(Refusal(f"garbled: {error}"))

    def _resolve(self, reply: Any) -> None:
        if isinstance(reply, hiredis.PushNotification):
            if reply[0] in ("ssubscribe", "sunsubscribe"):
                self.subscribed = reply[0] == "ssubscribe"
            if reply[0] != "ssubscribe":
                self._pushed(reply)
                return
        # The confirmation of a subscription is a push in place of a reply.
        if not self._pending:
            self.close(Refusal(f"garbled: a reply without a command: {reply!r}"))
            return
        _, waiting = self._pending.popleft()
        if not waiting.done():
            waiting.set_result(reply)

    def _flush(self) -> None:
        if self._transport is not None and self.lost is None:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _overdue(self, warned: float) -> None:
        """Close if the oldest command has waited too long; otherwise check again when it will have."""
        self._watch = None
        if not self._pending:
            return
        since, now = self._pending[0][0], self._loop.time()
        left = since + REPLY_SECONDS - now
        if left <= 0 and warned == since:
            self.close(Refusal(f"timeout: no reply within {REPLY_SECONDS} s"))
            return
        warned = since if left <= 0 else 0.0
        self._watch = self._loop.call_later(LATE_SECONDS if left <= 0 else left, self._overdue, warned)
