"""The operator's settings, from environment variables that the chart sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingsError(Exception):
    """A setting is missing or wrong."""


@dataclass(frozen=True)
class Settings:
    """How this operator runs."""

    namespace: str
    """Where its Lease is."""
    pod: str
    """Its identity among the replicas."""
    lease: str
    watch_namespaces: tuple[str, ...]
    """Empty: all."""
    signaling_image: str
    """Image of pools that name none."""
    turn_image: str
    """Image of fleets that name none."""
    redis_image: str
    """Image of Redis clusters that name none."""
    port: int
    """Of /livez, /readyz and /metrics."""

    @classmethod
    def load(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings. Raises SettingsError with the variable's name."""

        def required(name: str) -> str:
            value = environment.get(name, "").strip()
            if not value:
                raise SettingsError(f"{name} is not set. Remedy: set it; the chart does")
            return value

        port = environment.get("SWITCHBOARD_OPERATOR_PORT", "8080")
        if not port.isdecimal() or not 0 < int(port) < 65536:
            raise SettingsError(f"SWITCHBOARD_OPERATOR_PORT is {port!r}. Remedy: a port from 1 to 65535")
        return cls(
            namespace=required("SWITCHBOARD_OPERATOR_NAMESPACE"),
            pod=required("SWITCHBOARD_OPERATOR_POD"),
            lease=environment.get("SWITCHBOARD_OPERATOR_LEASE", "switchboard-operator"),
            watch_namespaces=tuple(filter(None, environment.get("SWITCHBOARD_WATCH_NAMESPACES", "").split(","))),
            signaling_image=required("SWITCHBOARD_SIGNALING_IMAGE"),
            turn_image=required("SWITCHBOARD_TURN_IMAGE"),
            redis_image=required("SWITCHBOARD_REDIS_IMAGE"),
            port=int(port),
        )
