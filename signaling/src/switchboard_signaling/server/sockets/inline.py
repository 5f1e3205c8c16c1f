"""Frames are handled within the read that received them, without resuming a task for each.

aiohttp's public API for receiving is a coroutine: it queues a message, resolves a future and resumes a task. That costs
more than all that a signaling server does with a message. Here, text messages bypass the queue while it is empty.
Everything else (control frames, errors, and frames of a client that is slowed down) takes the public path, in order and
with aiohttp's own back-pressure on the transport.

This depends on private parts of WebSocketResponse in aiohttp 3.14, which the tests check. With any other version only
the public path is used, until those parts have been reviewed.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import aiohttp
from aiohttp import WSMsgType, web
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.helpers import DEFAULT_CHUNK_SIZE
from aiohttp.http import WebSocketReader

KNOWN_AIOHTTP: Final = "3.14."
"""Prefix of the versions whose private parts are known."""

_TEXT: Final = WSMsgType.TEXT  # a look-up in the enum would take longer than the rest of `feed_data`

Take: TypeAlias = Callable[[bytes], bool]
"""Handles a text frame at once, or returns False to queue it; must not raise."""


class _Shortcut(WebSocketDataQueue):
    """aiohttp's queue of received messages, which text messages bypass while it is empty."""

    __slots__ = ("take",)

    take: Take | None

    def feed_data(self, data: Any, size: int) -> None:
        if self.take is None or self._buffer or data[0] is not _TEXT or not self.take(data[1]):
            super().feed_data(data, size)


class InlineSocket(web.WebSocketResponse):
    """A WebSocketResponse without compression that passes text messages on, as bytes, while they are read."""

    _reader: _Shortcut | None

    def take_with(self, take: Take) -> None:
        """Pass text messages to `take` from now on; queued and refused ones go to `receive`.

        Raises RuntimeError before `prepare`.
        """
        if self._reader is None:
            raise RuntimeError("Call .prepare() first")
        self._reader.take = take

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
        """Do what aiohttp does, with the shortcut in place of its queue."""
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = _Shortcut(request.protocol, DEFAULT_CHUNK_SIZE, loop=asyncio.get_running_loop())
        self._reader.take = None
        self._parser = WebSocketReader(self._reader, self._max_msg_size, compress=False, decode_text=False)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)


def inlines() -> bool:
    """Whether the private parts of this aiohttp are known."""
    return aiohttp.__version__.startswith(KNOWN_AIOHTTP)


def make_socket(protocol: str, max_bytes: int, close_seconds: float) -> web.WebSocketResponse:
    """Return a socket without compression whose text messages are bytes; inline if that is known to work."""
    kind = InlineSocket if inlines() else web.WebSocketResponse
    return kind(protocols=[protocol], compress=False, max_msg_size=max_bytes, decode_text=False, timeout=close_seconds)
