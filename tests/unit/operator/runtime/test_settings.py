import re

import pytest

from switchboard_operator.runtime.settings import OperatorSettings, OperatorSettingsError

REQUIRED = {
    "SWITCHBOARD_OPERATOR_NAMESPACE": "system",
    "SWITCHBOARD_OPERATOR_POD": "operator-1",
    "SWITCHBOARD_SIGNALING_IMAGE": "signaling:1",
    "SWITCHBOARD_TURN_IMAGE": "turn:1",
    "SWITCHBOARD_REDIS_IMAGE": "valkey:1",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set what is required and nothing else."""
    for name in ("OPERATOR_LEASE", "OPERATOR_PORT", "WATCH_NAMESPACES"):
        monkeypatch.delenv(f"SWITCHBOARD_{name}", raising=False)
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_optional_settings_have_defaults() -> None:
    settings = OperatorSettings.load()
    assert (settings.namespace, settings.pod) == ("system", "operator-1")
    assert (settings.signaling_image, settings.turn_image, settings.redis_image) == (
        "signaling:1",
        "turn:1",
        "valkey:1",
    )
    assert settings.lease == "switchboard-operator"
    assert settings.port == 8080
    assert settings.watch_namespaces == ()


@pytest.mark.parametrize(("text", "namespaces"), [("a,b,", ("a", "b")), ("", ()), (" a , b", ("a", "b"))])
def test_namespaces_are_separated_by_commas(
    environment: pytest.MonkeyPatch, text: str, namespaces: tuple[str, ...]
) -> None:
    environment.setenv("SWITCHBOARD_WATCH_NAMESPACES", text)
    assert OperatorSettings.load().watch_namespaces == namespaces


def test_settings_can_be_set() -> None:
    assert OperatorSettings.model_validate({"watch_namespaces": ("a",)}).watch_namespaces == ("a",)


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_setting_is_named(environment: pytest.MonkeyPatch, name: str, value: str | None) -> None:
    if value is None:
        environment.delenv(name)
    else:
        environment.setenv(name, value)
    with pytest.raises(OperatorSettingsError, match=f"^{name} is required. Remedy: set it, as the chart does$"):
        OperatorSettings.load()


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", ""])
def test_an_invalid_port_is_named(environment: pytest.MonkeyPatch, port: str) -> None:
    environment.setenv("SWITCHBOARD_OPERATOR_PORT", port)
    with pytest.raises(OperatorSettingsError, match=r"^SWITCHBOARD_OPERATOR_PORT is invalid: .*Remedy: set a port"):
        OperatorSettings.load()


def test_all_invalid_settings_are_named_together(environment: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        environment.delenv(name)
    environment.setenv("SWITCHBOARD_OPERATOR_PORT", "0")
    with pytest.raises(OperatorSettingsError) as caught:
        OperatorSettings.load()
    lines = str(caught.value).splitlines()
    named = sorted(re.findall(r"^SWITCHBOARD_\w+", str(caught.value), re.MULTILINE))
    assert named == sorted([*REQUIRED, "SWITCHBOARD_OPERATOR_PORT"])
    assert all("Remedy: " in line for line in lines)
