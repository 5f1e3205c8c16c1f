"""A TCP proxy that aborts its connections on command, like a failing network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16
MATCH = b'"match-found"'


class CuttableProxy:
    """Forwards connections to a local server; once armed, it aborts them all in the middle of a call's setup.

    `server_port` returns the server's port for each new connection.
    """

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._remaining: int | None = None
        self._matched = False
        self.port = 0
        self.cuts = 0

    def arm(self, chunks: int | None) -> None:
        """Abort all connections after the next `match-found` and this many more chunks of the server; None: never."""
        self._remaining, self._matched = chunks, False

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection until either end closes it."""
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port())
        pair = (writer, server_writer)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._copy(reader, server_writer, watched=False))
                both.create_task(self._copy(server_reader, writer, watched=True))
        finally:
            self._pairs.discard(pair)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(CHUNK):
                if watched and self._is_due(data):
                    self._cut()
                    return
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    def _is_due(self, data: bytes) -> bool:
        if self._remaining is None:
            return False
        if self._matched:
            self._remaining -= 1
        self._matched = self._matched or MATCH in data
        return self._matched and self._remaining < 0

    def _cut(self) -> None:
        self._remaining = None
        self.cuts += 1
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()


@asynccontextmanager
async def cuttable_proxy(server_port: Callable[[], int], host: str = "127.0.0.1") -> AsyncIterator[CuttableProxy]:
    """Run a proxy on a free port."""
    proxy = CuttableProxy(server_port)
    listener = await asyncio.start_server(proxy.forward, host, 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield proxy
