"""Watching a session or a subject through the admin API: its sockets are logged, for a limited time, on every pod."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.unit.signaling.jwts import secret_dir, token
from tests.unit.signaling.pods import SHARED, Running, closed_with, pod_alone, receive, until

from switchboard_signaling.broker.shared_stats import MAX_LISTED
from switchboard_signaling.server.access.client_lists import of_session
from switchboard_signaling.server.sockets import hub, watcher
from switchboard_signaling.server.telemetry.frame_log import SocketLog
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.messages import Hello

ADMIN = "an admin token of at least 32 bytes"
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture
async def running(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """A pod with an admin token and fast ticks, and with the settings of the test's parameter."""
    monkeypatch.setattr(hub, "TICK_SECONDS", 0.02)
    folder = secret_dir(tmp_path / "admin", one=ADMIN.encode())
    async with pod_alone(tmp_path, admin_token_dir=folder, **getattr(request, "param", {})) as pod:
        yield pod


async def ask(running: Running, method: str, path: str, **more: Any) -> tuple[int, Any]:
    response = await running.internal.request(method, f"/admin/watches{path}", headers=HEADERS, **more)
    return response.status, await response.json()


async def client(running: Running, instance: str = "i", **hello: Any) -> tuple[Any, str]:
    """Return a client's socket and its session."""
    socket = await running.greeted(Hello(socket_number=1, instance=instance, **hello))
    welcome = await receive(socket)
    assert isinstance(welcome, messages.Welcome)
    return socket, welcome.session_id


async def test_frames_and_state_of_a_watched_session_are_logged_and_of_others_not(running: Running) -> None:
    socket, session = await client(running)
    other, _ = await client(running, "other")
    with structlog.testing.capture_logs() as lines:
        assert await ask(running, "PUT", f"/session/{session}", json={"seconds": 60}) == (
            200,
            {"kind": "session", "name": session, "seconds": 60},
        )
        await until(lambda: [line for line in lines if line["event"] == "watch_started"])
        for one in (socket, other):
            await one.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
            await one.send_str("{")
            while not isinstance(await receive(one), messages.ErrorFrame):
                pass
            await one.close()
        await until(lambda: [line for line in lines if line["event"] == "socket_closed"])
    logged = [line for line in lines if line.get("session") == session and line["log_level"] == "debug"]
    events = [(line["event"], line.get("frame", {}).get("type")) for line in logged]
    for expected in (
        ("frame_received", "join-queue"), ("state_changed", None), ("frame_sent", "queued"), ("frame_refused", None),
        ("frame_sent", "error"), ("socket_closed", None),
    ):  # fmt: skip
        assert expected in events
    assert {line.get("session") for line in lines if line["log_level"] == "debug"} == {session}


@pytest.mark.parametrize("running", [SHARED], indirect=True)
async def test_a_subject_is_watched_in_all_its_sessions_from_their_welcome_on(running: Running) -> None:
    assert (await ask(running, "PUT", "/subject/ada", json={"seconds": 60}))[0] == 200
    with structlog.testing.capture_logs() as lines:
        sessions = [(await client(running, instance, auth=token(sub="ada")))[1] for instance in ("one", "two")]
        await client(running, "three", auth=token(sub="eve"))
    welcomed = [line["session"] for line in lines if line.get("frame", {}).get("type") == "welcome"]
    assert welcomed == sessions


async def test_a_watch_ends_when_it_is_removed(running: Running) -> None:
    socket, session = await client(running)
    await ask(running, "PUT", f"/session/{session}", json={"seconds": 60})
    await until(lambda: running.pod.hub._attached[session].frame_log)
    _, listed = await ask(running, "GET", "")
    assert [(one["kind"], one["name"]) for one in listed["watches"]] == [("session", session)]
    with structlog.testing.capture_logs() as lines:
        assert (await ask(running, "DELETE", f"/session/{session}"))[1]["seconds"] == 0
        await until(lambda: running.pod.hub._attached[session].frame_log is None)
        await socket.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
        await receive(socket)
    assert [line["event"] for line in lines if line["log_level"] == "debug"] == ["watch_stopped"]
    assert (await ask(running, "GET", ""))[1] == {"watches": []}


async def test_a_watch_expires_by_itself(running: Running) -> None:
    _, session = await client(running)
    await running.pod.watches.add(of_session(session), 60)
    await until(lambda: running.pod.hub._attached[session].frame_log)
    await running.pod.watches.add(of_session(session), 0)
    await until(lambda: running.pod.hub._attached[session].frame_log is None)
    await running.pod.watches.read()
    assert running.pod.watches.empty


@pytest.mark.parametrize("body", ['{"seconds": 0}', '{"seconds": 3601}', "{}", ""])
async def test_a_watch_has_a_limited_length(running: Running, body: str) -> None:
    status, answer = await ask(running, "PUT", "/session/s", data=body)
    assert (status, answer["error"]["code"]) == (400, "bad-request")


async def test_the_number_of_watches_is_limited(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_LISTED, "watches", 1)
    assert (await ask(running, "PUT", "/session/one", json={"seconds": 60}))[0] == 200
    status, answer = await ask(running, "PUT", "/session/two", json={"seconds": 60})
    assert (status, answer["error"]["code"]) == (409, "list-full")


@pytest.mark.parametrize("running", [SHARED], indirect=True)
async def test_the_number_of_logged_sockets_is_limited(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "MAX_WATCHED_SOCKETS", 1)
    await ask(running, "PUT", "/subject/ada", json={"seconds": 60})
    with structlog.testing.capture_logs() as lines:
        first, _ = await client(running, "one", auth=token(sub="ada"))
        await client(running, "two", auth=token(sub="ada"))
    assert [line["event"] for line in lines].count("watch_started") == 1
    assert [line["log_level"] for line in lines if line["event"] == "watch_limit_reached"] == ["warning"]
    with structlog.testing.capture_logs() as lines:
        await first.close()
        await until(lambda: "watch_started" in [line["event"] for line in lines])


async def test_a_fault_of_the_log_ends_the_log_and_not_the_socket(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket, session = await client(running)
    await ask(running, "PUT", f"/session/{session}", json={"seconds": 60})
    await until(lambda: running.pod.hub._attached[session].frame_log)

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(SocketLog, "received", fail)
    await socket.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    assert isinstance(await receive(socket), messages.QueueStatus)
    assert await running.metric('switchboard_signaling_faults_total{work="watch"} 1.0')


async def test_a_disconnected_session_is_watched_until_its_socket_closes(running: Running) -> None:
    socket, session = await client(running)
    await ask(running, "PUT", f"/session/{session}", json={"seconds": 60})
    await until(lambda: running.pod.hub._attached[session].frame_log)
    with structlog.testing.capture_logs() as lines:
        await running.internal.delete(f"/admin/sessions/{session}", headers=HEADERS)
        assert await closed_with(socket) == 4405
        await until(lambda: "socket_closed" in [line["event"] for line in lines])
    logged = [line for line in lines if line["log_level"] == "debug"]
    assert [line["event"] for line in logged][-2:] == ["socket_closing", "socket_closed"]
    assert logged[-2]["code"] == 4405


async def test_without_watches_no_socket_is_looked_at(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[object] = []
    monkeypatch.setattr(watcher.Watcher, "look", lambda *connection: looks.append(connection))
    socket, _ = await client(running)
    await socket.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    await receive(socket)
    assert looks == []
    assert running.pod.hub.open[0].frame_log is None
