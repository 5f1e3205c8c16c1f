"""Settings from the environment."""

import pytest
from pydantic import ValidationError

from switchboard_signaling.settings import Environment, Settings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENVIRONMENT", "POOL", "POD", "HTTP_PORT", "REDIS_NODES", "ALLOWED_ORIGINS"):
        monkeypatch.delenv(f"SWITCHBOARD_{name}", raising=False)


def test_without_any_settings_a_pod_serves_alone_in_development() -> None:
    settings = Settings()
    assert settings.environment is Environment.DEVELOPMENT
    assert (settings.http_port, settings.internal_port) == (8080, 9090)
    assert settings.redis_nodes == ()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_REDIS_NODES", "a:6379, b:6380,")
    monkeypatch.setenv("SWITCHBOARD_ALLOWED_ORIGINS", "https://a.example,https://b.example")
    settings = Settings()
    assert settings.redis_nodes == ("a:6379", "b:6380")
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}


@pytest.mark.parametrize("node", ["valkey", "valkey:", ":6379", "valkey:port"])
def test_a_node_without_a_port_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    monkeypatch.setenv("SWITCHBOARD_REDIS_NODES", node)
    with pytest.raises(ValidationError, match="set SWITCHBOARD_REDIS_NODES like"):
        Settings()


def test_production_refuses_the_memory_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Production")
    with pytest.raises(ValidationError, match="set SWITCHBOARD_REDIS_NODES"):
        Settings()
    monkeypatch.setenv("SWITCHBOARD_REDIS_NODES", "valkey:6379")
    assert Settings().environment is Environment.PRODUCTION
