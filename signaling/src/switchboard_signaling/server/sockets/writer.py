"""The outgoing half of sockets: what a step of the loop has to say to a client leaves in one write (a cork)."""

import asyncio
from typing import Final, Protocol

MAX_UNSENT: Final = 512 * 1024
"""Bytes that may wait for a client: twice what a lane has under way at most (`lanes.WINDOW_BYTES`), for whatever else
there is to say. A client that is this far behind is cut off, and resumes when its network is better."""

_SHORT: Final = [bytes((0x81, size)) for size in range(126)]
"""Heads of unmasked text frames in one piece, by size (RFC 6455 section 5.2)."""


class Corks:
    """The wires that have something to write, until the loop has run everything that was ready.

    One callback for all of them: a message then costs no task, no timer and no queue of its own.
    """

    def __init__(self) -> None:
        self._full: list[Wire] = []

    def add(self, wire: "Wire") -> None:
        """Write what a wire holds once this step of the loop is done."""
        if not self._full:
            asyncio.get_running_loop().call_soon(self._flush)
        self._full.append(wire)

    def _flush(self) -> None:
        full, self._full = self._full, []
        for wire in full:
            wire.flush()


class Closable(Protocol):
    """What a wire needs of its socket."""

    @property
    def closed(self) -> bool:
        """Whether a close frame was sent: nothing may follow it (RFC 6455 section 5.5.1)."""


class Wire:
    """Frames for one socket, in their order.

    It writes to the transport itself: frames of a server are not masked, and compression is off, so that WebSocket
    frames are independent of what the library wrote before.
    """

    __slots__ = ("_corks", "_frames", "_size", "_socket", "_transport")

    def __init__(self, socket: Closable, transport: asyncio.WriteTransport, corks: Corks) -> None:
        self._socket = socket
        self._transport = transport
        self._corks = corks
        self._frames: list[bytes] = []
        self._size = 0

    def put(self, text: bytes) -> bool:
        """Take a text frame of at most 64 KiB; False if the client does not take what it was sent before."""
        size = len(text)
        frames = self._frames
        if not frames:
            if self._transport.get_write_buffer_size() > MAX_UNSENT:
                return False
            self._corks.add(self)
        elif self._size > MAX_UNSENT:
            return False
        frames += (_SHORT[size] if size < 126 else _long(size), text)
        self._size += size
        return True

    def flush(self) -> None:
        """Write what was put."""
        if self._frames:
            if not (self._socket.closed or self._transport.is_closing()):
                self._transport.write(b"".join(self._frames))
            self._frames.clear()
            self._size = 0


def _long(size: int) -> bytes:
    return bytes((0x81, 126, size >> 8, size & 0xFF)) if size < 1 << 16 else b"\x81\x7f" + size.to_bytes(8, "big")
