"""Settings of a signaling pod, from environment variables with the prefix SWITCHBOARD_."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from switchboard_crds import names
from switchboard_signaling.protocol import limits

Network: TypeAlias = IPv4Network | IPv6Network
ORIGIN: Final = r"\*|https?://[^/\s]+"
"""An origin as browsers write it (RFC 6454 section 6.2), or all of them."""


class Environment(StrEnum):
    """Picks the defaults of what is allowed."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"


class AuthType(StrEnum):
    """How clients prove who they are."""

    ANONYMOUS = "Anonymous"
    SHARED_SECRET = "SharedSecret"  # noqa: S105 (a type's name)
    JWKS = "Jwks"


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
        default=frozenset(),
        description="Origins besides the page's own that may open a socket, separated by commas; `*`: all.",
    )
    auth_type: AuthType | None = Field(
        default=None, description="How clients prove who they are; left out, in Development, anybody may connect."
    )
    auth_secret_dir: Path | None = Field(
        default=None, description="Folder with HS256 secrets that JWTs are signed with; re-read when it changes."
    )
    auth_jwks_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="URL with the public keys of the issuer of JWTs."
    )
    auth_issuer: str | None = Field(default=None, description="`iss` that JWTs must have; any if left out.")
    auth_audience: str | None = Field(default=None, description="`aud` that JWTs must have; any if left out.")
    connects_per_second: float = Field(
        default=limits.CONNECTS_PER_SECOND, ge=0, description="Sockets of one client address; 0: no limit."
    )
    candidates_per_second: float = Field(
        default=limits.CANDIDATES_PER_SECOND, ge=0, description="ICE candidates of one socket; 0: no limit."
    )
    sdp_per_second: float = Field(
        default=limits.SDP_PER_SECOND, ge=0, description="Offers and answers of one socket; 0: no limit."
    )
    wrong_tokens: int = Field(
        default=limits.WRONG_TOKENS,
        ge=0,
        description="Made-up tokens after which an address is refused for half an hour; 0: it is never refused.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="Addresses (CIDR) of proxies whose X-Forwarded-For is believed, separated by commas."
    )
    frames_per_second: float = Field(
        default=200.0, ge=0, description="Frames of one socket; beyond, it is read more slowly; 0: no limit."
    )
    heartbeat_seconds: float = Field(default=5.0, gt=0, le=60, description="While queued or matched.")
    idle_heartbeat_seconds: float = Field(default=30.0, gt=0, le=300, description="While idle.")
    resume_window_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="How long a session waits for its client."
    )
    stop_seconds: float = Field(default=20.0, ge=0, le=3600, description="How long a stopping pod lets clients move.")
    key_dir: Path | None = Field(default=None, description="Folder with the pool's token keys; random if left out.")
    internal_token_dir: Path | None = Field(
        default=None, description="Folder with the tokens that the operator's orders need; none are taken if left out."
    )
    ice_directory: Path | None = Field(default=None, description="File with the ICE servers; re-read when it changes.")
    redis_nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="host:port of Valkey or Redis nodes, separated by commas; in memory if left out."
    )
    redis_auth_dir: Path | None = Field(default=None, description="Folder with the files username and password.")

    @property
    def auth(self) -> AuthType:
        """How clients prove who they are."""
        return self.auth_type or AuthType.ANONYMOUS

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Iterable[str]) -> tuple[Network, ...]:
        try:
            return tuple(ip_network(text) for text in value)
        except ValueError as error:
            raise ValueError(f"{error}; set SWITCHBOARD_TRUSTED_PROXIES like 10.1.0.0/16,fd00::/8") from None

    # Runs before the one above it.
    @field_validator("allowed_origins", "redis_nodes", "trusted_proxies", mode="before")
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

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: frozenset[str]) -> frozenset[str]:
        for origin in value:
            if not re.fullmatch(ORIGIN, origin):
                raise ValueError(f"{origin!r} is no origin; set SWITCHBOARD_ALLOWED_ORIGINS like https://app.example")
        return frozenset(origin.lower() for origin in value)

    @model_validator(mode="after")
    def _auth_is_whole(self) -> Self:
        needs = {AuthType.SHARED_SECRET: "SWITCHBOARD_AUTH_SECRET_DIR", AuthType.JWKS: "SWITCHBOARD_AUTH_JWKS_URL"}
        given = {"SWITCHBOARD_AUTH_SECRET_DIR": self.auth_secret_dir, "SWITCHBOARD_AUTH_JWKS_URL": self.auth_jwks_url}
        for name, value in given.items():
            wanted = name == needs.get(self.auth)
            if wanted and value is None:
                raise ValueError(f"SWITCHBOARD_AUTH_TYPE {self.auth} needs {name}: set it")
            if value is not None and not wanted:
                raise ValueError(f"{name} is not for SWITCHBOARD_AUTH_TYPE {self.auth}: remove it, or set another type")
        return self

    @model_validator(mode="after")
    def _environment_is_safe(self) -> Self:
        """Refuse at once, and all together, what the environment does not allow."""
        if problems := list(self._unsafe()):
            raise ValueError("; ".join(problems))
        return self

    def _unsafe(self) -> Iterator[str]:
        if self.environment is Environment.STAGING and self.auth_type is None:
            yield (
                "Staging wants to be told who may connect: set SWITCHBOARD_AUTH_TYPE (spec.auth of the pool), to"
                " Anonymous if anybody may"
            )
        if self.environment is not Environment.PRODUCTION:
            return
        if not self.redis_nodes:
            yield "Production refuses the memory broker: set SWITCHBOARD_REDIS_NODES (spec.redisRef of the pool)"
        if self.auth is AuthType.ANONYMOUS:
            yield (
                "Production refuses anonymous clients: set SWITCHBOARD_AUTH_TYPE to SharedSecret or Jwks (spec.auth of"
                " the pool)"
            )
        if self.auth_jwks_url and not self.auth_jwks_url.startswith("https://"):
            yield "Production fetches keys by https only: set SWITCHBOARD_AUTH_JWKS_URL to such a URL"
        if "*" in self.allowed_origins:
            yield "Production refuses pages of all origins: list them in SWITCHBOARD_ALLOWED_ORIGINS"
