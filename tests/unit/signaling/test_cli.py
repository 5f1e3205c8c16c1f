"""The command line."""

import json
from typing import Any

import pytest

from switchboard_signaling import cli
from switchboard_signaling.settings import ServerSettings


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServerSettings.model_fields:
        monkeypatch.delenv(ServerSettings.variable(name), raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["switchboard-signaling", *arguments])
    return cli.main()


def test_valid_settings_pass_the_check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "config", "check") == 0
    assert "The settings are valid." in capsys.readouterr().out
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "hush")
    assert run(monkeypatch, "config", "check") == 0
    assert "note: TWILIO_ACCOUNT_SID" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["config", "check"], ["config", "show"], ["serve"]])
def test_all_problems_are_printed_with_their_variables(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWITCHBOARD_ENVIRONMENT", "Production")
    monkeypatch.setenv("MAX_RECONNECT_ATTEMPTS", "many")
    assert run(monkeypatch, *command) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("MAX_RECONNECT_ATTEMPTS: ")
    assert "set SWITCHBOARD_REDIS_NODES" in printed
    assert "set SWITCHBOARD_AUTH_TYPE" in printed


def test_json_is_printed_for_programs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def printed() -> dict[str, Any]:
        document: dict[str, Any] = json.loads(capsys.readouterr().out)
        return document

    monkeypatch.setenv("CONNECTION_TIMEOUT", "1000")
    assert run(monkeypatch, "config", "check", "--json") == 0
    assert printed()["ok"] is True
    assert run(monkeypatch, "config", "show", "--json") == 0
    shown = printed()
    assert shown["CONNECTION_TIMEOUT"] == {"value": 1000, "given": True}
    assert shown["SWITCHBOARD_HTTP_PORT"] == {"value": 8080, "given": False}
    monkeypatch.setenv("CONNECTION_TIMEOUT", "soon")
    assert run(monkeypatch, "config", "check", "--json") == 2
    [problem] = printed()["problems"]
    assert problem["variable"] == "CONNECTION_TIMEOUT"


def test_settings_are_shown_as_variables(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SWITCHBOARD_POD", "one")
    assert run(monkeypatch, "config", "show") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "SWITCHBOARD_POD=one" in lines
    assert "SWITCHBOARD_CAPACITY=5000  # default" in lines


def test_the_reference_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "config", "docs") == 0
    assert capsys.readouterr().out.startswith("# Settings of a signaling pod")
