"""The emulator: a process that carries frames between the two ends of links with loss and delay.

One process serves all delayed links of a slot and exits with the last of them. It is controlled over a Unix socket,
with one JSON object per line in each direction:

    {"op": "attach", "host_device": "sb0n1", "tap": "sb0n1t", "conditions": {"delay_ms": 40, …}}
    {"op": "detach", "host_device": "sb0n1"}
    {"op": "list"}

Attaching a link again changes its conditions. Each answer lists all links with their counters.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.links.devices import VNET_HEADER_BYTES, End, Port, Tap
from switchboard_cluster.links.model import LinkConditions
from switchboard_cluster.links.shaper import Shaper

# Maximum number of frames in flight on all links: 1 s at 300 Mbit/s. More are dropped, as by a full queue.
MAX_PENDING = 32_768
# Frames read from one end before the other ends.
BATCH = 64
MAX_REQUEST_BYTES = 65_536
# Waiting for a CPU makes frames late, so this process raises its priority within its autogroup and that of the
# autogroup (sched(7), "The autogroup feature": sessions compete as groups, whatever the niceness of their processes).
NICENESS = -15
AUTOGROUP = Path("/proc/self/autogroup")


@dataclass
class Direction:
    """One direction of a link: source, shaper and sink of its frames."""

    source: End
    sink: End
    shaper: Shaper


@dataclass
class EmulatedLink:
    """A link of the emulator; `egress` leaves the namespace, `ingress` enters it."""

    egress: Direction
    ingress: Direction
    index: int
    """Interface index of the bridge's end; it changes if the interface is created again."""
    latest_ms: float = 0.0
    """Maximum lateness of a frame, in milliseconds."""


@dataclass
class Requester:
    """A connection to the control socket."""

    connection: socket.socket
    received: bytes = b""


@dataclass
class Emulator:
    """The links, the frames in flight, and the control socket."""

    listener: socket.socket
    links: dict[str, EmulatedLink] = field(default_factory=dict)
    _pending: list[tuple[float, int, EmulatedLink, End, bytes]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _clients: dict[int, Requester] = field(default_factory=dict)
    _directions: dict[int, tuple[EmulatedLink, Direction]] = field(default_factory=dict)
    _served: bool = False

    def run(self) -> None:
        """Carry frames and serve requests until a request removes the last link."""
        while self.links or not self._served:
            timeout = max(0.0, self._pending[0][0] - time.monotonic()) if self._pending else None
            # select, not epoll: its timeout is in microseconds, epoll's in milliseconds
            watched = [self.listener.fileno(), *self._clients, *self._directions]
            readable, _, _ = select.select(watched, [], [], timeout)
            for one in readable:
                if one == self.listener.fileno():
                    connection, _ = self.listener.accept()
                    connection.setblocking(False)
                    self._clients[connection.fileno()] = Requester(connection)
                elif one in self._clients:
                    self._serve(one)
                elif one in self._directions:  # a request in this round may have closed it
                    self._take(*self._directions[one])
            self._send_due(time.monotonic())

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Execute a request and return the answer. Raises KeyError, OSError or ClusterError for an invalid one."""
        operation = request["op"]
        if operation == "attach":
            self._attach(request["host_device"], request["tap"], LinkConditions(**request["conditions"]))
        elif operation == "detach":
            self._detach(request["host_device"])
        elif operation != "list":
            raise KeyError(operation)
        self._served = self._served or operation != "list"
        return {"links": {name: _report(link) for name, link in self.links.items()}}

    def _attach(self, host_device: str, tap: str, conditions: LinkConditions) -> None:
        held = self.links.get(host_device)
        if held and held.index != socket.if_nametoindex(host_device):
            self._detach(host_device)
        if host_device not in self.links:
            inner = Port(host_device)
            try:
                outer = Tap(tap)
            except OSError:
                inner.close()
                raise
            chance = random.Random().random  # noqa: S311 - chance of loss, not a secret
            link = EmulatedLink(
                egress=Direction(inner, outer, Shaper(conditions, chance)),
                ingress=Direction(outer, inner, Shaper(conditions, chance)),
                index=inner.index,
            )
            self.links[host_device] = link
            self._directions |= {
                direction.source.fileno(): (link, direction) for direction in (link.egress, link.ingress)
            }
        for direction in (self.links[host_device].egress, self.links[host_device].ingress):
            direction.shaper.conditions = conditions

    def _detach(self, host_device: str) -> None:
        link = self.links.pop(host_device, None)
        if link is None:
            return
        self._pending = [entry for entry in self._pending if entry[2] is not link]
        heapq.heapify(self._pending)
        for direction in (link.egress, link.ingress):
            del self._directions[direction.source.fileno()]
            direction.source.close()

    def _take(self, link: EmulatedLink, direction: Direction) -> None:
        """Read available frames and schedule their departure."""
        for _ in range(BATCH):
            try:
                frame = direction.source.read()
            except OSError:
                # The interface is down (a partition). It reports this once; reads continue when it is up again.
                return
            if frame is None:
                return
            departure = direction.shaper.departure(time.monotonic(), len(frame) - VNET_HEADER_BYTES)
            if departure is None:
                continue
            if len(self._pending) >= MAX_PENDING:
                direction.shaper.counters.overflowed += 1
                continue
            heapq.heappush(self._pending, (departure, next(self._order), link, direction.sink, frame))

    def _send_due(self, now: float) -> None:
        while self._pending and self._pending[0][0] <= now:
            departure, _, link, sink, frame = heapq.heappop(self._pending)
            link.latest_ms = max(link.latest_ms, (now - departure) * 1000)
            try:
                sink.write(frame)
            except OSError:
                # The interface is down or its queue is full: the frame is lost, as on any link.
                continue

    def _serve(self, fd: int) -> None:
        """Read from a control connection and answer complete lines."""
        client = self._clients[fd]
        try:
            got = client.connection.recv(MAX_REQUEST_BYTES)
            client.received += got
            while b"\n" in client.received:
                line, _, client.received = client.received.partition(b"\n")
                client.connection.sendall(self._answer(line))
        except OSError:
            got = b""
        if not got or len(client.received) > MAX_REQUEST_BYTES:
            client.connection.close()
            del self._clients[fd]

    def _answer(self, line: bytes) -> bytes:
        try:
            answer = self.handle(json.loads(line))
        except (ClusterError, OSError, KeyError, TypeError, ValueError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        return json.dumps(answer).encode() + b"\n"


def _report(link: EmulatedLink) -> dict[str, Any]:
    return {
        "conditions": link.egress.shaper.conditions.as_dict(),
        "egress": asdict(link.egress.shaper.counters),
        "ingress": asdict(link.ingress.shaper.counters),
        "latest_ms": round(link.latest_ms, 3),
    }


def main() -> None:
    """Serve the control socket at the path in the only argument."""
    path = Path(sys.argv[1])
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)  # of a killed emulator; the caller holds the lock, so no other one is running
    os.umask(0o077)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(new))
        listener.listen()
        new.rename(path)  # last, because a bound socket that is not listening yet refuses connections
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
        if AUTOGROUP.exists():
            AUTOGROUP.write_text(str(NICENESS))
        Emulator(listener).run()
        path.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
