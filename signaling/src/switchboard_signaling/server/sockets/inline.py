"""Frames handled within the read that brought them, without waking a task for each.

aiohttp's public way to receive is a coroutine: a message is queued, a future resolved, a task resumed. That costs more
than all that a signaling server does with a message. Here text messages skip the queue while nothing waits in it;
everything else (control frames, errors, what comes while a client is slowed down) goes the public way, in order, and
with aiohttp's own back-pressure on the transport.

This leans on how aiohttp 3.14 builds its WebSocketResponse, which is not public. Its tests hold what is relied upon;
with another aiohttp the public way serves alone, until they have been looked at.
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
"""Versions whose private parts are known."""

_TEXT: Final = WSMsgType.TEXT  # looking a member up in its class takes longer than all the rest of `feed_data`

Take: TypeAlias = Callable[[bytes], bool]
"""Handles a text frame at once, or returns False to have it queued; must not raise."""


class _Shortcut(WebSocketDataQueue):
    """aiohttp's queue of received messages, which text passes by while nobody has to wait."""

    __slots__ = ("take",)

    take: Take | None

    def feed_data(self, data: Any, size: int) -> None:
        if self.take is None or self._buffer or data[0] is not _TEXT or not self.take(data[1]):
            super().feed_data(data, size)


class InlineSocket(web.WebSocketResponse):
    """A WebSocketResponse, uncompressed and with texts as bytes, that can hand texts on as they are read."""

    _reader: _Shortcut | None

    def take_with(self, take: Take) -> None:
        """Hand texts to `take` from now on; those that are queued by now, and those that it refuses, to `receive`.

        Raises RuntimeError before `prepare`.
        """
        if self._reader is None:
            raise RuntimeError("Call .prepare() first")
        self._reader.take = take

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: Any) -> None:
        """Do what aiohttp does, with the shortcut for its queue."""
        self._ws_protocol = protocol
        self._writer = writer
        self._reader = _Shortcut(request.protocol, DEFAULT_CHUNK_SIZE, loop=asyncio.get_running_loop())
        self._reader.take = None
        self._parser = WebSocketReader(self._reader, self._max_msg_size, compress=False, decode_text=False)
        request.protocol.set_parser(self._parser)
        request.protocol.keep_alive(False)


def inlines() -> bool:
    """Whether this aiohttp is one whose private parts are known."""
    return aiohttp.__version__.startswith(KNOWN_AIOHTTP)


def make_socket(protocol: str, max_bytes: int, close_seconds: float) -> web.WebSocketResponse:
    """Return an uncompressed socket whose texts are bytes; inline where that is known to work."""
    kind = InlineSocket if inlines() else web.WebSocketResponse
    return kind(protocols=[protocol], compress=False, max_msg_size=max_bytes, decode_text=False, timeout=close_seconds)
