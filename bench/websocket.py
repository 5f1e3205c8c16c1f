"""A minimal WebSocket client for load (RFC 6455), so that the benchmark measures the server."""

import asyncio
import base64
import os
from typing import Final, cast

TEXT: Final = 0x1
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA


class WebSocket(asyncio.Protocol):
    """One connection. Answers to one read are written together. Subclasses implement `opened`, `received`, `closed`."""

    transport: asyncio.Transport

    def __init__(self, host: str, path: str, subprotocol: str = "") -> None:
        self._request = (host, path, subprotocol)
        self._mask = os.urandom(4)
        self._rest = b""
        self._out: list[bytes] = []
        self._upgraded = False

    def opened(self) -> None:
        """Handle the end of the opening handshake."""

    def received(self, text: bytes) -> None:
        """Handle a text message."""

    def closed(self, why: str) -> None:
        """Handle the loss of the connection."""

    def send(self, text: bytes, kind: int = TEXT) -> None:
        """Queue a message until the next `flush`, which follows each read."""
        size = len(text)
        head = bytes((0x80 | kind, 0x80 | size)) if size < 126 else bytes((0x80 | kind, 0xFE, size >> 8, size & 0xFF))
        mask = int.from_bytes((self._mask * (size // 4 + 1))[:size], "little")
        self._out.append(head + self._mask + (int.from_bytes(text, "little") ^ mask).to_bytes(size, "little"))

    def flush(self) -> None:
        """Write the queued messages."""
        if self._out:
            self.transport.write(b"".join(self._out))
            self._out.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Request the upgrade (RFC 6455 section 4.1)."""
        self.transport = cast("asyncio.Transport", transport)
        host, path, subprotocol = self._request
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *([f"Sec-WebSocket-Protocol: {subprotocol}"] if subprotocol else []),
            "\r\n",
        ]
        self.transport.write("\r\n".join(lines).encode())

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the loss of the connection."""
        self.closed(repr(exc))

    def data_received(self, data: bytes) -> None:
        """Parse the frames of a read; servers send whole messages, unmasked (RFC 6455 section 5.2)."""
        if self._rest:
            data = self._rest + data
        if not self._upgraded:
            head, end, data = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = head
                return
            if b" 101 " not in head[:16]:
                self.closed(head.decode(errors="replace"))
                return
            self._upgraded = True
            self.opened()
        start, size = 0, len(data)
        while size - start >= 2:
            body, length = start + 2, data[start + 1]
            if length == 126:
                body, length = start + 4, int.from_bytes(data[start + 2 : start + 4], "big")
            if size < body + length:
                break
            kind = data[start] & 0xF
            start = body + length
            self._dispatch(kind, data[body:start])
        self._rest = data[start:]
        self.flush()

    def _dispatch(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self.received(payload)
        elif kind == PING:
            self.send(payload, PONG)
        elif kind == CLOSE:
            self.closed(f"close frame {payload!r}")
