"""The outgoing half of sockets: all frames to a client of one loop iteration leave in one write."""

import asyncio
from typing import Final, Protocol

MAX_UNSENT: Final = 512 * 1024
"""Maximum bytes that wait for a client: twice a lane's window (`lanes.WINDOW_BYTES`), to leave room for other frames. A
client that is further behind is disconnected, and resumes when its network is better."""

_SHORT_HEADERS: Final = [bytes((0x81, size)) for size in range(126)]
"""Headers of unmasked, unfragmented text frames by size (RFC 6455 section 5.2)."""


class WriteBatcher:
    """The writers with unsent frames, which are flushed at the end of the loop iteration.

    One callback serves all of them, so that a message needs no task, timer or queue of its own.
    """

    def __init__(self) -> None:
        self._pending: list[SocketWriter] = []

    def add(self, writer: "SocketWriter") -> None:
        """Flush a writer at the end of this loop iteration."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(writer)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        for writer in pending:
            writer.flush()


class Closable(Protocol):
    """What a writer needs from its socket."""

    @property
    def closed(self) -> bool:
        """Whether a close frame was sent, after which no frame may follow (RFC 6455 section 5.5.1)."""


class SocketWriter:
    """Writes the frames of one socket, in order.

    It writes to the transport itself. That is safe because a server's frames are not masked and compression is off, so
    each frame is independent of those that aiohttp wrote.
    """

    __slots__ = ("_batcher", "_frames", "_size", "_socket", "_transport")

    def __init__(self, socket: Closable, transport: asyncio.WriteTransport, batcher: WriteBatcher) -> None:
        self._socket = socket
        self._transport = transport
        self._batcher = batcher
        self._frames: list[bytes] = []
        self._size = 0

    def put(self, text: bytes) -> bool:
        """Queue a text frame of at most 64 KiB; False if the client is too far behind."""
        size = len(text)
        frames = self._frames
        if not frames:
            if self._transport.get_write_buffer_size() > MAX_UNSENT:
                return False
            self._batcher.add(self)
        elif self._size > MAX_UNSENT:
            return False
        frames += (_SHORT_HEADERS[size] if size < 126 else _long_header(size), text)
        self._size += size
        return True

    def flush(self) -> None:
        """Write the queued frames."""
        if self._frames:
            if not (self._socket.closed or self._transport.is_closing()):
                self._transport.write(b"".join(self._frames))
            self._frames.clear()
            self._size = 0


def _long_header(size: int) -> bytes:
    return bytes((0x81, 126, size >> 8, size & 0xFF)) if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8, "big")
