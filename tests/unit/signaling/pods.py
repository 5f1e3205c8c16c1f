"""A pod of the shipped server in the test's process, and raw clients for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.signaling.jwts import secret_dir

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import MatchReady
from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.pod import SignalingPod, make_pod
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.messages import ServerFrame

SECONDS = 5.0
SHARED = {"auth_type": "SharedSecret"}
PRODUCTION = {"environment": "Production", "redis_nodes": "127.0.0.1:1", **SHARED}


@dataclass
class Running:
    """A pod with its two applications."""

    pod: SignalingPod
    public: TestClient  # type: ignore[type-arg]
    internal: TestClient  # type: ignore[type-arg]

    async def socket(self, **headers: str) -> ClientWebSocketResponse:
        return await self.public.ws_connect("/ws", protocols=[messages.SUBPROTOCOL], headers=headers)

    async def welcomed(self, instance: str = "inst") -> ClientWebSocketResponse:
        socket = await self.greeted(messages.Hello(socket_number=1, instance=instance))
        assert isinstance(await receive(socket), messages.Welcome)
        return socket

    async def greeted(self, greeting: messages.ClientFrame, **headers: str) -> ClientWebSocketResponse:
        socket = await self.socket(**headers)
        await socket.send_str(messages.encode(greeting).decode())
        return socket

    async def metric(self, line: str) -> bool:
        """Whether the metrics have this line."""
        return line in (await (await self.internal.get("/metrics")).text()).splitlines()


async def receive(socket: ClientWebSocketResponse) -> ServerFrame:
    message = await socket.receive(SECONDS)
    assert message.type is WSMsgType.TEXT, message
    return messages.decode_server(message.data)


async def closed_with(socket: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(SECONDS):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


@asynccontextmanager
async def pod_alone(folder: Path, **settings: Any) -> AsyncIterator[Running]:
    """Run a pod; if it needs a shared secret for JWTs, it is the one of jwts.py."""
    if settings.get("auth_type") == "SharedSecret":
        settings["auth_secret_dir"] = secret_dir(folder / "auth")
    pod = make_pod(ServerSettings(**settings))
    hub = asyncio.create_task(pod.hub.run())
    async with TestClient(TestServer(public_app(pod))) as public, TestClient(TestServer(internal_app(pod))) as internal:
        yield Running(pod, public, internal)
    hub.cancel()
    await asyncio.wait([hub])


async def in_a_call(running: Running, stack: AsyncExitStack) -> tuple[Client, Client, str]:
    """Return two clients in a match, and the match."""
    url = str(running.public.make_url("/ws"))
    one, two = [await stack.enter_async_context(Client(url)) for _ in range(2)]
    for client in (one, two):
        await client.join()
    match_id = (await one.wait_for(MatchReady)).match_id
    await two.wait_for(MatchReady)
    return one, two, match_id


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that the pod's tasks fulfil."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - the pod's tasks run in this loop
            await asyncio.sleep(0)
