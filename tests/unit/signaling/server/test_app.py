"""The pod over HTTP and WebSockets: what clients, load balancers, Prometheus and the operator see."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from switchboard_signaling.protocol import messages
from switchboard_signaling.protocol.messages import MAX_FRAME_BYTES, ServerFrame
from switchboard_signaling.protocol.tokens import SessionClaims
from switchboard_signaling.server.app import public_app
from switchboard_signaling.server.internal import internal_app
from switchboard_signaling.server.pod import Pod, make_pod
from switchboard_signaling.settings import Settings

SECONDS = 5.0


@dataclass
class Running:
    """A pod with its two applications."""

    pod: Pod
    public: TestClient  # type: ignore[type-arg]
    internal: TestClient  # type: ignore[type-arg]

    async def socket(self, **headers: str) -> ClientWebSocketResponse:
        return await self.public.ws_connect("/ws", protocols=[messages.SUBPROTOCOL], headers=headers)

    async def welcomed(self, inst: str = "inst") -> ClientWebSocketResponse:
        socket = await self.socket()
        await socket.send_str(f'{{"type":"hello","n":1,"inst":"{inst}"}}')
        assert isinstance(await receive(socket), messages.Welcome)
        return socket


async def receive(socket: ClientWebSocketResponse) -> ServerFrame:
    message = await socket.receive(SECONDS)
    assert message.type is WSMsgType.TEXT, message
    return messages.decode_server(message.data)


async def closed_with(socket: ClientWebSocketResponse) -> int | None:
    async with asyncio.timeout(SECONDS):
        while not socket.closed:
            await socket.receive()
    return socket.close_code


@pytest.fixture
async def running(request: pytest.FixtureRequest) -> AsyncIterator[Running]:
    """A pod alone, with the settings of the test's parameter."""
    pod = make_pod(Settings(**getattr(request, "param", {})))
    hub = asyncio.create_task(pod.hub.run())
    async with TestClient(TestServer(public_app(pod))) as public, TestClient(TestServer(internal_app(pod))) as internal:
        yield Running(pod, public, internal)
    hub.cancel()
    await asyncio.wait([hub])


async def test_a_pod_that_waits_for_its_store_lives_but_takes_no_clients() -> None:
    pod = make_pod(Settings())
    async with TestClient(TestServer(public_app(pod))) as public, TestClient(TestServer(internal_app(pod))) as internal:
        assert (await public.get("/livez")).status == 200
        assert (await public.get("/readyz")).status == 503
        socket = await Running(pod, public, internal).socket()
        refusal = await receive(socket)
        assert isinstance(refusal, messages.ErrorFrame)
        assert (refusal.code, refusal.retryable) == ("pool-busy", True)


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/health", "/livez", "/readyz", "/api/webrtc/config", "/missing"])
async def test_every_answer_carries_the_security_headers(running: Running, path: str) -> None:
    response = await running.public.get(path)
    assert response.status == (404 if path == "/missing" else 200)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_the_page_has_no_inline_code(running: Running) -> None:
    page = await (await running.public.get("/")).text()
    assert "style=" not in page
    assert "<style" not in page
    assert "onclick" not in page
    assert page.count("<script") == page.count('<script type="module" src=')


async def test_sessions_are_counted_while_attached_and_while_resumable(running: Running) -> None:
    one, two = await running.welcomed("one"), await running.welcomed("two")
    assert running.pod.hub.active_sessions == 2
    await one.close(code=1001)
    await two.close(code=1000)
    async with asyncio.timeout(SECONDS):
        while running.pod.hub.connections:  # noqa: ASYNC110 - the server's handler ends when it ends
            await asyncio.sleep(0)
    sample = await (await running.internal.get("/internal/sample")).json()
    assert sample == {"pod": "local", "sessions": 1, "capacity": 5000, "stopping": False}
    metrics = await (await running.internal.get("/metrics")).text()
    assert "\nswitchboard_signaling_active_sessions 1.0\n" in metrics
    stats = await (await running.public.get("/api/webrtc/stats")).json()
    assert stats == {"activeSessions": 1, "connections": 0, "matchedSessions": 0}


async def test_metrics_and_samples_are_not_for_clients(running: Running) -> None:
    for path in ("/metrics", "/internal/sample"):
        assert (await running.public.get(path)).status == 404


async def test_a_foreign_page_cannot_connect(running: Running) -> None:
    response = await running.public.get("/ws", headers={"Origin": "https://evil.example"})
    assert response.status == 403
    assert "SWITCHBOARD_ALLOWED_ORIGINS" in await response.text()


async def test_a_plain_request_to_the_socket_is_told_to_upgrade(running: Running) -> None:
    response = await running.public.get("/ws")
    assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


@pytest.mark.parametrize("running", [{"capacity": 1}], indirect=True)
async def test_a_full_pod_sends_clients_away_to_come_back(running: Running) -> None:
    await running.welcomed()
    refused = await running.socket()
    frame = await receive(refused)
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.retryable) == ("pool-busy", True)
    assert await closed_with(refused) == 4429


async def test_binary_and_malformed_frames_are_answered_and_the_third_closes(running: Running) -> None:
    socket = await running.welcomed()
    await socket.send_bytes(b"{}")
    await socket.send_str("{")
    await socket.send_str('{"type":"join-queue"}')
    for _ in range(3):
        frame = await receive(socket)
        assert isinstance(frame, messages.ErrorFrame)
        assert frame.code == "bad-frame"
    assert await closed_with(socket) == 4400


async def test_a_slightly_long_frame_is_answered_and_a_huge_one_closes(running: Running) -> None:
    socket = await running.welcomed()
    await socket.send_str(" " * (MAX_FRAME_BYTES + 1))
    frame = await receive(socket)
    assert isinstance(frame, messages.ErrorFrame)
    assert frame.code == "bad-frame"
    await socket.send_str(" " * (2 * MAX_FRAME_BYTES))
    assert await closed_with(socket) == 1009


async def test_an_unknown_type_is_answered_and_counted(running: Running) -> None:
    socket = await running.welcomed()
    await socket.send_str('{"type":"of-tomorrow"}')
    frame = await receive(socket)
    assert isinstance(frame, messages.ErrorFrame)
    assert frame.code == "unknown-type"
    metrics = await (await running.internal.get("/metrics")).text()
    assert 'switchboard_signaling_frames_refused_total{code="unknown-type"} 1.0' in metrics


async def test_what_one_client_breaks_touches_no_other(running: Running) -> None:
    good, bad = await running.welcomed("good"), await running.welcomed("bad")
    for _ in range(3):
        await bad.send_bytes(b"\xff")
    assert await closed_with(bad) == 4400
    await good.send_str('{"type":"join-queue","c":1,"ticket":"t"}')
    assert isinstance(await receive(good), messages.InQueue)


async def test_a_fault_in_a_session_closes_its_socket_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = await running.welcomed("good"), await running.welcomed("bad")
    [session] = [one.session for one in running.pod.hub._attached.values() if one.session._inst == "bad"]
    monkeypatch.setattr(session, "receive", lambda *_: 1 / 0)
    await bad.send_str('{"type":"join-queue","c":1,"ticket":"t"}')
    assert await closed_with(bad) == 1011
    await good.send_str('{"type":"join-queue","c":1,"ticket":"t"}')
    assert isinstance(await receive(good), messages.InQueue)


async def test_a_stopping_pod_is_not_ready_and_asks_its_clients_to_move(running: Running) -> None:
    socket = await running.welcomed()
    stop = asyncio.create_task(running.pod.hub.stop(SECONDS))
    assert isinstance(await receive(socket), messages.Goaway)
    assert (await running.public.get("/readyz")).status == 503
    assert (await running.public.get("/livez")).status == 200
    assert (await (await running.public.get("/health")).json())["status"] == "stopping"
    await socket.close()
    await asyncio.wait_for(stop, SECONDS)


async def test_who_does_not_move_in_time_is_closed(running: Running) -> None:
    socket = await running.welcomed()
    await running.pod.hub.stop(0)
    assert await closed_with(socket) == 1001


@pytest.mark.parametrize("running", [{"environment": "Production", "redis_nodes": "127.0.0.1:1"}], indirect=True)
async def test_in_production_ice_servers_are_for_sessions_only(running: Running) -> None:
    response = await running.public.get("/api/webrtc/config")
    assert response.status == 401
    assert (await response.json())["code"] == "session-unknown"
    token = running.pod.host.keyring.sign(SessionClaims("sid", "sid"))
    allowed = await running.public.get("/api/webrtc/config", headers={"Authorization": f"Bearer {token}"})
    assert (await allowed.json())["subprotocol"] == "switchboard.v1"
