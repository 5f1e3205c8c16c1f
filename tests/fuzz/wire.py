"""A WebSocket client that can send what a well-behaved one would not: bytes, broken frames, half a handshake."""

import base64
import itertools
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import Self

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.errors import ProtocolError

SECONDS = 10.0
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = b"\x01\x02\x03\x04"
_addresses = itertools.count(2)


@dataclass
class RawSocket:
    """One TCP connection to the server, each from another loopback address: limits an address are not what we test."""

    port: int
    _socket: socket.socket = field(init=False)
    closed: bool = False
    close_code: int | None = None
    reset: bool = False
    """Whether the server closed while bytes were in flight to it: TCP may then drop its last frames."""
    _received: bytes = b""

    def __post_init__(self) -> None:
        number = next(_addresses)
        source = f"127.{1 + number // 62500 % 250}.{number // 250 % 250}.{1 + number % 250}"
        self._socket = socket.create_connection(("127.0.0.1", self.port), SECONDS, (source, 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._socket.close()

    def upgrade(self) -> Self:
        """Upgrade to a WebSocket; fails if the server rejects it."""
        self.send(upgrade_request())
        head = self.head()
        assert head.startswith(b"HTTP/1.1 101"), head
        return self

    def hello(self, instance: str) -> messages.Welcome:
        """Start a session."""
        self.say(messages.encode(messages.Hello(socket_number=1, instance=instance)))
        welcome = self.frame()
        assert isinstance(welcome, messages.Welcome), welcome
        return welcome

    def send(self, data: bytes) -> None:
        """Send bytes, unless the server has closed."""
        try:
            self._socket.sendall(data)
        except ConnectionError:
            self.closed = self.reset = True

    def say(self, data: bytes, opcode: int = TEXT) -> None:
        """Send a well-formed WebSocket message."""
        self.send(frame(opcode, data))

    def head(self) -> bytes:
        """Return the head of an HTTP answer; empty if the server closed instead."""
        while b"\r\n\r\n" not in self._received and self._more():
            pass
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        return head

    def message(self) -> tuple[int, bytes] | None:
        """Return the next WebSocket message, opcode and payload; None if the server closed."""
        while (found := self._whole()) is None:
            if not self._more():
                return None
        opcode, payload = found
        if opcode == CLOSE:
            self.close_code = struct.unpack(">H", payload[:2])[0] if payload else 1005
            self.say(payload[:2], CLOSE)  # the server waits for the answer
        return found

    def frame(self) -> messages.ServerFrame | None:
        """Return the next protocol frame; None if the server closed. Fails for frames that no server may send."""
        while (found := self.message()) is not None and found[0] != TEXT:
            pass
        return messages.decode_server(found[1]) if found else None

    def until(self, marker: str) -> list[messages.ServerFrame]:
        """Send a frame of an unknown type; return the frames before the answer to it, or before the close."""
        self.say(f'{{"type":"{marker}"}}'.encode())
        frames = []
        while (one := self.frame()) is not None:
            if isinstance(one, messages.ErrorFrame) and marker in one.message:
                break
            frames.append(one)
        return frames

    def rest(self) -> bytes:
        """Return all bytes until the server closes."""
        while self._more():
            pass
        return self._received

    def half_close(self) -> None:
        """Close the sending direction."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.closed = True

    def _more(self) -> bool:
        try:
            data = self._socket.recv(65536)
        except ConnectionError:
            data, self.reset = b"", True
        self.closed = self.closed or not data
        self._received += data
        return bool(data)

    def _whole(self) -> tuple[int, bytes] | None:
        """Return and remove the first complete message; the server neither masks nor fragments."""
        data = self._received
        if len(data) < 2:
            return None
        length, start = data[1] & 127, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(data) < start:
                return None
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return None
        self._received = data[start + length :]
        return data[0] & 15, data[start : start + length]


def upgrade_request(**changed: str | None) -> bytes:
    """Return a handshake (RFC 6455 section 4.1), with changed headers, None omits one."""
    headers: dict[str, str | None] = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": messages.SUBPROTOCOL,
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode("latin-1", "replace")


def frame(opcode: int, payload: bytes, *, head: int = 0x80, mask: bool = True, length: int | None = None) -> bytes:
    """Return a WebSocket frame (RFC 6455 section 5.2).

    `head` holds the bits FIN (0x80) and RSV1 to RSV3; `length` is the declared one, if it is to be a lie.
    """
    size = len(payload) if length is None else length
    bit = 0x80 if mask else 0
    if size < 126:
        lengths = bytes([bit | size])
    elif size < 1 << 16:
        lengths = bytes([bit | 126]) + struct.pack(">H", size)
    else:
        lengths = bytes([bit | 127]) + struct.pack(">Q", size)
    return bytes([head | opcode]) + lengths + (KEY + masked(payload) if mask else payload)


def masked(data: bytes) -> bytes:
    """Return masked data, or unmask it (RFC 6455 section 5.3)."""
    key = (KEY * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")


def malformed(data: bytes) -> bool:
    """Return whether the protocol's decoder rejects a text."""
    try:
        messages.decode_client(data)
    except ProtocolError:
        return True
    return False
