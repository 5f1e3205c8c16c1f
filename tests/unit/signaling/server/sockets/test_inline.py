"""The private parts of aiohttp that inline.py uses. If a test fails after an upgrade, review inline.py."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web_ws import WebSocketResponse

from switchboard_signaling.server.sockets import inline
from switchboard_signaling.server.sockets.inline import InlineSocket, make_socket

SECONDS = 5.0
FLOOD = 1000


class Server:
    """A socket whose text messages are taken inline or refused; it also keeps what `receive` returns."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.received: list[object] = []
        self.refuse = False
        self.refused = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.client: TestClient  # type: ignore[type-arg]
        self.socket: InlineSocket
        self.transport: asyncio.Transport

    def take(self, text: bytes) -> bool:
        if self.refuse:
            self.refused += 1
        else:
            self.taken.append(text)
        return not self.refuse

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = make_socket("test", 1024, close_seconds=1.0)
        await socket.prepare(request)
        assert isinstance(socket, InlineSocket)
        assert request.transport is not None
        self.transport = request.transport
        self.socket = socket
        socket.take_with(self.take)
        while not socket.closed:
            message = await socket.receive()
            self.received.append(message.data if message.type in (WSMsgType.TEXT, WSMsgType.BINARY) else message.type)
            await self.go_on.wait()
        return socket

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():  # noqa: ASYNC110 - the other end is the server's loop, which is this one
                await asyncio.sleep(0)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server and a client in one event loop."""
    made = Server()
    app = web.Application()
    app.add_routes([web.get("/", made.serve)])
    async with TestClient(TestServer(app)) as made.client:
        yield made


def test_the_private_parts_of_this_aiohttp_are_known() -> None:
    assert inline.inlines(), f"aiohttp {aiohttp.__version__}: the public way serves alone until this test is looked at"


def test_aiohttp_starts_its_sockets_as_ours_does() -> None:
    """Ours repeats these steps with another queue, so a change in aiohttp's must be repeated in ours."""
    steps = [line.strip() for line in inspect.getsource(WebSocketResponse._post_start).splitlines()]
    assert [step for step in steps if "=" in step or "(" in step] == [
        "def _post_start(",
        "self._ws_protocol = protocol",
        "self._writer = writer",
        "self._reset_heartbeat()",
        "loop = self._loop",
        "self._reader = WebSocketDataQueue(",
        "request._protocol, DEFAULT_CHUNK_SIZE, loop=loop",
        "self._parser = WebSocketReader(",
        "compress=bool(self._compress),",
        "decode_text=self._decode_text,",
        "cb = None if self._heartbeat is None else self._on_data_received",
        "request.protocol.set_parser(self._parser, data_received_cb=cb)",
        "request.protocol.keep_alive(False)",
    ]


async def test_text_messages_are_taken_as_bytes_and_all_others_received(server: Server) -> None:
    async with server.client.ws_connect("/", protocols=["test"]) as socket:
        assert socket.protocol == "test"
        await socket.send_str("one")
        await socket.send_bytes(b"binary")
        await socket.ping()
        await server.until(lambda: server.received == [b"binary"])
        await socket.send_str("two")
        await server.until(lambda: len(server.taken) == 2)
    await server.until(lambda: len(server.received) == 2)
    assert server.taken == [b"one", b"two"]
    assert server.received == [b"binary", WSMsgType.CLOSE]


async def test_refused_messages_are_received_in_order(server: Server) -> None:
    async with server.client.ws_connect("/", protocols=["test"]) as socket:
        server.go_on.clear()
        server.refuse = True
        await socket.send_str("one")
        await server.until(lambda: server.received == [b"one"])
        await socket.send_str("two")
        await server.until(lambda: server.refused == 2)
        server.refuse = False
        await socket.send_str("three")
        await server.until(lambda: len(server.socket._reader._buffer) == 2)  # type: ignore[union-attr]
        server.go_on.set()
        await server.until(lambda: server.received == [b"one", b"two", b"three"])
        await socket.send_str("four")
        await server.until(lambda: server.taken == [b"four"])


async def test_a_client_that_is_refused_for_long_is_no_longer_read(server: Server) -> None:
    async with server.client.ws_connect("/", protocols=["test"]) as socket:
        server.go_on.clear()
        server.refuse = True
        send = asyncio.create_task(flood(socket))
        await server.until(lambda: not server.transport.is_reading())
        assert len(server.received) == 1
        server.go_on.set()
        await send
    assert len(server.received) == FLOOD + 1


async def flood(socket: aiohttp.ClientWebSocketResponse) -> None:
    """Send more than the server's queue holds."""
    for _ in range(FLOOD):
        await socket.send_str("x" * 1000)


async def test_a_message_above_the_limit_closes_as_in_aiohttp(server: Server) -> None:
    async with server.client.ws_connect("/", protocols=["test"]) as socket:
        await socket.send_str("x" * 2048)
        message = await socket.receive(SECONDS)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 1009)
    assert server.taken == []


def test_with_another_aiohttp_the_public_path_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp, "__version__", "4.0.0")
    assert type(make_socket("test", 1024, close_seconds=1.0)) is web.WebSocketResponse
