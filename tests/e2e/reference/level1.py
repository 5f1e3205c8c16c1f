"""A client of level 1: it follows docs/reference/protocol.md and imports nothing of this repository."""

import asyncio
import json
import random
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

Json = dict[str, Any]
STOP = {1009, *range(4400, 4420)}
"""Close codes after which the client stays away."""
AT_ONCE = range(4420, 4440)
"""Close codes that are no failed attempt."""


class Level1:
    """The client without sockets: frames and the time in ms go in, frames and events come out."""

    def __init__(self) -> None:
        self.instance = secrets.token_urlsafe(8)
        self.intent: Json = {"state": "idle", "revision": 0}
        self.socket, self.token, self.welcome, self.open = 0, "", False, False
        self.now, self.sends, self.emits = 0.0, list[Json](), list[Json]()
        self.meet("")

    def meet(self, peer: str) -> None:
        """Start new lanes."""
        self.peer, self.seq, self.kept, self.flight, self.limit = peer, 0, list[Json](), 0, 256
        self.wait, self.due, self.delivered, self.ahead = 1000.0, 0.0, 0, dict[int, Json]()

    def send(self, *frames: Json) -> None:
        self.sends += frames if self.welcome else ()

    def heartbeat(self) -> None:
        self.send({"type": "heartbeat", "intent": self.intent})

    def connect(self) -> None:
        self.socket += 1
        self.welcome = False
        first = {"type": "resume", "token": self.token} if self.token else {"type": "hello"}
        self.sends = [first | {"socket": self.socket, "instance": self.instance, "intent": self.intent}]

    def join(self, attributes: Json, required: Json) -> None:
        ticket = {"ticket": secrets.token_urlsafe(8), "attributes": attributes, "required": required}
        self.intent = {"state": "queued", "revision": self.intent["revision"] + 1, **ticket}
        self.send({"type": "join-queue", "revision": self.intent["revision"], **ticket})

    def leave(self, reason: str) -> None:
        before, revision = self.intent, self.intent["revision"] + 1
        self.intent = {"state": "idle", "revision": revision}
        if before["state"] == "queued":
            self.send({"type": "leave-queue", "revision": revision, "ticket": before["ticket"]})
        else:
            self.send({"type": "leave", "revision": revision, "match": before["match"], "reason": reason})

    def say(self, frame: Json) -> None:
        self.seq += 1
        lane = {"match": self.intent["match"], "from": self.instance, "to": self.peer}
        self.kept.append({**frame, **lane, "seq": self.seq})
        self.flush()

    def receive(self, frame: Json) -> None:
        known = frame.get("match") == self.intent.get("match")
        match frame["type"]:
            case "welcome":
                self.token, self.welcome = frame["token"], True
                if frame["intent"]["revision"] < self.intent["revision"]:
                    self.heartbeat()
                self.repeat()
            case "heartbeat":
                self.token = frame.get("token", self.token)
                self.heartbeat()
            case "match-found" if known or frame.get("ticket") == self.intent.get("ticket", ""):
                self.match_found(frame, known)
            case "peer-state" if known and frame["state"] == "left":
                self.intent = {"state": "idle", "revision": self.intent["revision"] + 1}
                self.heartbeat()
                self.emits.append({"event": "ended", "reason": frame["reason"], "requeued": False})
            case "peer-state" if known and frame["instance"] != self.peer:
                self.meet(frame["instance"])
            case "peer-state" if known and frame["state"] == "present":
                self.repeat()
            case "ack" if known and (frame["from"], frame["to"]) == (self.instance, self.peer):
                self.acknowledged(frame["seq"])
            case _ if known and (frame.get("from"), frame.get("to")) == (self.peer, self.instance):
                self.deliver(frame)

    def match_found(self, frame: Json, known: bool) -> None:
        if not known:
            self.open = False
            self.intent = {"state": "matched", "revision": self.intent["revision"], "match": frame["match"]}
            self.heartbeat()
        if not known or frame["peer"] != self.peer:
            self.meet(frame["peer"])
        if frame["state"] == "open":
            self.intent = {**self.intent, "token": frame["token"]}
            if not self.open:
                self.open = True
                self.emits.append({**frame, "event": "match"})
                self.flush()

    def deliver(self, frame: Json) -> None:
        if self.delivered < frame["seq"] <= self.delivered + 32:
            self.ahead[frame["seq"]] = frame
        while message := self.ahead.pop(self.delivered + 1, None):
            self.delivered += 1
            self.emits.append({**message, "event": "message"})
        lane = {"match": frame["match"], "from": self.peer, "to": self.instance}
        self.send({"type": "ack", **lane, "seq": self.delivered})

    def acknowledged(self, seq: int) -> None:
        if count := sum(frame["seq"] <= seq for frame in self.kept):
            self.kept, self.flight, self.wait = self.kept[count:], max(self.flight - count, 0), 1000.0
            self.limit = 256 if not self.kept else 4 if self.limit == 1 else min(self.limit + count, 256)
            self.arm()
            self.flush()

    def flush(self) -> None:
        if self.open and self.welcome and (new := self.kept[self.flight : self.limit]):
            if not self.flight:
                self.arm()
            self.flight += len(new)
            self.send(*new)

    def repeat(self) -> None:
        if self.kept:
            self.flight, self.limit = 0, 1
            self.flush()

    def arm(self) -> None:
        self.due = self.now + self.wait * random.uniform(0.8, 1.2)

    def tick(self) -> None:
        if self.welcome and self.flight and self.now >= self.due:
            self.wait = min(2 * self.wait, 5000.0)
            self.repeat()


async def run(client: Level1, url: str, opened: Callable[[ClientConnection], None] = lambda _: None) -> None:
    """Keep a client connected until its socket is closed with a code that forbids another one."""
    attempts, wait = 0, 0.0
    while True:
        client.connect()
        try:
            async with connect(url, subprotocols=[Subprotocol("switchboard.v1")], open_timeout=5) as socket:
                opened(socket)
                await carry(client, socket)
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else 1006
            if code in STOP:
                return
            attempts = 0 if client.welcome or code in AT_ONCE else attempts
        except InvalidStatus as refused:
            wait = float(refused.response.headers.get("Retry-After", 0))
        except (OSError, TimeoutError, InvalidHandshake):
            attempts = 0 if client.welcome else attempts
        await asyncio.sleep(wait + random.uniform(0, min(0.3 * 2**attempts, 5)))
        attempts, wait = attempts + 1, 0.0


async def carry(client: Level1, socket: ClientConnection) -> None:
    """Carry frames both ways until the socket is lost; raises TimeoutError if the server is silent."""
    received_at, next_ms = time.monotonic(), 5000
    while time.monotonic() < received_at + (next_ms + 7000) / 1000:
        client.now = time.monotonic() * 1000
        client.tick()
        for frame in client.sends:
            await socket.send(json.dumps(frame))
        client.sends.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                frame = json.loads(await socket.recv())
            received_at, next_ms = time.monotonic(), frame.get("nextMs", next_ms)
            client.receive(frame)
    raise TimeoutError


def answer(client: Level1, request: Json) -> Json:
    """Do what a step of a vector says."""
    client.now = request["at"]
    match request:
        case {"connect": code} if code in STOP:
            client.emits.append({"event": "stopped"})
        case {"connect": _}:
            client.connect()
        case {"join": ticket}:
            client.join(**ticket)
        case {"leave": reason}:
            client.leave(reason)
        case {"say": frame}:
            client.say(frame)
        case {"receive": frame}:
            client.receive(frame)
        case {"tick": _}:
            client.tick()
    return {"sends": client.sends, "emits": client.emits}


if __name__ == "__main__":
    client = Level1()
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            client = Level1()
        print(json.dumps({} if "start" in request else answer(client, request)), flush=True)
        client.sends.clear()
        client.emits.clear()
