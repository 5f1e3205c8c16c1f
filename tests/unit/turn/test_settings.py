"""The settings of the agent."""

from pathlib import Path

import pytest

from switchboard_crds import names
from switchboard_turn.settings import AgentSettings, AgentSettingsError, read_secrets

REQUIRED = {
    names.SETTING_TURN_REALM: "switchboard",
    names.SETTING_TURN_USERDB: "/var/lib/coturn/userdb",
    names.SETTING_TURN_SECRETS_DIR: "/secrets",
}


def test_ports_and_address_have_defaults() -> None:
    assert AgentSettings.load(REQUIRED) == AgentSettings(
        "switchboard", Path("/var/lib/coturn/userdb"), Path("/secrets"), "127.0.0.1", 3478, names.TURN_INTERNAL_PORT
    )


def test_all_can_be_set() -> None:
    given = {
        names.SETTING_TURN_ADDRESS: "10.0.0.1",
        names.SETTING_TURN_PORT: "1",
        names.SETTING_TURN_INTERNAL_PORT: "2",
    }
    loaded = AgentSettings.load(REQUIRED | given)
    assert (loaded.address, loaded.port, loaded.internal_port) == ("10.0.0.1", 1, 2)


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_missing_is_named(name: str) -> None:
    with pytest.raises(AgentSettingsError, match=f"{name} is not set"):
        AgentSettings.load({key: value for key, value in REQUIRED.items() if key != name})


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http"])
def test_an_invalid_port_is_named(port: str) -> None:
    with pytest.raises(AgentSettingsError, match=f"{names.SETTING_TURN_PORT}={port} must be a port"):
        AgentSettings.load(REQUIRED | {names.SETTING_TURN_PORT: port})


def test_secrets_are_read_without_the_kubelets_own_entries(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "probe").write_text("a\n")
    (tmp_path / "uid").write_text("b")
    assert read_secrets(tmp_path) == {"probe": "a", "uid": "b"}


@pytest.mark.parametrize(
    ("files", "problem"),
    [({}, "has no file probe"), ({"uid": "a"}, "has no file probe"), ({"probe": "a", "uid": " \n"}, "empty.*: uid")],
)
def test_a_secret_that_cannot_be_used_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(AgentSettingsError, match=problem):
        read_secrets(tmp_path)


def test_a_folder_that_is_not_mounted_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentSettingsError, match="cannot read the secrets"):
        read_secrets(tmp_path / "missing")
