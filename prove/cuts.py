"""A way to a server that can be cut, seen from both ends as a network that is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK = 1 << 16
MATCH = b'"match-found"'


class Cuttable:
    """Carries connections to a server; once armed, it cuts them all in the middle of a call's set-up.

    `server_port` says where each goes.
    """

    def __init__(self, server_port: Callable[[], int]) -> None:
        self._server_port = server_port
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._left: int | None = None
        self._matched = False
        self.port = 0
        self.cuts = 0

    def arm(self, chunks: int | None) -> None:
        """Cut once so many pieces of what the server says have passed after the next match was announced.

        None: never.
        """
        self._left, self._matched = chunks, False

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either end closes it."""
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
                if watched and self._now(data):
                    self._cut()
                    return
                writer.write(data)
                await writer.drain()
        with suppress(OSError):
            writer.close()

    def _now(self, data: bytes) -> bool:
        if self._left is None:
            return False
        if self._matched:
            self._left -= 1
        self._matched = self._matched or MATCH in data
        return self._matched and self._left < 0

    def _cut(self) -> None:
        self._left = None
        self.cuts += 1
        for pair in self._pairs:
            for writer in pair:
                writer.transport.abort()


@asynccontextmanager
async def cuttable(server_port: Callable[[], int], host: str = "127.0.0.1") -> AsyncIterator[Cuttable]:
    """Listen on a port of its own."""
    way = Cuttable(server_port)
    listener = await asyncio.start_server(way.carry, host, 0)
    way.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield way
