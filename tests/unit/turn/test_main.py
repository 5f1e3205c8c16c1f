"""The command line."""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from switchboard_crds import names
from switchboard_turn.main import main


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["switchboard-turn", *arguments])
    return main()


def test_secrets_are_written_before_coturn_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "probe").write_text("a")
    monkeypatch.setenv(names.SETTING_TURN_REALM, "switchboard")
    monkeypatch.setenv(names.SETTING_TURN_USERDB, str(tmp_path / "..userdb"))
    monkeypatch.setenv(names.SETTING_TURN_SECRETS_DIR, str(tmp_path))
    assert run(monkeypatch, "write-secrets") == 0
    with closing(sqlite3.connect(tmp_path / "..userdb")) as connection:
        assert list(connection.execute("select realm, value from turn_secret")) == [("switchboard", "a")]


@pytest.mark.parametrize("command", ["agent", "write-secrets"])
def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.delenv(names.SETTING_TURN_REALM, raising=False)
    assert run(monkeypatch, command) == 1
    assert capsys.readouterr().err == (
        f"switchboard-turn: {names.SETTING_TURN_REALM} is not set. Remedy: set it;"
        " the operator sets it on the pods of a TurnFleet\n"
    )


def test_a_failed_probe_prints_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a")
    assert run(monkeypatch, "probe", "turns:example.org", "--secret-file", str(secret), "--json") == 1
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["code"]) == (False, "unsupported-url")


def test_a_secret_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    missing = str(tmp_path / "missing")
    assert run(monkeypatch, "probe", "turn:127.0.0.1", "--secret-file", missing) == 1
    assert missing in capsys.readouterr().err
