"""The same pair of clients in the dialect of each server: how they become peers, and how a frame is wrapped."""

import json
from collections.abc import Callable
from typing import Any

from bench.websocket import WebSocket

CANDIDATE = "candidate:842163049 1 udp 1677729535 203.0.113.{} 46154 typ srflx raddr 10.0.0.{} rport 46154 generation 0"
"""A candidate as browsers write it; with the header of its lane, the frame is about 275 bytes long."""


class Client(WebSocket):
    """One side of a pair: connects it to its peer, and defines its frames."""

    path = "/"
    subprotocol = ""

    def __init__(self, host: str, pair: int, side: int, ready: Callable[[], None]) -> None:
        self.pair, self.side = pair, side
        self.name, self.peer = f"inst-{pair:05}-{side}", f"inst-{pair:05}-{1 - side}"
        self.match = "m" * 22
        self.problem = ""
        self.ready = ready
        super().__init__(host, self.path.format(name=self.name, pair=pair), self.subprotocol)

    def message(self) -> tuple[bytes, bytes]:
        """Return the parts of a message before and after its number."""
        candidate = {"candidate": CANDIDATE.format(self.pair % 250, self.side), "sdpMid": "0", "sdpMLineIndex": 0}
        return self._lane("ice-candidate", self.name, self.peer, {"candidates": [candidate]})

    def ack(self) -> tuple[bytes, bytes]:
        """Return the parts of an acknowledgement before and after its number."""
        return self._lane("ack", self.peer, self.name, {})

    def heartbeat(self) -> bytes | None:
        """Return the answer to the server's heartbeat, if heartbeats are text messages."""
        return None

    def closed(self, why: str) -> None:
        """Record that this pair lost a connection."""
        self.problem = self.problem or f"closed: {why}"

    def wrap(self, frame: str) -> str:
        """Return a frame in the envelope that the server relays."""
        return frame

    def _lane(self, kind: str, sender: str, receiver: str, more: dict[str, Any]) -> tuple[bytes, bytes]:
        frame = {"type": kind, "match": self.match, "from": sender, "to": receiver, "seq": "?"} | more
        before, _, after = self.wrap(_json(frame)).partition('"?"')
        return before.encode(), after.encode()


class Plain(Client):
    """The relay on ws."""

    path = "/{pair}"

    def opened(self) -> None:
        self.ready()


class SocketIo(Client):
    """socket.io 4 over engine.io 4: one or two digits before the JSON are its type (socket.io's protocol documents)."""

    path = "/socket.io/?EIO=4&transport=websocket"

    def received(self, text: bytes) -> None:
        if text.startswith(b"0"):
            self.send(b"40")
        elif text.startswith(b"40"):
            self.send(f'42["join",{self.pair}]'.encode())
            self.ready()

    def heartbeat(self) -> bytes | None:
        return b"3"

    def wrap(self, frame: str) -> str:
        return f'42["message",{frame}]'


class PeerJs(Client):
    """The PeerJS server: a frame is the payload of one of its message types."""

    path = "/peerjs?key=peerjs&id={name}&token={name}&version=1.0.0"

    def received(self, text: bytes) -> None:
        if text.startswith(b'{"type":"OPEN"'):
            self.ready()

    def wrap(self, frame: str) -> str:
        return f'{{"type":"CANDIDATE","dst":"{self.peer}","payload":{frame}}}'


class Switchboard(Client):
    """The whole protocol: a session, a ticket that only the peer matches, a match, heartbeats."""

    path = "/ws"
    subprotocol = "switchboard.v1"

    def opened(self) -> None:
        self._intent: dict[str, Any] = {"state": "idle", "revision": 0}
        self._send({"type": "hello", "socket": 1, "instance": self.name})

    def received(self, text: bytes) -> None:
        frame = json.loads(text)
        match frame["type"]:
            case "welcome":
                pair = {"pair": str(self.pair)}
                self._send({"type": "join-queue", "revision": 1, "ticket": "t", "attributes": pair, "required": pair})
            case "match-found":
                self._intent = {"state": "matched", "revision": 1, "match": frame["match"]}
                if frame["state"] == "open":
                    self._intent["token"] = frame["token"]
                    self.match = frame["match"]
                    self.ready()
                else:
                    self._send(self._answer())
            case "heartbeat":
                self._send(self._answer())
            case "error" | "replaced" | "goaway":
                self.problem = text.decode()

    def heartbeat(self) -> bytes | None:
        return _json(self._answer()).encode()

    def _answer(self) -> dict[str, Any]:
        return {"type": "heartbeat", "intent": self._intent}

    def _send(self, frame: dict[str, Any]) -> None:
        self.send(_json(frame).encode())


DIALECTS: dict[str, type[Client]] = {
    "switchboard": Switchboard,
    "ws": Plain,
    "socketio": SocketIo,
    "peerjs": PeerJs,
}


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
