"""Settings of the agent, from environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from switchboard_crds import names


class AgentSettingsError(ValueError):
    """A setting is missing or invalid; the message names it."""


@dataclass(frozen=True)
class AgentSettings:
    """The agent's settings."""

    realm: str
    userdb: Path
    secrets_dir: Path
    address: str
    """Address that coturn listens on."""
    port: int
    internal_port: int

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> AgentSettings:
        """Read the settings. Raises `AgentSettingsError`."""

        def text(name: str) -> str:
            if not (value := environment.get(name, "")):
                raise AgentSettingsError(
                    f"{name} is not set. Remedy: set it; the operator sets it on the pods of a TurnFleet"
                )
            return value

        def port(name: str, default: int) -> int:
            value = environment.get(name) or str(default)
            if not value.isdecimal() or not 0 < int(value) < 65536:
                raise AgentSettingsError(f"{name}={value} must be a port from 1 to 65535")
            return int(value)

        return cls(
            realm=text(names.SETTING_TURN_REALM),
            userdb=Path(text(names.SETTING_TURN_USERDB)),
            secrets_dir=Path(text(names.SETTING_TURN_SECRETS_DIR)),
            address=environment.get(names.SETTING_TURN_ADDRESS) or "127.0.0.1",
            port=port(names.SETTING_TURN_PORT, 3478),
            internal_port=port(names.SETTING_TURN_INTERNAL_PORT, names.TURN_INTERNAL_PORT),
        )


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets in a mounted Secret by file name. Raises `AgentSettingsError`.

    Entries that begin with two dots are the kubelet's own.
    """
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith("..")]
        found = {path.name: path.read_text().strip() for path in paths}
    except OSError as error:
        raise AgentSettingsError(f"cannot read the secrets in {folder}: {error.strerror}") from error
    if names.TURN_PROBE_SECRET not in found:
        raise AgentSettingsError(
            f"{folder} has no file {names.TURN_PROBE_SECRET}. Remedy: mount the fleet's Secret there"
        )
    if empty := sorted(name for name, value in found.items() if not value):
        raise AgentSettingsError(f"{folder} has empty secrets: {', '.join(empty)}")
    return found
