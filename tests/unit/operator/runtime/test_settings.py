import pytest

from switchboard_operator.runtime.settings import Settings, SettingsError

REQUIRED = {
    "SWITCHBOARD_OPERATOR_NAMESPACE": "system",
    "SWITCHBOARD_OPERATOR_POD": "operator-1",
    "SWITCHBOARD_SIGNALING_IMAGE": "signaling:1",
    "SWITCHBOARD_TURN_IMAGE": "turn:1",
    "SWITCHBOARD_REDIS_IMAGE": "valkey:1",
}


def test_what_is_left_out_has_a_default() -> None:
    settings = Settings.load(REQUIRED)
    assert (settings.lease, settings.port, settings.watch_namespaces) == ("switchboard-operator", 8080, ())


def test_namespaces_are_separated_by_commas() -> None:
    assert Settings.load({**REQUIRED, "SWITCHBOARD_WATCH_NAMESPACES": "a,b,"}).watch_namespaces == ("a", "b")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is not set. Remedy"):
        Settings.load({**REQUIRED, name: " "})


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_a_wrong_port_is_named(port: str) -> None:
    with pytest.raises(SettingsError, match="SWITCHBOARD_OPERATOR_PORT"):
        Settings.load({**REQUIRED, "SWITCHBOARD_OPERATOR_PORT": port})
