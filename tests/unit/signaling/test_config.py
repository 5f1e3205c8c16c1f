"""The checks and the reference page of `switchboard-signaling config`."""

import pytest

from switchboard_signaling.config import HIDDEN, SettingsProblem, notes, page, settings_or_problems, shown
from switchboard_signaling.settings import ServerSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServerSettings.model_fields:
        monkeypatch.delenv(ServerSettings.variable(name), raising=False)


def problems(**given: object) -> list[SettingsProblem]:
    found = settings_or_problems(given)
    assert not isinstance(found, ServerSettings)
    return found


def test_valid_settings_are_returned() -> None:
    assert isinstance(settings_or_problems({"http_port": 1234}), ServerSettings)


def test_invalid_and_unsafe_values_are_listed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Production")
    monkeypatch.setenv("SWITCHBOARD_HTTP_PORT", "high")
    monkeypatch.setenv("CONNECTION_TIMEOUT", "-1")
    monkeypatch.setenv("SWITCHBOARD_ALLOWED_ORIGINS", "*")
    found = problems()
    assert {problem.variable for problem in found} == {"SWITCHBOARD_HTTP_PORT", "CONNECTION_TIMEOUT", ""}
    texts = "\n".join(map(str, found))
    for name in ("SWITCHBOARD_REDIS_NODES", "SWITCHBOARD_AUTH_TYPE", "SWITCHBOARD_ALLOWED_ORIGINS"):
        assert f"set {name}" in texts or f"in {name}" in texts
    assert texts.startswith("SWITCHBOARD_HTTP_PORT: Input should be a valid integer")


def test_consequences_of_an_invalid_value_are_not_listed() -> None:
    [only] = problems(environment="Staging", auth_type="Password")
    assert only.variable == "SWITCHBOARD_AUTH_TYPE"


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_SERVER_URL", "turn:t.example")
    monkeypatch.setenv("TURN_USERNAME", "u")
    monkeypatch.setenv("TURN_CREDENTIAL", "hush")
    monkeypatch.setenv("SWITCHBOARD_AUTH_TYPE", "JWKS")
    monkeypatch.setenv("SWITCHBOARD_AUTH_JWKS_URL", "https://me:hush@issuer.example/keys")
    found = settings_or_problems({})
    assert isinstance(found, ServerSettings)
    values = {one.variable: one for one in shown(found)}
    assert values["TURN_CREDENTIAL"].value == HIDDEN
    assert values["SWITCHBOARD_AUTH_JWKS_URL"].value == f"https://{HIDDEN}@issuer.example/keys"
    assert "hush" not in str(values)
    assert (values["TURN_USERNAME"].value, values["TURN_USERNAME"].given) == ("u", True)
    assert (values["TWILIO_AUTH_TOKEN"].value, values["TWILIO_AUTH_TOKEN"].given) == (None, False)


def test_effective_values_are_shown_where_the_environment_determines_them() -> None:
    values = {
        one.variable: one.value for one in shown(ServerSettings(allowed_origins="https://b.example,https://a.example"))
    }
    assert values["SWITCHBOARD_AUTH_TYPE"] == "Anonymous"
    assert values["SWITCHBOARD_LOG_FORMAT"] == "console"
    assert values["SWITCHBOARD_ALLOWED_ORIGINS"] == "https://a.example,https://b.example"
    assert values["SWITCHBOARD_CAPACITY"] == 5000


def test_likely_mistakes_are_noted() -> None:
    assert notes(ServerSettings(), ["PATH", "SWITCHBOARD_POD", "CONNECTION_TIMEOUT"]) == []
    [typo] = notes(ServerSettings(), ["SWITCHBOARD_AUTH_TPYE"])
    assert typo == "Unknown setting SWITCHBOARD_AUTH_TPYE; did you mean SWITCHBOARD_AUTH_TYPE?"
    assert notes(ServerSettings(), ["SWITCHBOARD_ZZZ"]) == ["Unknown setting SWITCHBOARD_ZZZ"]
    [unused] = notes(ServerSettings(twilio_account_sid="AC1", twilio_auth_token="t"), [])
    assert "not used yet" in unused
    [lonely] = notes(ServerSettings(redis_nodes="valkey:6379"), [])
    assert "SWITCHBOARD_KEY_DIR" in lonely


def test_the_page_has_all_settings_with_their_units_and_defaults() -> None:
    text = page()
    for name in ServerSettings.model_fields:
        assert f"| `{ServerSettings.variable(name)}` | " in text
    assert "| `CONNECTION_TIMEOUT` | integer, ≥ 100, ≤ 600000 | `30000` | Milliseconds" in text
    assert "| `TURN_CREDENTIAL` | secret text |  | " in text
    assert "| `SWITCHBOARD_TRUSTED_PROXIES` | list |  | " in text
    assert all(field.description for field in ServerSettings.model_fields.values())
