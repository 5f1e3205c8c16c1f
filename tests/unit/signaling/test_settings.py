"""Settings from the environment."""

from typing import Any

import pytest
from pydantic import ValidationError

from switchboard_crds.signaling_pool import AuthType, Environment
from switchboard_signaling.settings import ServerSettings

PRODUCTION: dict[str, Any] = {
    "environment": "Production",
    "redis_nodes": "valkey:6379",
    "auth_type": "SharedSecret",
    "auth_secret_dir": "/etc/switchboard/auth",
}


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServerSettings.model_fields:
        monkeypatch.delenv(ServerSettings.variable(name), raising=False)


def test_without_any_settings_a_pod_serves_alone_in_development() -> None:
    settings = ServerSettings()
    assert settings.environment is Environment.DEVELOPMENT
    assert (settings.http_port, settings.internal_port) == (8080, 9090)
    assert settings.redis_nodes == ()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_REDIS_NODES", "a:6379, b:6380,")
    monkeypatch.setenv("SWITCHBOARD_ALLOWED_ORIGINS", "https://a.example,https://b.example")
    settings = ServerSettings()
    assert settings.redis_nodes == ("a:6379", "b:6380")
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}


@pytest.mark.parametrize("node", ["valkey", "valkey:", ":6379", "valkey:port"])
def test_a_node_without_a_port_is_refused_with_an_example(monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    monkeypatch.setenv("SWITCHBOARD_REDIS_NODES", node)
    with pytest.raises(ValidationError, match="set SWITCHBOARD_REDIS_NODES like"):
        ServerSettings()


def test_production_refuses_the_memory_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Production")
    with pytest.raises(ValidationError, match="set SWITCHBOARD_REDIS_NODES"):
        ServerSettings()
    assert ServerSettings(**PRODUCTION).environment is Environment.PRODUCTION


def test_everything_that_production_refuses_is_listed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Production")
    monkeypatch.setenv("SWITCHBOARD_ALLOWED_ORIGINS", "*")
    with pytest.raises(ValidationError) as caught:
        ServerSettings()
    for remedy in (
        "Production refuses anonymous clients. Remedy: set SWITCHBOARD_AUTH_TYPE to SharedSecret or JWKS",
        "list the origins in SWITCHBOARD_ALLOWED_ORIGINS",
        "set SWITCHBOARD_REDIS_NODES",
    ):
        assert remedy in str(caught.value)
    with pytest.raises(ValidationError, match="refuses anonymous clients"):
        ServerSettings(**{**PRODUCTION, "auth_type": "Anonymous", "auth_secret_dir": None})
    with pytest.raises(ValidationError, match=r"https only\. Remedy: set SWITCHBOARD_AUTH_JWKS_URL"):
        ServerSettings(
            **{**PRODUCTION, "auth_type": "JWKS", "auth_secret_dir": None, "auth_jwks_url": "http://i.example"}
        )


def test_anonymous_clients_may_connect_in_development_and_in_staging_if_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ServerSettings().auth is AuthType.ANONYMOUS
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Staging")
    with pytest.raises(ValidationError, match="requires SWITCHBOARD_AUTH_TYPE"):
        ServerSettings()
    monkeypatch.setenv("SWITCHBOARD_AUTH_TYPE", "Anonymous")
    assert ServerSettings().auth is AuthType.ANONYMOUS


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"auth_type": "SharedSecret"}, "requires SWITCHBOARD_AUTH_SECRET_DIR. Remedy: set it"),
        ({"auth_type": "JWKS"}, "requires SWITCHBOARD_AUTH_JWKS_URL. Remedy: set it"),
        (
            {"auth_type": "JWKS", "auth_jwks_url": "http://u", "auth_secret_dir": "d"},
            "AUTH_SECRET_DIR is not used with",
        ),
        ({"auth_type": "JWKS", "auth_jwks_url": "issuer.example"}, "auth_jwks_url"),
        ({"auth_secret_dir": "d"}, "SWITCHBOARD_AUTH_SECRET_DIR is not used with SWITCHBOARD_AUTH_TYPE Anonymous"),
        ({"allowed_origins": "app.example"}, "set SWITCHBOARD_ALLOWED_ORIGINS like https://app.example"),
        ({"allowed_origins": "https://app.example/"}, "set SWITCHBOARD_ALLOWED_ORIGINS like https://app.example"),
        ({"trusted_proxies": "10.0.0.1/8"}, "set SWITCHBOARD_TRUSTED_PROXIES like"),
        ({"connects_per_second": "-1"}, "connects_per_second"),
        ({"turn_server_url": "turn.example"}, "set TURN_SERVER_URL like turn:turn.example:3478"),
        ({"turn_server_url": "turn:me:secret@turn.example"}, "set TURN_SERVER_URL like turn:turn.example:3478"),
        ({"turn_server_url": "turn:turn.example", "turn_username": "u"}, "requires TURN_CREDENTIAL. Remedy: set it"),
        ({"turn_server_url": "stun:stun.example", "turn_username": "u"}, "TURN_USERNAME requires a TURN server"),
        ({"webhook_url": "https://app.example/hook"}, "SWITCHBOARD_WEBHOOK_SECRET_DIR require each other"),
        ({"twilio_account_sid": "AC1"}, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN require each other"),
        ({"redis_nodes": "me:secret@valkey:6379"}, "set SWITCHBOARD_REDIS_AUTH_DIR"),
    ],
)
def test_contradictory_settings_are_refused(given: dict[str, str], remedy: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ServerSettings(**given)
    assert remedy in str(caught.value)
    assert "secret" not in str(caught.value).replace("secret_dir", "")


def test_proxies_are_address_ranges_and_origins_are_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_TRUSTED_PROXIES", "10.1.0.0/16, 192.0.2.7,fd00::/8")
    monkeypatch.setenv("SWITCHBOARD_ALLOWED_ORIGINS", "https://App.example:8443,*")
    settings = ServerSettings()
    assert [str(network) for network in settings.trusted_proxies] == ["10.1.0.0/16", "192.0.2.7/32", "fd00::/8"]
    assert settings.allowed_origins == {"https://app.example:8443", "*"}


@pytest.mark.parametrize(
    ("variable", "value", "field", "meaning"),
    [
        ("ICE_GATHERING_TIMEOUT", "2000", "ice_gathering_timeout", 2000),
        ("CONNECTION_TIMEOUT", "5000", "connection_timeout", 5000),
        ("MAX_RECONNECT_ATTEMPTS", "0", "max_reconnect_attempts", 0),
        ("HEARTBEAT_INTERVAL", "1000", "heartbeat_interval", 1000),
        ("TURN_SERVER_URL", "stun:a, stuns:b:5349", "turn_server_url", ("stun:a", "stuns:b:5349")),
    ],
)
def test_some_variables_have_names_without_a_prefix(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, field: str, meaning: object
) -> None:
    monkeypatch.setenv(variable, value)
    assert getattr(ServerSettings(), field) == meaning
    assert ServerSettings.variable(field) == variable


def test_their_defaults_are_documented_milliseconds() -> None:
    settings = ServerSettings()
    assert settings.ice_gathering_timeout == 10000
    assert settings.connection_timeout == 30000
    assert settings.max_reconnect_attempts == 3
    assert settings.heartbeat_interval == 30000


def test_production_accepts_tokens_over_tls_only() -> None:
    for tokens in ("internal_token_dir", "admin_token_dir"):
        with pytest.raises(ValidationError, match=r"over TLS only\. Remedy: set SWITCHBOARD_INTERNAL_TLS_DIR"):
            ServerSettings(**PRODUCTION, **{tokens: "t"})
        assert ServerSettings(**PRODUCTION, **{tokens: "t"}, internal_tls_dir="t").internal_tls_dir is not None


def test_production_refuses_a_static_turn_password_and_console_logs() -> None:
    static = {"turn_server_url": "turn:t.example", "turn_username": "u", "turn_credential": "c"}
    with pytest.raises(ValidationError, match="static TURN password of TURN_SERVER_URL") as caught:
        ServerSettings(
            **PRODUCTION, **static, log_format="console", webhook_url="http://a.example", webhook_secret_dir="d"
        )
    assert "https only. Remedy: set SWITCHBOARD_WEBHOOK_URL" in str(caught.value)
    assert "SWITCHBOARD_LOG_FORMAT" in str(caught.value)
    assert ServerSettings(**PRODUCTION, turn_server_url="stun:s.example").turn_server_url == ("stun:s.example",)
    assert ServerSettings(**static).turn_credential is not None


def test_the_environment_determines_the_log_format() -> None:
    assert ServerSettings().logging == "console"
    assert ServerSettings(log_format="json").logging == "json"
    assert ServerSettings(**PRODUCTION).logging == "json"
    assert ServerSettings(environment="Staging", auth_type="Anonymous").logging == "json"
