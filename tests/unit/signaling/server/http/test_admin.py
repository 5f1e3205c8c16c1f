"""The admin API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.signaling.jwts import secret_dir, token
from tests.unit.signaling.pods import SHARED, Running, closed_with, pod_alone, receive

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import MAX_LISTED
from switchboard_signaling.session.hints import Disconnect
from switchboard_signaling.session.records import MatchRecord, ReadMatch, TouchMatch, TouchSession
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Intent, Matched, Queued
from switchboard_signaling.wire.messages import Hello, Resume

ADMIN = "an admin's token of thirty-two bytes"
HEADERS = {"Authorization": f"Bearer {ADMIN}"}


@pytest.fixture
async def running(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    """A pod with admin tokens, and with the settings of the test's parameter."""
    folder = secret_dir(tmp_path / "admin", one=ADMIN.encode(), other=b"b" * 32)
    async with pod_alone(tmp_path, admin_token_dir=folder, **getattr(request, "param", {})) as pod:
        yield pod


async def ask(running: Running, method: str, path: str, **more: Any) -> tuple[int, Any]:
    response = await running.internal.request(method, f"/admin{path}", headers=HEADERS, **more)
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, await response.json()


async def session_of(
    running: Running,
    hello: messages.ClientFrame = Hello(socket_number=1, instance="i"),  # noqa: B008 - immutable
) -> tuple[Any, messages.Welcome]:
    socket = await running.greeted(hello)
    welcome = await receive(socket)
    assert isinstance(welcome, messages.Welcome)
    return socket, welcome


# Who may


async def test_without_tokens_the_api_is_off_and_names_the_remedy(tmp_path: Path) -> None:
    async with pod_alone(tmp_path) as running:
        status, answer = await ask(running, "GET", "/sessions")
    assert (status, answer["error"]["code"]) == (403, "admin-off")
    assert "SWITCHBOARD_ADMIN_TOKEN_DIR" in answer["error"]["remedy"]


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer wrong", f"Basic {ADMIN}", ADMIN])
async def test_a_wrong_token_is_refused(running: Running, shown: str) -> None:
    response = await running.internal.get("/admin/sessions", headers={"Authorization": shown})
    assert (response.status, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await response.json())["error"]["code"] == "token-invalid"


async def test_any_token_of_the_folder_is_accepted_and_the_public_port_has_no_admin_api(running: Running) -> None:
    response = await running.internal.get("/admin/sessions", headers={"Authorization": f"Bearer {'b' * 32}"})
    assert response.status == 200
    assert (await running.public.get("/admin/sessions", headers=HEADERS)).status == 404


async def test_unknown_paths_and_methods_are_errors_in_json(running: Running) -> None:
    assert (await ask(running, "GET", "/nothing"))[1]["error"]["code"] == "not-found"
    assert (await ask(running, "POST", "/sessions"))[1]["error"]["code"] == "method-not-allowed"


# Sessions


async def test_sessions_are_listed_a_page_at_a_time(running: Running) -> None:
    sids = sorted([(await session_of(running))[1].session_id for _ in range(3)])
    status, first = await ask(running, "GET", "/sessions?limit=2")
    assert status == 200
    assert [one["session"] for one in first["sessions"]] == sids[:2]
    assert first["sessions"][0]["state"] == "idle"
    _, second = await ask(running, "GET", f"/sessions?limit=2&after={first['next']}")
    assert ([one["session"] for one in second["sessions"]], second["next"]) == (sids[2:], None)


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many"])
async def test_the_page_size_is_limited(running: Running, limit: str) -> None:
    status, answer = await ask(running, "GET", f"/sessions?limit={limit}")
    assert (status, answer["error"]["remedy"]) == (400, "Send `limit` from 1 to 1000.")


async def test_a_session_is_returned_with_its_match_and_without_its_tokens(running: Running) -> None:
    (one, welcome), (two, other) = [
        await session_of(running, Hello(socket_number=1, instance=instance)) for instance in ("a", "b")
    ]
    for number, socket in enumerate((one, two)):
        await socket.send_str(f'{{"type":"join-queue","revision":1,"ticket":"t{number}"}}')
    while not isinstance(found := await receive(one), messages.MatchFound):
        pass
    for socket in (one, two):
        await socket.send_str(messages.encode(messages.Heartbeat(intent=Matched(1, found.match_id))).decode())
    while not (isinstance(found := await receive(one), messages.MatchFound) and found.state == "open"):
        pass
    await running.pod.broker.shared_stats.keep(found.match_id, "a", {"path": "relay"})
    status, answer = await ask(running, "GET", f"/sessions/{welcome.session_id}")
    assert status == 200
    assert (answer["attached"]["state"], answer["attached"]["match"], answer["attached"]["subject"]) == (
        "matched",
        found.match_id,
        welcome.session_id,
    )
    assert (answer["stored"]["pod"], answer["stored"]["match"]) == (running.pod.host.pod, found.match_id)
    assert (answer["match"]["outcome"], answer["match"]["calls"]) == ("open", {"a": {"path": "relay"}})
    assert set(answer["match"]["sessions"].values()) == {welcome.session_id, other.session_id}
    assert found.token
    assert found.token not in str(answer)


async def test_an_unknown_session_is_not_found(running: Running) -> None:
    for method in ("GET", "DELETE"):
        status, answer = await ask(running, method, "/sessions/nobody")
        assert (status, answer["error"]["code"]) == (404, "session-unknown")


async def test_a_session_of_this_pod_is_disconnected(running: Running) -> None:
    socket, welcome = await session_of(running)
    assert await ask(running, "DELETE", f"/sessions/{welcome.session_id}") == (
        200,
        {"session": welcome.session_id, "pod": running.pod.host.pod},
    )
    assert await closed_with(socket) == 4405
    assert (await ask(running, "GET", "/sessions"))[1]["sessions"] == []


@pytest.mark.parametrize("intent", [Idle(1), Queued(1, "t"), Matched(1, "m")], ids=lambda intent: type(intent).__name__)
async def test_a_session_of_another_pod_is_ended_in_the_store_and_its_pod_notified(
    running: Running, intent: Intent, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker, hints = running.pod.broker, []
    monkeypatch.setattr(broker, "send_hint", lambda pod, hint: hints.append((pod, hint)))
    await broker.ask(TouchSession("sid", 1, "x", intent, "i", "elsewhere"))
    await broker.ask(TouchMatch("m", "sid", 1, 1, "i", "elsewhere", named=True, side="a"))
    assert await ask(running, "DELETE", "/sessions/sid") == (202, {"session": "sid", "pod": "elsewhere"})
    assert hints == [("elsewhere", Disconnect("sid"))]
    record = await broker.ask(ReadMatch("m"))
    assert isinstance(record, MatchRecord)
    assert record.over is isinstance(intent, Matched)
    assert (await ask(running, "GET", "/sessions/sid"))[1]["attached"] is None


async def test_without_the_store_it_answers_503(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_question: object) -> None:
        raise BrokerUnavailableError

    monkeypatch.setattr(running.pod.broker, "ask", away)
    status, answer = await ask(running, "GET", "/sessions/sid")
    assert (status, answer["error"]["code"]) == (503, "store-unavailable")


# Blocks


@pytest.mark.parametrize("running", [SHARED], indirect=True)
async def test_a_subject_is_blocked_until_it_is_unblocked(running: Running) -> None:
    socket, welcome = await session_of(running, Hello(socket_number=1, instance="i", auth=token(sub="ada/1 x")))
    path = "/blocks/subject/ada%2F1%20x"
    status, answer = await ask(running, "PUT", path, json={"seconds": 60})
    assert (status, answer) == (200, {"kind": "subject", "name": "ada/1 x", "seconds": 60})
    assert await closed_with(socket) == 4404
    for frame in (
        Hello(socket_number=1, instance="i", auth=token(sub="ada/1 x")),
        Resume(token=welcome.token, socket_number=2, instance="i", intent=Idle(), auth=token(sub="ada/1 x")),
    ):
        assert await closed_with(await running.greeted(frame)) == 4404
    _, listed = await ask(running, "GET", "/blocks")
    [one] = listed["blocks"]
    assert (one["kind"], one["name"]) == ("subject", "ada/1 x")
    assert 0 < one["seconds"] <= 60
    assert (await ask(running, "DELETE", path))[0] == 200
    await session_of(running, Hello(socket_number=1, instance="i", auth=token(sub="ada/1 x")))


async def test_a_session_is_blocked(running: Running) -> None:
    socket, welcome = await session_of(running)
    await ask(running, "PUT", f"/blocks/session/{welcome.session_id}", json={"seconds": 60})
    assert await closed_with(socket) == 4404


@pytest.mark.parametrize("body", ["", "{}", '{"seconds": 0}', '{"seconds": 60, "for": 1}', '{"seconds": 1.5}'])
async def test_a_block_needs_a_length(running: Running, body: str) -> None:
    status, answer = await ask(running, "PUT", "/blocks/subject/ada", data=body)
    assert (status, answer["error"]["code"]) == (400, "bad-request")
    assert "seconds" in answer["error"]["remedy"]


async def test_the_number_of_blocks_is_limited(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MAX_LISTED, "blocks", 0)
    status, answer = await ask(running, "PUT", "/blocks/subject/ada", json={"seconds": 60})
    assert (status, answer["error"]["code"]) == (409, "list-full")
