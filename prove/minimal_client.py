"""A client that connects, is matched and leaves, with as little CPU time as possible: it uses no WebSocket library."""

import asyncio
import random
from collections.abc import Callable
from typing import Final, cast

from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Intent, Matched, Queued

HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: "
    + messages.SUBPROTOCOL.encode()
    + b"\r\n\r\n"
)
CLOSE_NORMAL: Final = b"\x88\x82\0\0\0\0\x03\xe8"
QUITS: Final = 0.1
"""Share of clients that leave the queue before a match."""
VANISHES: Final = 0.3
"""Share of clients that disconnect without a close frame, like a browser that loses its network."""


class MinimalClient(asyncio.Protocol):
    """One session from its socket to its end; `done` receives None or the problem."""

    def __init__(self, name: int, done: Callable[["MinimalClient", str | None], None]) -> None:
        self._instance = f"i{name}"
        self._done = done
        self._quits = random.random() < QUITS
        self._vanishes = random.random() < VANISHES
        self._intent: Intent = Idle()
        self._data = b""
        self._upgraded = False
        self._finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the handshake and `hello` at once."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's transport is no subclass
        self._transport.write(HANDSHAKE)
        self._send(messages.Hello(socket_number=1, instance=self._instance))

    def data_received(self, data: bytes) -> None:
        """Handle the complete frames."""
        self._data += data
        if not self._upgraded:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._finish(f"refused: {head.splitlines()[0].decode()}")
                return
            self._data, self._upgraded = rest, True
        while not self._finished and (frame := self._whole()) is not None:
            opcode, payload = frame
            if opcode != 1:
                self._finish(f"closed with {payload!r}")
                return
            self._handle(messages.decode_server(payload))

    def connection_lost(self, exc: Exception | None) -> None:
        """Report a socket that the server closed as a problem."""
        self._finish(f"lost: {exc}")

    def abort(self) -> None:
        """Disconnect without a close frame, without a problem."""
        self._finish(None)

    def _handle(self, frame: messages.ServerFrame) -> None:
        match frame:
            case messages.Welcome():
                self._intent = Queued(1, "t")
                self._send(messages.JoinQueue(revision=1, ticket="t"))
                if self._quits:
                    self._send(messages.LeaveQueue(revision=2, ticket="t"))
                    self._leave()
            case messages.ServerHeartbeat():
                self._send(messages.Heartbeat(intent=self._intent))
            case messages.MatchFound(match_id=match_id, state="forming"):
                self._intent = Matched(self._intent.revision, match_id)
                self._send(messages.Heartbeat(intent=self._intent))
            case messages.MatchFound(match_id=match_id, state="open", role="polite"):
                self._send(messages.Leave(revision=self._intent.revision + 1, match_id=match_id))
                self._leave()
            case messages.MatchFound(match_id=match_id, token=token):
                self._intent = Matched(self._intent.revision, match_id, token)
            case messages.PeerState(state="left", requeue=True):
                self._intent = Queued(self._intent.revision + 1, "t")
                self._send(messages.Heartbeat(intent=self._intent))
            case messages.PeerState(state="left"):
                self._leave()
            case messages.ErrorFrame(code=code, message=message):
                self._finish(f"{code}: {message}")

    def _leave(self) -> None:
        if not self._vanishes:
            self._transport.write(CLOSE_NORMAL)
        self._finish(None)

    def _finish(self, problem: str | None) -> None:
        if not self._finished:
            self._finished = True
            self._transport.close()
            self._done(self, problem)

    def _send(self, frame: messages.ClientFrame) -> None:
        """Send a frame with a mask of zeros, which is valid and needs no CPU time."""
        text = messages.encode(frame)
        size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
        self._transport.write(b"\x81" + size + b"\0\0\0\0" + text)

    def _whole(self) -> tuple[int, bytes] | None:
        data = self._data
        if len(data) < 2:
            return None
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        if len(data) < start + size:
            return None
        self._data = data[start + size :]
        return data[0] & 15, data[start : start + size]
