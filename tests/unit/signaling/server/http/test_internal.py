"""The internal port: metrics, samples and the operator's commands."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.signaling.jwts import secret_dir
from tests.unit.signaling.pods import Running, pod_alone

TOKEN = "a token of the operator, 32 bytes or more"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Switchboard-Fence": "7"}


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    folder = secret_dir(tmp_path / "internal", current=TOKEN.encode())
    async with pod_alone(tmp_path, pod="pod-1", internal_token_dir=folder, capacity=9) as pod:
        yield pod


async def test_metrics_are_in_prometheus_format_and_need_no_token(running: Running) -> None:
    answer = await running.internal.get("/metrics")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4")
    assert "switchboard_signaling_connections 0.0" in await answer.text()


async def test_a_sample_needs_no_token(running: Running) -> None:
    socket = await running.welcomed()
    assert await (await running.internal.get("/internal/sample")).json() == {
        "pod": "pod-1",
        "sessions": 1,
        "connections": 1,
        "leaving": 0,
        "capacity": 9,
        "refused": 0,
        "cordoned": False,
        "stopping": False,
    }
    await socket.close()


async def test_a_command_is_answered_with_the_sample_after_it(running: Running) -> None:
    for order, cordoned in (("cordon", True), ("uncordon", False)):
        answer = await running.internal.post(f"/internal/{order}", headers=HEADERS)
        assert (answer.status, (await answer.json())["cordoned"]) == (200, cordoned)


async def test_a_stopping_pod_stays_cordoned(running: Running) -> None:
    running.pod.hub.stopping = True
    assert (await (await running.internal.post("/internal/uncordon", headers=HEADERS)).json())["cordoned"] is True


@pytest.mark.parametrize("shown", ["", "Basic abc", f"Bearer {TOKEN}x", "Bearer \udcff"])
async def test_a_command_without_a_token_of_the_pool_is_refused(running: Running, shown: str) -> None:
    answer = await running.internal.post("/internal/cordon", headers={**HEADERS, "Authorization": shown})
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert running.pod.drain.cordoned is False


@pytest.mark.parametrize("fence", ["", "-1", "seven"])
async def test_a_command_without_the_leader_s_number_is_refused(running: Running, fence: str) -> None:
    answer = await running.internal.post("/internal/cordon", headers={**HEADERS, "Switchboard-Fence": fence})
    assert answer.status == 400
    assert "Send Switchboard-Fence" in (await answer.json())["error"]["remedy"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"count":0,"withinMs":1}', b'{"count":1,"withinMs":1,"more":1}'])
async def test_a_malformed_body_is_refused(running: Running, body: bytes) -> None:
    assert (await running.internal.post("/internal/goaway", headers=HEADERS, data=body)).status == 400


async def test_the_admin_api_is_below_its_own_path(running: Running) -> None:
    assert (await running.internal.get("/admin/sessions")).status == 403
