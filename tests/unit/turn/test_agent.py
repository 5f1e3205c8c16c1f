"""The agent: secrets in, readiness out."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from tests.unit.turn.server import Server, serving

from switchboard_turn import agent
from switchboard_turn.agent import State
from switchboard_turn.settings import AgentSettings


@pytest.fixture
def settings(tmp_path: Path) -> AgentSettings:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "probe").write_text("secret")
    return AgentSettings("switchboard", tmp_path / "userdb", secrets, "127.0.0.1", 9, 0)


@pytest.fixture
def state() -> State:
    return State()


@asynccontextmanager
async def requesting(state: State) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    async with TestClient(TestServer(agent.application(state))) as client:
        yield client


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


async def test_before_the_first_probe_it_is_live_and_not_ready(state: State) -> None:
    async with requesting(state) as client:
        assert (await client.get("/livez")).status == 200
        answer = await client.get("/readyz")
        assert (answer.status, await answer.text()) == (503, "no probe has succeeded yet\n")


async def test_it_is_ready_when_an_allocation_succeeds(settings: AgentSettings, state: State) -> None:
    async with serving(Server()) as (host, port), requesting(state) as client:
        await agent.probe_once(replace(settings, address=host, port=port), state)
        assert (await client.get("/readyz")).status == 200
        assert "switchboard_turn_up 1.0" in await (await client.get("/metrics")).text()
    assert value(state.registry, "switchboard_turn_probe_seconds_count") == 1


async def test_it_becomes_ready_again_when_the_server_grants_an_allocation(
    settings: AgentSettings, state: State
) -> None:
    server = Server(secret="another")
    async with serving(server) as (host, port), requesting(state) as client:
        here = replace(settings, address=host, port=port)
        await agent.probe_once(here, state)
        answer = await client.get("/readyz")
        assert (answer.status, await answer.text()) == (503, "the server refuses: 401 No\n")
        server.secret = "secret"
        await agent.probe_once(here, state)
        assert (await client.get("/readyz")).status == 200
    assert value(state.registry, "switchboard_turn_probe_failures_total", reason="401") == 1
    assert value(state.registry, "switchboard_turn_up") == 1


def test_the_database_follows_the_mounted_secret(settings: AgentSettings, state: State) -> None:
    (settings.secrets_dir / "pool").write_text("old")
    agent.sync_secrets(settings, state)
    (settings.secrets_dir / "pool").write_text("new")
    agent.sync_secrets(settings, state)
    with closing(sqlite3.connect(settings.userdb)) as connection:
        assert set(connection.execute("select value from turn_secret")) == {("secret",), ("new",)}
    assert value(state.registry, "switchboard_turn_secrets") == 2


async def test_a_missing_secret_makes_it_unready_and_leaves_the_previous_secrets_valid(
    settings: AgentSettings, state: State
) -> None:
    agent.sync_secrets(settings, state)
    (settings.secrets_dir / "probe").unlink()
    agent.sync_secrets(settings, state)
    await agent.probe_once(settings, state)
    async with requesting(state) as client:
        assert "has no file probe" in await (await client.get("/readyz")).text()
    with closing(sqlite3.connect(settings.userdb)) as connection:
        assert list(connection.execute("select value from turn_secret")) == [("secret",)]
    assert value(state.registry, "switchboard_turn_probe_failures_total", reason="settings") == 1


async def test_a_stalled_loop_fails_the_liveness_probe(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    state.record("probe", None)
    async with requesting(state) as client:
        assert (await client.get("/livez")).status == 200
        monkeypatch.setattr(agent, "STALL", -1.0)
        answer = await client.get("/livez")
        assert (answer.status, await answer.text()) == (503, "stalled: ['probe']\n")
