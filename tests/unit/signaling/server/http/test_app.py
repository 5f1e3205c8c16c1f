"""The pod over HTTP and WebSockets: what clients, load balancers, Prometheus and the operator see."""

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from socket import SHUT_RDWR
from typing import TypeVar

import pytest
from aiohttp import ClientError, ClientWebSocketResponse, WSServerHandshakeError, web
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.signaling.jwts import token
from tests.unit.signaling.pods import PRODUCTION, SECONDS, SHARED, Running, closed_with, pod_alone, receive

from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.server.sockets import connection, inline
from switchboard_signaling.server.sockets.writer import MAX_UNSENT
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Effect, Send
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES
from switchboard_signaling.wire.intents import Idle
from switchboard_signaling.wire.messages import ServerFrame
from switchboard_signaling.wire.tokens import SessionClaims

F = TypeVar("F", bound=ServerFrame)


@pytest.fixture(params=["inline", "public"])
def receiving(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both paths of receiving: with an aiohttp whose private parts are known, and with any other."""
    if request.param == "public":
        monkeypatch.setattr(inline, "KNOWN_AIOHTTP", "none")


async def anyhow(socket: ClientWebSocketResponse, kind: type[F]) -> F:
    """Return the next frame of a kind, skipping others."""
    while True:
        if isinstance(frame := await receive(socket), kind):
            return frame


@pytest.fixture
async def running(request: pytest.FixtureRequest, receiving: None, tmp_path: Path) -> AsyncIterator[Running]:
    """A single pod with the settings of the test's parameter."""
    async with pod_alone(tmp_path, **getattr(request, "param", {})) as pod:
        yield pod


async def test_a_pod_that_waits_for_its_store_is_live_but_accepts_no_clients() -> None:
    pod = make_pod(ServerSettings())
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
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Server"] == "switchboard"
    assert "Strict-Transport-Security" not in response.headers


@pytest.mark.parametrize("running", [PRODUCTION], indirect=True)
async def test_in_production_browsers_must_use_https(running: Running) -> None:
    for path in ("/", "/missing"):
        response = await running.public.get(path)
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_a_fault_of_a_handler_carries_the_security_headers_and_no_traceback(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(running.pod.hub), "active_sessions", property(lambda _: 1 / 0))
    response = await running.public.get("/health")
    assert response.status == 500
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert "ZeroDivisionError" not in await response.text()


async def test_credentials_are_not_cached(running: Running) -> None:
    assert (await running.public.get("/api/webrtc/config")).headers["Cache-Control"] == "no-store"


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
    assert (sample["pod"], sample["sessions"], sample["connections"], sample["capacity"]) == ("local", 1, 0, 5000)
    metrics = await (await running.internal.get("/metrics")).text()
    assert "\nswitchboard_signaling_active_sessions 1.0\n" in metrics
    stats = await (await running.public.get("/api/webrtc/stats")).json()
    assert (stats["activeSessions"], stats["connections"], stats["matchedSessions"], stats["pods"]) == (1, 0, 0, 1)


async def test_a_session_whose_connection_broke_is_resumable(running: Running) -> None:
    socket = await running.welcomed()
    socket.get_extra_info("socket").shutdown(SHUT_RDWR)
    async with asyncio.timeout(SECONDS):
        while running.pod.hub.connections:  # noqa: ASYNC110 - the server's handler ends when it ends
            await asyncio.sleep(0)
    assert running.pod.hub.active_sessions == 1


async def test_the_public_port_has_no_metrics_and_samples(running: Running) -> None:
    for path in ("/metrics", "/internal/sample"):
        assert (await running.public.get(path)).status == 404


async def test_a_foreign_page_cannot_connect(running: Running) -> None:
    response = await running.public.get("/ws", headers={"Origin": "https://evil.example"})
    assert response.status == 403
    assert "SWITCHBOARD_ALLOWED_ORIGINS" in await response.text()


APP = "https://app.example"
OPEN_TO_APP = {"allowed_origins": APP}


@pytest.mark.parametrize("running", [{**OPEN_TO_APP, **SHARED}], indirect=True)
@pytest.mark.parametrize("path", ["/api/webrtc/config", "/api/webrtc/stats"])
async def test_an_allowed_page_may_call_the_api(running: Running, path: str) -> None:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    answer = await running.public.options(path, headers={"Origin": APP, **asked})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == APP
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization"
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0
    assert answer.headers["Vary"] == "Origin"


@pytest.mark.parametrize("running", [{**OPEN_TO_APP, **SHARED, "wrong_tokens": 1}], indirect=True)
async def test_an_allowed_page_can_read_responses_and_refusals(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bearer = running.pod.host.keyring.sign(SessionClaims("sid", "sub", 2**40))
    statuses = []
    for authorization in (f"Bearer {bearer}", "", "Bearer invalid", f"Bearer {bearer[:-4]}AAAA", ""):
        headers = {"Origin": APP, "Authorization": authorization}
        answer = await running.public.get("/api/webrtc/config", headers=headers)
        statuses.append(answer.status)
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert statuses == [200, 401, 401, 401, 429]
    monkeypatch.setattr(type(running.pod.hub), "active_sessions", property(lambda _: 1 / 0))
    broken = await running.public.get("/api/webrtc/stats", headers={"Origin": APP})
    assert (broken.status, broken.headers["Access-Control-Allow-Origin"]) == (500, APP)


@pytest.mark.parametrize("running", [OPEN_TO_APP], indirect=True)
async def test_another_page_is_granted_nothing(running: Running) -> None:
    for path in ("/api/webrtc/config", "/web/sdk/switchboard.js"):
        answer = await running.public.get(path, headers={"Origin": "https://evil.example"})
        assert not [name for name in answer.headers if name.startswith("Access-Control-")]
        assert (answer.headers["Vary"], answer.headers["Cross-Origin-Resource-Policy"]) == ("Origin", "same-origin")
    refused = await running.public.options("/api/webrtc/config", headers={"Origin": "https://evil.example"})
    assert (refused.status, "spec.allowedOrigins" in await refused.text()) == (403, True)
    assert not [name for name in refused.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("running", [OPEN_TO_APP], indirect=True)
async def test_an_allowed_page_may_load_the_sdk_and_not_the_call_page(running: Running) -> None:
    for path in ("/web/sdk/switchboard.js", "/web/sdk/call.js"):
        answer = await running.public.get(path, headers={"Origin": APP})
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Cache-Control"] == "no-cache"
        known = {"Origin": APP, "If-None-Match": answer.headers["ETag"]}
        again = await running.public.get(path, headers=known)
        assert (again.status, again.headers["Access-Control-Allow-Origin"]) == (304, APP)
    for path in ("/", "/web/app.js"):
        answer = await running.public.get(path, headers={"Origin": APP})
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("running", [OPEN_TO_APP], indirect=True)
async def test_an_allowed_page_may_keep_the_sdk_of_a_version(running: Running) -> None:
    for path, status in (
        (f"/web/sdk/{version('switchboard-signaling')}/index.js", 200),
        ("/web/sdk/0.0.0/index.js", 404),
    ):
        answer = await running.public.get(path, headers={"Origin": APP})
        assert answer.status == status
        assert answer.headers["Access-Control-Allow-Origin"] == APP
        assert answer.headers["Vary"] == "Origin"
        assert ("immutable" in answer.headers["Cache-Control"]) == (status == 200)


@pytest.mark.parametrize("path", ["/", "/web/app.js", "/web/style.css", "/web/sdk/switchboard.js"])
async def test_browsers_revalidate_the_pages_files(running: Running, path: str) -> None:
    answer = await running.public.get(path)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await running.public.get(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status, again.headers["Cache-Control"]) == (304, "no-cache")


async def test_a_plain_request_to_the_socket_is_answered_with_426(running: Running) -> None:
    response = await running.public.get("/ws")
    assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def test_headers_that_are_not_utf_8_are_refused_without_a_fault(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.public.port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: here\r\nOrigin: \xff\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), SECONDS)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"headers in UTF-8" in answer
    writer.close()


async def test_a_client_that_disconnects_during_the_handshake_is_no_fault(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def gone(*_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(web.WebSocketResponse, "prepare", gone)
    with pytest.raises(ClientError):
        await running.socket()
    assert caplog.records == []


@pytest.mark.parametrize("running", [{"capacity": 1}], indirect=True)
async def test_a_full_pod_refuses_clients_with_a_retryable_error(running: Running) -> None:
    await running.welcomed()
    refused = await running.socket()
    frame = await receive(refused)
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.retryable) == ("pool-busy", True)
    assert await closed_with(refused) == 4460


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


async def test_a_misbehaving_client_affects_no_other(running: Running) -> None:
    good, bad = await running.welcomed("good"), await running.welcomed("bad")
    for _ in range(3):
        await bad.send_bytes(b"\xff")
    assert await closed_with(bad) == 4400
    await good.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    assert isinstance(await receive(good), messages.QueueStatus)


async def test_a_client_that_leaves_and_closes_at_once_has_left(running: Running) -> None:
    one, two = await running.welcomed("one"), await running.welcomed("two")
    for socket in (one, two):
        await socket.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    found = await anyhow(one, messages.MatchFound)
    intent = f'{{"state":"matched","revision":1,"match":"{found.match_id}"}}'
    for socket in (one, two):
        await socket.send_str(f'{{"type":"heartbeat","intent":{intent}}}')
    while (await anyhow(one, messages.MatchFound)).state != "open":
        pass

    await one.send_str(f'{{"type":"leave","revision":2,"match":"{found.match_id}"}}')
    await one.close()

    while (state := await anyhow(two, messages.PeerState)).state != "left":
        pass
    assert state.reason == "user"


async def test_a_fault_in_a_session_closes_its_socket_alone(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = await running.welcomed("good"), await running.welcomed("bad")
    right = Session.receive

    def wrong(session: Session, frame: messages.ClientFrame, now: float) -> list[Effect]:
        return right(session, frame, now if session.reconciler.instance != "bad" else 1 / 0)

    monkeypatch.setattr(Session, "receive", wrong)
    await bad.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    assert await closed_with(bad) == 1011
    await good.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    assert isinstance(await receive(good), messages.QueueStatus)


async def test_an_effect_that_cannot_be_performed_closes_its_socket_alone(running: Running) -> None:
    socket = await running.welcomed()
    [connection] = running.pod.hub.open
    connection.change(lambda _: [Send(object())])  # type: ignore[arg-type]
    assert await closed_with(socket) == 1011
    assert await running.metric('switchboard_signaling_faults_total{work="session"} 1.0')


async def in_a_match(running: Running) -> tuple[ClientWebSocketResponse, ClientWebSocketResponse, str]:
    """Return the sockets of two clients in a match, and its id."""
    sockets = [await running.welcomed(instance) for instance in ("one", "two")]
    for socket in sockets:
        await socket.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    for socket in sockets:
        match_id = (await until(socket, messages.MatchFound)).match_id
        await socket.send_str(
            f'{{"type":"heartbeat","intent":{{"state":"matched","revision":1,"match":"{match_id}"}}}}'
        )
    for socket in sockets:
        while (await until(socket, messages.MatchFound)).state != "open":
            pass
    return sockets[0], sockets[1], match_id


async def until(socket: ClientWebSocketResponse, kind: type[F]) -> F:
    while not isinstance(frame := await receive(socket), kind):
        pass
    return frame


def chat(match_id: str, seq: int) -> str:
    return f'{{"type":"chat","match":"{match_id}","from":"one","to":"two","seq":{seq},"id":"{seq}","text":"hello"}}'


async def test_peers_frames_arrive_in_order_and_are_counted(running: Running) -> None:
    one, two, match_id = await in_a_match(running)
    for seq in range(1, 101):
        await one.send_str(chat(match_id, seq))
    assert [(await until(two, messages.Chat)).seq for _ in range(100)] == list(range(1, 101))
    metrics = await (await running.internal.get("/metrics")).text()
    assert 'switchboard_signaling_frames_received_total{type="chat"} 100.0' in metrics


@pytest.mark.parametrize("running", [{"frames_per_second": 10.0}], indirect=True)
async def test_a_client_above_its_rate_is_read_more_slowly_and_loses_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(connection, "pause", pause)
    one, two, match_id = await in_a_match(running)
    for seq in range(1, 51):
        await one.send_str(chat(match_id, seq))
    assert [(await until(two, messages.Chat)).seq for _ in range(50)] == list(range(1, 51))
    assert len(pauses) > 20
    assert all(0 < seconds < 10 for seconds in pauses)


@pytest.mark.parametrize("running", [{"sdp_per_second": 0}], indirect=True)
async def test_a_client_that_does_not_read_is_disconnected_and_the_pod_stays_small(running: Running) -> None:
    one, two, match_id = await in_a_match(running)
    transport = two._response.connection.transport  # type: ignore[union-attr]
    transport.pause_reading()
    [slow] = [each for each in running.pod.hub._attached.values() if each.session.reconciler.instance == "two"]
    offer = f'{{"type":"offer","match":"{match_id}","from":"one","to":"two","seq":1,"sdp":"{"x" * 60_000}"}}'
    async with asyncio.timeout(SECONDS):
        while slow._closing is None:
            await one.send_str(offer)
    assert slow._transport.get_write_buffer_size() < 2 * MAX_UNSENT
    async with asyncio.timeout(SECONDS):
        while running.pod.hub.connections > 1:  # noqa: ASYNC110 - the server's handler ends when it ends
            await asyncio.sleep(0)
    transport.abort()


@pytest.mark.parametrize("running", [PRODUCTION], indirect=True)
async def test_in_production_ice_servers_require_a_session(running: Running) -> None:
    response = await running.public.get("/api/webrtc/config")
    assert response.status == 401
    assert (await response.json())["error"]["code"] == "session-unknown"
    token = running.pod.host.keyring.sign(SessionClaims("sid", "sid"))
    allowed = await running.public.get("/api/webrtc/config", headers={"Authorization": f"Bearer {token}"})
    assert (await allowed.json())["subprotocol"] == "switchboard.v1"


@pytest.mark.parametrize(
    "running",
    [
        {
            "turn_server_url": "turn:t.example:3478,stun:s.example",
            "turn_username": "u",
            "turn_credential": "c",
            "ice_gathering_timeout": 1000,
            "connection_timeout": 2000,
            "max_reconnect_attempts": 9,
            "heartbeat_interval": 3000,
        }
    ],
    indirect=True,
)
async def test_clients_get_the_limits_and_the_ice_server_of_the_settings(running: Running) -> None:
    config = await (await running.public.get("/api/webrtc/config")).json()
    assert config["iceServers"] == [
        {"urls": ["stun:s.example"]},
        {"urls": ["turn:t.example:3478"], "username": "u", "credential": "c"},
    ]
    assert config["maxReconnectAttempts"] == 9
    assert config["timeouts"] == {
        "heartbeatMs": 3000, "idleHeartbeatMs": 3000, "resumeWindowMs": 60000, "iceGatheringMs": 1000,
        "connectionMs": 2000,
    }  # fmt: skip
    welcome = await receive(await running.greeted(messages.Hello(socket_number=1, instance="i")))
    assert isinstance(welcome, messages.Welcome)
    assert (welcome.max_reconnect_attempts, welcome.timeouts.connection_ms) == (9, 2000)


# JWTs


@pytest.mark.parametrize("running", [SHARED], indirect=True)
async def test_a_client_with_a_valid_jwt_is_welcomed_and_keeps_its_subject(running: Running) -> None:
    socket = await running.greeted(messages.Hello(socket_number=1, instance="i", auth=token()))
    welcome = await receive(socket)
    assert isinstance(welcome, messages.Welcome)
    resume = messages.Resume(token=welcome.token, socket_number=2, instance="i", intent=Idle(), auth=token())
    again = await receive(await running.greeted(resume))
    assert isinstance(again, messages.Welcome)
    assert again.session_id == welcome.session_id
    assert await running.metric('switchboard_signaling_authenticated_total{result="ok"} 2.0')


@pytest.mark.parametrize("running", [SHARED], indirect=True)
@pytest.mark.parametrize(
    ("auth", "code", "close"),
    [
        (None, "auth-required", 4401),
        ("no jwt", "auth-invalid", 4402),
        (token(exp=1), "auth-expired", 4440),
        (token(sub=None), "auth-invalid", 4402),
    ],
)
async def test_a_client_without_a_valid_jwt_gets_the_reason(
    running: Running, auth: str | None, code: str, close: int
) -> None:
    socket = await running.greeted(messages.Hello(socket_number=1, instance="i", auth=auth))
    frame = await receive(socket)
    assert isinstance(frame, messages.ErrorFrame)
    assert frame.code == code
    assert await closed_with(socket) == close
    assert running.pod.hub.active_sessions == 0


@pytest.mark.parametrize("running", [SHARED], indirect=True)
async def test_a_fault_while_a_jwt_is_verified_closes_that_socket_alone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.pod.limiter, "verify", lambda *_: 1 / 0)
    assert await closed_with(await running.greeted(messages.Hello(socket_number=1, instance="i", auth=token()))) == 1011
    monkeypatch.undo()
    assert isinstance(
        await receive(await running.greeted(messages.Hello(socket_number=1, instance="i", auth=token()))),
        messages.Welcome,
    )


# Limits


async def refused(running: Running, **headers: str) -> tuple[int, str | None]:
    """Return the status and the Retry-After of a refused handshake."""
    with pytest.raises(WSServerHandshakeError) as caught:
        await running.socket(**headers)
    assert caught.value.headers is not None
    return caught.value.status, caught.value.headers.get("Retry-After")


@pytest.mark.parametrize("running", [{"connects_per_second": 0.1}], indirect=True)
async def test_an_address_above_the_rate_gets_retry_after(running: Running) -> None:
    await running.welcomed()
    assert await refused(running) == (429, "10")
    assert await running.metric('switchboard_signaling_limited_total{limit="connects"} 1.0')
    assert (await running.public.get("/health")).status == 200


@pytest.mark.parametrize("running", [{"connects_per_second": 0}], indirect=True)
async def test_the_limit_on_connects_can_be_off(running: Running) -> None:
    for _ in range(600):
        await (await running.socket()).close()


@pytest.mark.parametrize("running", [{"connects_per_second": 0.1, "trusted_proxies": "127.0.0.0/8,::1"}], indirect=True)
async def test_behind_a_proxy_of_ours_each_client_has_its_own_limit(running: Running) -> None:
    one, two = ({"X-Forwarded-For": f"1.2.3.4, 203.0.113.{number}"} for number in (1, 2))
    await running.socket(**one)
    await running.socket(**two)
    assert (await refused(running, **one))[0] == 429


@pytest.mark.parametrize("running", [{"connects_per_second": 0.1}], indirect=True)
async def test_a_forged_header_gives_no_client_another_limit(running: Running) -> None:
    await running.socket(**{"X-Forwarded-For": "203.0.113.1"})
    assert (await refused(running, **{"X-Forwarded-For": "203.0.113.2"}))[0] == 429


async def test_forged_tokens_are_limited_and_old_ones_are_not(running: Running) -> None:
    old = messages.Resume(token="a.b.c", socket_number=1, instance="i", intent=Idle())
    for _ in range(12):
        assert await closed_with(await running.greeted(old)) == 4465
    good = running.pod.host.keyring.sign(SessionClaims("sid", "sid"))
    forged = messages.Resume(token=good[:-2] + "AA", socket_number=1, instance="i", intent=Idle())
    sockets = [await running.socket() for _ in range(10)]
    for socket in sockets:
        await socket.send_str(messages.encode(forged).decode())
        assert await closed_with(socket) == 4465
    status, retry_after = await refused(running)
    assert status == 429
    assert 1790 < int(retry_after or 0) <= 1800
    assert (await running.public.get("/api/webrtc/config")).status == 429
    assert await running.metric('switchboard_signaling_limited_total{limit="tokens"} 2.0')
    assert await running.metric("switchboard_signaling_forged_tokens_total 10.0")


@pytest.mark.parametrize("running", [{**SHARED, "wrong_tokens": 1}], indirect=True)
async def test_forged_jwts_and_bearer_tokens_count_too(running: Running) -> None:
    forged = messages.Hello(socket_number=1, instance="i", auth=token(b"not the secret of this pool, but long"))
    assert await closed_with(await running.greeted(forged)) == 4402
    assert (await refused(running))[0] == 429


@pytest.mark.parametrize("running", [{**SHARED, "wrong_tokens": 0}], indirect=True)
async def test_the_limit_on_forged_tokens_can_be_off(running: Running) -> None:
    forged = messages.Hello(socket_number=1, instance="i", auth=token(b"not the secret of this pool, but long"))
    for _ in range(12):
        assert await closed_with(await running.greeted(forged)) == 4402


@pytest.mark.parametrize("running", [{"sdp_per_second": 0.1}], indirect=True)
async def test_refused_frames_are_counted(running: Running) -> None:
    one, two = await running.welcomed("one"), await running.welcomed("two")
    for number, socket in enumerate((one, two)):
        await socket.send_str(f'{{"type":"join-queue","revision":1,"ticket":"t{number}"}}')
    found = await match_found(one)
    offer = messages.Offer(match_id=found.match_id, from_="one", to="two", seq=1, sdp="v=0")
    for _ in range(2):
        await one.send_str(messages.encode(offer).decode())
    error = await receive(one)
    assert isinstance(error, messages.ErrorFrame)
    assert (error.code, error.retryable, error.ref and error.ref.type) == ("rate-limited", True, "offer")
    assert await running.metric('switchboard_signaling_limited_total{limit="sdp"} 1.0')


async def match_found(socket: ClientWebSocketResponse) -> messages.MatchFound:
    while not isinstance(frame := await receive(socket), messages.MatchFound):
        pass
    return frame
