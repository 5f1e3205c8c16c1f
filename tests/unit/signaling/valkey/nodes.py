"""A scripted node of a store."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import cast

import hiredis

HELLO = b"%1\r\n$6\r\nserver\r\n$6\r\nvalkey\r\n"
SINGLE = b"-ERR This instance has cluster support disabled\r\n"
SILENCE = b""


class Node:
    """Answers each command with the next of its `answers`, or by default with a regular reply."""

    def __init__(self) -> None:
        self.port = 0
        self.said: list[list[str]] = []
        self.reads: list[int] = []
        self.connections = 0
        self.slots = SINGLE
        self.answers: Iterator[bytes] = iter(())
        self.transports: set[asyncio.Transport] = set()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    @property
    def commands(self) -> list[list[str]]:
        """The commands received, except HELLO and CLUSTER SLOTS."""
        return [words for words in self.said if words[0] not in ("HELLO", "CLUSTER")]

    def owns_all(self, *others: "Node") -> None:
        """Make this node own all slots, in a cluster with others."""
        nodes = b"".join(b"*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % node.port for node in (self, *others))
        self.slots = b"*1\r\n*%d\r\n:0\r\n:16383\r\n" % (3 + len(others)) + nodes

    def push(self, text: bytes) -> None:
        for transport in self.transports:
            transport.write(text)

    def hang_up(self) -> None:
        for transport in self.transports:
            transport.abort()

    def answer(self, words: list[str]) -> bytes:
        match words:
            case ["HELLO", *_]:
                return HELLO
            case ["CLUSTER", "SLOTS"]:
                return self.slots
            case ["SSUBSCRIBE", channel]:
                usual = b">3\r\n$10\r\nssubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(channel), channel.encode())
            case ["ASKING"]:
                return b"+OK\r\n"
            case [*_, last]:
                usual = b"$%d\r\n%s\r\n" % (len(last), last.encode())
        return next(self.answers, usual)


class _Visit(asyncio.Protocol):
    """A connection to a node."""

    transport: asyncio.Transport

    def __init__(self, node: Node) -> None:
        self._node = node
        self._parser = hiredis.Reader(encoding="utf-8", notEnoughData=Ellipsis)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._node.connections += 1
        self._node.transports.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._node.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed(data)
        count = 0
        while (words := self._parser.gets()) is not Ellipsis:
            count += 1
            self._node.said.append(words)
            self.transport.write(self._node.answer(words))
        self._node.reads.append(count)


@asynccontextmanager
async def serving(count: int = 1) -> AsyncIterator[list[Node]]:
    """Run nodes."""
    nodes = [Node() for _ in range(count)]
    servers = []
    for node in nodes:
        server = await asyncio.get_running_loop().create_server(partial(_Visit, node), "127.0.0.1", 0)
        node.port = server.sockets[0].getsockname()[1]
        servers.append(server)
    try:
        yield nodes
    finally:
        for server in servers:
            server.close()
        for node in nodes:
            node.hang_up()


async def until(condition: Callable[[], object]) -> None:
    """Wait until other tasks have made the condition true."""
    async with asyncio.timeout(15):
        while not condition():  # noqa: ASYNC110 - a test observes from outside
            await asyncio.sleep(0.005)
