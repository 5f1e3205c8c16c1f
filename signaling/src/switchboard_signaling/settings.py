"""Settings of a signaling pod, from environment variables with the prefix SWITCHBOARD_."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from switchboard_crds import names


class Environment(StrEnum):
    """Picks the defaults of what is allowed."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"


class Settings(BaseSettings):
    """What a pod is told at its start; raises pydantic.ValidationError that names the variable and the remedy."""

    model_config = SettingsConfigDict(env_prefix="SWITCHBOARD_", env_ignore_empty=True, extra="ignore")

    environment: Environment = Environment.DEVELOPMENT
    pool: str = Field(default="local/switchboard", description="Namespace and name of the pool.")
    pod: str = Field(default="local", min_length=1, max_length=253, description="Name of the pod.")
    host: str | None = Field(default=None, description="Address to listen on; all of them if left out.")
    http_port: int = Field(default=names.HTTP_PORT, ge=0, le=65535, description="Port for clients; 0 takes a free one.")
    internal_port: int = Field(
        default=names.INTERNAL_PORT, ge=0, le=65535, description="Port for metrics and operator."
    )
    capacity: int = Field(default=5000, ge=1, description="Sessions that this pod takes before it answers `pool-busy`.")
    allowed_origins: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(), description="Origins besides the page's own that may open a socket, separated by commas."
    )
    heartbeat_seconds: float = Field(default=5.0, gt=0, le=60, description="While queued or matched.")
    idle_heartbeat_seconds: float = Field(default=30.0, gt=0, le=300, description="While idle.")
    resume_window_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="How long a session waits for its client."
    )
    stop_seconds: float = Field(default=20.0, ge=0, le=3600, description="How long a stopping pod lets clients move.")
    key_dir: Path | None = Field(default=None, description="Folder with the pool's token keys; random if left out.")
    ice_directory: Path | None = Field(default=None, description="File with the ICE servers; re-read when it changes.")
    redis_nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="host:port of Valkey or Redis nodes, separated by commas; in memory if left out."
    )
    redis_auth_dir: Path | None = Field(default=None, description="Folder with the files username and password.")

    @field_validator("allowed_origins", "redis_nodes", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("redis_nodes")
    @classmethod
    def _host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for node in value:
            host, _, port = node.rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError(
                    f"{node!r} is not host:port; set SWITCHBOARD_REDIS_NODES like valkey-0:6379,valkey-1:6379"
                )
        return value

    @model_validator(mode="after")
    def _production_is_durable(self) -> Self:
        if self.environment is Environment.PRODUCTION and not self.redis_nodes:
            raise ValueError(
                "Production refuses the memory broker: set SWITCHBOARD_REDIS_NODES (spec.redisRef of the pool)"
            )
        return self
