"""Settings of the operator, from environment variables that the chart sets."""

from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_Text = Annotated[str, Field(min_length=1)]


class OperatorSettingsError(Exception):
    """Settings are missing or invalid; the message names each variable and a remedy."""


class OperatorSettings(BaseSettings):
    """Settings of one replica of the operator."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, str_strip_whitespace=True, hide_input_in_errors=True
    )

    namespace: _Text = Field(validation_alias="SWITCHBOARD_OPERATOR_NAMESPACE")
    """Namespace of the Lease and the root key."""
    pod: _Text = Field(validation_alias="SWITCHBOARD_OPERATOR_POD")
    """Name of the pod, which identifies the replica."""
    lease: _Text = Field(default="switchboard-operator", validation_alias="SWITCHBOARD_OPERATOR_LEASE")
    port: int = Field(default=8080, ge=1, le=65535, validation_alias="SWITCHBOARD_OPERATOR_PORT")
    """Port of /livez, /readyz and /metrics."""
    watch_namespaces: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="SWITCHBOARD_WATCH_NAMESPACES"
    )
    """Namespaces to reconcile, comma-separated; empty: all."""
    signaling_image: _Text = Field(validation_alias="SWITCHBOARD_SIGNALING_IMAGE")
    """Default image of SignalingPools."""
    turn_image: _Text = Field(validation_alias="SWITCHBOARD_TURN_IMAGE")
    """Default image of TurnFleets."""
    redis_image: _Text = Field(validation_alias="SWITCHBOARD_REDIS_IMAGE")
    """Default image of RedisClusters."""

    @field_validator("watch_namespaces", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises OperatorSettingsError."""
        try:
            return cls.model_validate({})
        except ValidationError as error:
            problems = (_problem(str(details["loc"][0]), details["type"], details["msg"]) for details in error.errors())
            raise OperatorSettingsError("\n".join(problems)) from None


def _problem(variable: str, kind: str, message: str) -> str:
    if kind in {"missing", "string_too_short"}:
        return f"{variable} is required. Remedy: set it, as the chart does"
    return f"{variable} is invalid: {message}. Remedy: set a port from 1 to 65535"
