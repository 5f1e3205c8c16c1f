"""Forwards a port on localhost to a Service, through the NodePorts of all Ready nodes.

Browsers allow camera access only in secure contexts, and http://localhost is one. Unlike `kubectl port-forward`, it is
not tied to a pod: each connection goes to the next node that answers, so that a failed pod or node ends only its own
connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from switchboard_cluster.api import ApiServer, condition
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.system import run

log = logging.getLogger(__name__)

Address = tuple[str, int]
Resolve = Callable[[], Sequence[Address]]
"""Returns the addresses of the Service; raises `ClusterError`. It may block, because it is called in a thread."""

CONNECT_TIMEOUT = 1.0
"""Seconds to connect to a node; on one machine it takes a millisecond."""
CONNECT_DEADLINE = 10.0
"""Seconds that a client waits while no node answers, long enough to replace a pod."""
RETRY_PAUSE = 0.1
"""Seconds between two rounds over all nodes, because connections may be refused at once."""
PENALTY = 5.0
"""Seconds for which a failed node is tried last."""
REFRESH = 3.0
"""Seconds between two reads of the Service and the nodes."""
CHUNK = 64 * 1024
"""Maximum bytes per read; asyncio buffers about as much again per direction before it stops reading."""
KEEPALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""Idle connections stay open, but a connection ends when its node has been gone for a minute."""


def _log(level: int, event: str, **facts: object) -> None:
    log.log(level, " ".join([event, *(f"{key}={value}" for key, value in facts.items())]))


def addresses(service: dict[str, Any], nodes: Sequence[dict[str, Any]]) -> list[Address]:
    """Return the internal addresses of the Ready nodes with the NodePort of a Service's first port.

    Without a Ready node, return all nodes, because Ready itself may be wrong. Raises `ClusterError("no-node-port")`.
    """
    port = service["spec"]["ports"][0].get("nodePort")
    if not port:
        name = f"{service['metadata']['namespace']}/{service['metadata']['name']}"
        raise ClusterError(
            "no-node-port", f"Service {name} has no NodePort", "set its type to NodePort, then forward again"
        )
    ready = [node for node in nodes if condition(node, "Ready") == "True"]
    return [
        (address["address"], port)
        for node in ready or nodes
        for address in node["status"].get("addresses", [])
        if address["type"] == "InternalIP"
    ]


def holder(listing: str) -> str | None:
    """Return the process that listens on a port, from the output of `ss --processes`; None if it is unknown."""
    match = re.search(r'\("([^"]*)",pid=(\d+)', listing)
    return f"{match[1]} (process {match[2]})" if match else None


@dataclass
class Balancer:
    """Order in which nodes are tried: round-robin, recently failed ones last."""

    targets: Sequence[Address] = ()
    _turn: int = 0
    _penalized: dict[Address, float] = field(default_factory=dict)

    def order(self, now: float) -> list[Address]:
        """Return all targets in the order for the next connection; `now` is in seconds of a monotonic clock."""
        if not self.targets:
            return []
        self._turn = (self._turn + 1) % len(self.targets)
        rotated = [*self.targets[self._turn :], *self.targets[: self._turn]]
        return sorted(rotated, key=lambda target: self._penalized.get(target, now) > now)

    def failed(self, target: Address, now: float) -> None:
        """Try a target last for a while."""
        self._penalized[target] = now + PENALTY

    def answered(self, target: Address) -> None:
        """Reset the failure of a target."""
        self._penalized.pop(target, None)


class Forwarder:
    """Accepts connections on localhost and forwards them."""

    def __init__(self, resolve: Resolve, balancer: Balancer | None = None) -> None:
        self._resolve = resolve
        self._balancer = balancer or Balancer()
        self._refresh_now = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Serve the listening sockets until cancelled. Raises what the first `resolve` raises."""
        await self._refresh()
        servers = [await asyncio.start_server(self._accept, sock=one, limit=CHUNK) for one in sockets]
        try:
            await self._keep_fresh()
        finally:
            # Not `serve_forever`: when cancelled, it waits for connections that may never end.
            for server in servers:
                server.close()
            for connection in self._connections:
                connection.cancel()

    async def _refresh(self) -> None:
        targets = await asyncio.to_thread(self._resolve)
        if targets != self._balancer.targets:
            _log(logging.INFO, "nodes_changed", nodes=",".join(f"{host}:{port}" for host, port in targets) or "none")
            self._balancer.targets = targets

    async def _keep_fresh(self) -> None:
        reported = ""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._refresh_now.wait(), REFRESH)
            self._refresh_now.clear()
            try:
                await self._refresh()
                reported = ""
            except ClusterError as error:
                if error.message != reported:
                    _log(logging.WARNING, "refresh_failed", error=error.message)  # the known nodes stay
                reported = error.message
            await asyncio.sleep(RETRY_PAUSE)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._forward(reader, writer))
        self._connections.add(task)

        def finished(_: asyncio.Task[None]) -> None:
            self._connections.discard(task)
            writer.close()
            if not task.cancelled() and (error := task.exception()):
                log.error("connection_failed", exc_info=error)

        task.add_done_callback(finished)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if upstream := await self._connect():
            await relay((reader, writer), upstream)
        else:
            _log(logging.WARNING, "no_node_answered", seconds=CONNECT_DEADLINE)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return a connection to the first node that answers; None if none does within the deadline."""
        deadline = time.monotonic() + CONNECT_DEADLINE
        while time.monotonic() < deadline:
            for target in self._balancer.order(time.monotonic()):
                try:
                    async with asyncio.timeout(CONNECT_TIMEOUT):
                        connection = await asyncio.open_connection(*target, limit=CHUNK)
                except OSError as error:  # TimeoutError is one
                    _log(
                        logging.INFO,
                        "node_failed",
                        node=f"{target[0]}:{target[1]}",
                        error=error.strerror or "timed out",
                    )
                    self._balancer.failed(target, time.monotonic())
                else:
                    self._balancer.answered(target)
                    _keep_alive(connection[1].get_extra_info("socket"))
                    return connection
            self._refresh_now.set()
            await asyncio.sleep(RETRY_PAUSE)
        return None


Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def relay(one: Stream, other: Stream) -> None:
    """Copy bytes between two connections until both directions have ended, then close both.

    The end of one direction is forwarded alone (half-close, RFC 9293, section 3.6); an error ends both.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_copy(one[0], other[1]))
            tasks.create_task(_copy(other[0], one[1]))
    except* OSError:
        one[1].transport.abort()
        other[1].transport.abort()
    finally:
        one[1].close()
        other[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


def _keep_alive(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        connection.setsockopt(socket.IPPROTO_TCP, option, value)


def listen(port: int) -> list[socket.socket]:
    """Return sockets that listen on localhost, on IPv4 and, if the machine has it, on IPv6.

    Raises `ClusterError`: `port-in-use`, which names the process, or `port-not-allowed`.
    """
    listening: list[socket.socket] = []
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            listening.append(socket.create_server((host, port), family=family, backlog=128))
        except OSError as error:
            if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT} and listening:
                continue
            for one in listening:
                one.close()
            raise _cannot_listen(port, error) from error
    return listening


def _cannot_listen(port: int, error: OSError) -> ClusterError:
    if error.errno != errno.EADDRINUSE:
        return ClusterError(
            "port-not-allowed", f"cannot listen on port {port}: {error.strerror}", "choose another port: --port 8081"
        )
    listed = run(["ss", "--listening", "--tcp", "--numeric", "--processes", f"sport = :{port}"], check=False).stdout
    return ClusterError(
        "port-in-use",
        f"port {port} is in use by {holder(listed) or 'another process'}",
        f"stop it, or choose another port: --port {port + 1}",
    )


def serve(kubeconfig: Path, namespace: str, name: str, port: int) -> None:
    """Forward `localhost:port` to a Service of the cluster until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    server = ApiServer(kubeconfig)

    def resolve() -> list[Address]:
        return addresses(
            server.request("GET", f"/api/v1/namespaces/{namespace}/services/{name}"), server.list("/api/v1/nodes")
        )

    sockets = listen(port)
    _log(logging.INFO, "forwarding", url=f"http://localhost:{port}", service=f"{namespace}/{name}")
    asyncio.run(_until_signal(Forwarder(resolve), sockets))


async def _until_signal(forwarder: Forwarder, sockets: Sequence[socket.socket]) -> None:
    task = asyncio.ensure_future(forwarder.run(sockets))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
