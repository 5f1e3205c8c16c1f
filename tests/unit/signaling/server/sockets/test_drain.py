"""Draining: the operator's commands, what clients observe, and how a pod stops."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from tests.unit.signaling.server.http.test_app import SECONDS, Running, closed_with, receive

from switchboard_signaling.server.http.app import public_app
from switchboard_signaling.server.http.internal import internal_app
from switchboard_signaling.server.pod import make_pod
from switchboard_signaling.server.sockets import drain
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire import messages

NEW, OLD = "new token of the operator, 32 bytes", "old token of the operator, 32 bytes"


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A pod that accepts two tokens, as during a rotation."""
    (tmp_path / "current").write_text(f"{NEW}\n")
    (tmp_path / "previous").write_text(OLD)
    (tmp_path / "..data").mkdir()
    pod = make_pod(ServerSettings(internal_token_dir=tmp_path, capacity=3))
    hub = asyncio.create_task(pod.hub.run())
    async with TestClient(TestServer(public_app(pod))) as public, TestClient(TestServer(internal_app(pod))) as internal:
        yield Running(pod, public, internal)
    hub.cancel()
    await asyncio.wait([hub])


async def order(
    running: Running, path: str, body: Any = None, token: str = NEW, fence: str | None = "7"
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"} | ({"Switchboard-Fence": fence} if fence is not None else {})
    response = await running.internal.post(f"/internal/{path}", json=body or {}, headers=headers)
    return response.status, await response.json() if response.status == 200 else await response.text()


async def gone(running: Running) -> None:
    async with asyncio.timeout(SECONDS):
        while running.pod.hub.connections:  # noqa: ASYNC110 - the server's handlers end when they end
            await asyncio.sleep(0)


async def test_a_cordoned_pod_refuses_new_clients_and_keeps_those_it_has(running: Running) -> None:
    kept = await running.welcomed()
    status, sample = await order(running, "cordon")
    assert (status, sample["cordoned"], sample["sessions"]) == (200, True, 1)
    refused = await running.socket()
    frame = await receive(refused)
    assert isinstance(frame, messages.ErrorFrame)
    assert (frame.code, frame.retryable) == ("retry", True)
    assert await closed_with(refused) == 4420
    assert (await running.public.get("/readyz")).status == 200
    await kept.send_str('{"type":"join-queue","revision":1,"ticket":"t"}')
    assert isinstance(await receive(kept), messages.QueueStatus)
    assert (await order(running, "uncordon"))[1]["cordoned"] is False
    await running.welcomed("another")


async def test_a_command_needs_a_token_and_the_leaders_number(running: Running) -> None:
    for path in ("cordon", "uncordon", "goaway"):
        assert (await order(running, path, token="wrong"))[0] == 401
        assert (await order(running, path, token=""))[0] == 401
        assert (await order(running, path, fence=None))[0] == 400
    assert running.pod.drain.cordoned is False
    assert (await order(running, "cordon", token=OLD))[0] == 200


async def test_a_superseded_leader_changes_nothing(running: Running) -> None:
    assert (await order(running, "cordon", fence="8"))[0] == 200
    status, text = await order(running, "uncordon", fence="7")
    assert (status, "number 8" in text) == (409, True)
    assert running.pod.drain.cordoned is True
    assert (await order(running, "uncordon", fence="8"))[0] == 200


async def test_a_pod_without_tokens_accepts_no_commands() -> None:
    assert make_pod(ServerSettings()).drain.admit("any") is False


async def test_commands_are_accepted_while_the_tokens_cannot_be_read(running: Running, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path)
    assert (await order(running, "cordon"))[0] == 200
    assert (await order(running, "cordon", token="wrong"))[0] == 401


async def test_a_token_that_is_not_utf_8_is_refused(running: Running) -> None:
    """aiohttp decodes bytes that are not UTF-8 as surrogates."""
    assert running.pod.drain.admit(b"\xff".decode(errors="surrogateescape")) is False


async def test_some_sessions_are_asked_to_move_and_none_twice(running: Running) -> None:
    sockets = [await running.welcomed(f"inst-{number}") for number in range(3)]
    status, sample = await order(running, "goaway", {"count": 2, "withinMs": 10})
    assert (status, sample["leaving"], sample["connections"]) == (200, 2, 3)
    assert (await order(running, "goaway", {"count": 3, "withinMs": 10}))[1]["leaving"] == 3
    for socket in sockets:
        assert isinstance(await receive(socket), messages.Goaway)
        await socket.close()
    await gone(running)
    assert (await (await running.internal.get("/internal/sample")).json())["leaving"] == 0


async def test_no_more_sessions_are_asked_than_have_moved(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "WINDOW", 1)
    monkeypatch.setattr("random.random", lambda: -3.0)  # all of them are due at once
    sockets = {
        asyncio.create_task(receive(socket)): socket
        for socket in [await running.welcomed(socket_number) for socket_number in "abc"]
    }
    await order(running, "goaway", {"count": 3, "withinMs": 60_000})
    for _ in range(3):
        asked, _ = await asyncio.wait(sockets, return_when=asyncio.FIRST_COMPLETED, timeout=SECONDS)
        (one,) = asked
        assert isinstance(one.result(), messages.Goaway)
        await sockets.pop(one).close()
    await gone(running)


async def test_a_session_without_room_in_time_is_not_asked(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "WINDOW", 1)
    for name in "abc":
        await running.welcomed(name)
    await order(running, "goaway", {"count": 3, "withinMs": 0})
    async with asyncio.timeout(SECONDS):
        while running.pod.drain.leaving != 1:  # noqa: ASYNC110 - it is asked in a task of its own
            await asyncio.sleep(0)


async def test_a_session_that_does_not_move_delays_others_only_briefly(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "WINDOW", 1)
    monkeypatch.setattr(drain, "FOLLOW_SECONDS", 0.0)
    sockets = [await running.welcomed(name) for name in "abc"]
    await order(running, "goaway", {"count": 3, "withinMs": 10})
    for socket in sockets:
        assert isinstance(await receive(socket), messages.Goaway)


async def test_sessions_without_a_match_are_asked_first(running: Running) -> None:
    matched = [await running.welcomed(f"inst-{number}") for number in range(2)]
    for number, socket in enumerate(matched):
        await socket.send_str(f'{{"type":"join-queue","revision":1,"ticket":"t{number}"}}')
    for socket in matched:
        while not isinstance(await receive(socket), messages.MatchFound):
            pass
    idle = await running.welcomed("idle")
    await order(running, "goaway", {"count": 1, "withinMs": 0})
    assert isinstance(await receive(idle), messages.Goaway)


async def test_a_session_that_does_not_move_is_asked_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "AGAIN_SECONDS", 0.0)
    socket = await running.welcomed()
    for _ in range(2):
        await order(running, "goaway", {"count": 1, "withinMs": 0})
        assert isinstance(await receive(socket), messages.Goaway)


@pytest.mark.parametrize("body", [{}, {"count": 0, "withinMs": 1}, {"count": 1, "withinMs": -1}, {"count": "1"}])
async def test_a_malformed_command_is_refused(running: Running, body: Any) -> None:
    assert (await order(running, "goaway", body))[0] == 400


async def test_clients_refused_for_lack_of_capacity_are_counted(running: Running) -> None:
    for number in range(3):
        await running.welcomed(f"inst-{number}")
    assert await closed_with(await running.socket()) == 4460
    assert (await (await running.internal.get("/internal/sample")).json())["refused"] == 1


async def test_a_stopping_pod_serves_until_proxies_know_then_asks_its_clients_to_move(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled = asyncio.Event()
    sleep = asyncio.sleep

    async def settle(seconds: float) -> None:
        await (settled.wait() if seconds == drain.SETTLE_SECONDS else sleep(0))

    monkeypatch.setattr(drain.asyncio, "sleep", settle)
    socket = await running.welcomed()
    stop = asyncio.create_task(running.pod.drain.stop(4 * SECONDS))
    await sleep(0)
    assert (await running.public.get("/readyz")).status == 503
    assert (await running.public.get("/livez")).status == 200
    assert (await (await running.public.get("/health")).json())["status"] == "stopping"
    late = await running.welcomed("late")
    settled.set()
    assert isinstance(await receive(socket), messages.Goaway)
    assert isinstance(await receive(late), messages.Goaway)
    assert await closed_with(await running.socket()) == 4420
    assert (await order(running, "uncordon"))[1]["cordoned"] is True
    await socket.close()
    await late.close()
    await asyncio.wait_for(stop, SECONDS)


async def test_a_drained_pod_stops_at_once(running: Running) -> None:
    await order(running, "cordon")
    async with asyncio.timeout(1):
        await running.pod.drain.stop(60)


async def test_a_session_that_does_not_move_in_time_is_closed(running: Running) -> None:
    socket = await running.welcomed()
    await running.pod.drain.stop(0)
    assert await closed_with(socket) == 1001
