"""Settings of a signaling pod, from environment variables: most begin with SWITCHBOARD_, a few have older names."""

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Final, Self, TypeAlias

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from switchboard_crds import names
from switchboard_crds.signaling_pool import AuthType, Environment
from switchboard_signaling.session import limits

Network: TypeAlias = IPv4Network | IPv6Network
ORIGIN: Final = r"\*|https?://[^/\s]+"
"""An origin as browsers write it (RFC 6454 section 6.2), or all of them."""
ICE_URL: Final = r"(stuns?:[^\s,?@]+|turns?:[^\s,?@]+(\?transport=(udp|tcp))?)"
"""A STUN or TURN server (RFC 7064 section 3.1, RFC 7065 section 3.1), without credentials in it."""
PREFIX: Final = "SWITCHBOARD_"


class LogFormat(StrEnum):
    """How log lines look."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """From which weight on log lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ServerSettings(BaseSettings):
    """What a pod is told at its start; raises pydantic.ValidationError that names the variable and the remedy."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="Picks the defaults of what is allowed; Production refuses what is unsafe.",
    )
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
        description="Origins of pages, besides the pool's own, that may open a socket, fetch from the API and load the"
        " SDK, separated by commas; `*`: all.",
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
    heartbeat_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds between heartbeats while queued or matched; never more than HEARTBEAT_INTERVAL.",
    )
    heartbeat_interval: int = Field(
        default=30_000,
        ge=100,
        le=300_000,
        validation_alias="HEARTBEAT_INTERVAL",
        description="Milliseconds between heartbeats of an idle client.",
    )
    resume_window_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds for which a session waits for its client."
    )
    stop_seconds: float = Field(
        default=20.0, ge=0, le=3600, description="Seconds for which a stopping pod lets clients move."
    )
    ice_gathering_timeout: int = Field(
        default=10_000,
        ge=100,
        le=600_000,
        validation_alias="ICE_GATHERING_TIMEOUT",
        description="Milliseconds that a client gives the gathering of ICE candidates.",
    )
    connection_timeout: int = Field(
        default=30_000,
        ge=100,
        le=600_000,
        validation_alias="CONNECTION_TIMEOUT",
        description="Milliseconds that a client gives a call to connect before it counts as failed.",
    )
    max_reconnect_attempts: int = Field(
        default=3,
        ge=0,
        le=1000,
        validation_alias="MAX_RECONNECT_ATTEMPTS",
        description="Sockets that a client tries in vain before it gives up; never before the resume window is over.",
    )
    key_dir: Path | None = Field(default=None, description="Folder with the pool's token keys; random if left out.")
    internal_token_dir: Path | None = Field(
        default=None,
        description="Folder with the tokens that the operator's orders need, 32 bytes or more each; none are taken if"
        " left out.",
    )
    internal_tls_dir: Path | None = Field(
        default=None,
        description="Folder with tls.crt and tls.key of the internal port, read at each connection; without TLS if left"
        " out.",
    )
    ice_directory: Path | None = Field(default=None, description="File with the ICE servers; re-read when it changes.")
    redis_nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="host:port of Valkey or Redis nodes, separated by commas; in memory if left out."
    )
    redis_auth_dir: Path | None = Field(default=None, description="Folder with the files username and password.")
    redis_tls_dir: Path | None = Field(
        default=None,
        description="Folder with ca.crt, which the nodes' certificates must be signed by, and, where they ask for"
        " it, tls.crt and tls.key; without TLS if left out.",
    )
    turn_server_url: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias="TURN_SERVER_URL",
        description="turn:, turns: or stun: URLs of a server that clients get besides those of the ICE directory,"
        " separated by commas. Its password is the same for everybody: Production refuses it.",
    )
    turn_username: str | None = Field(
        default=None, validation_alias="TURN_USERNAME", description="User name at TURN_SERVER_URL."
    )
    turn_credential: SecretStr | None = Field(
        default=None, validation_alias="TURN_CREDENTIAL", description="Password at TURN_SERVER_URL."
    )
    twilio_account_sid: str | None = Field(
        default=None, validation_alias="TWILIO_ACCOUNT_SID", description="Account of Twilio's TURN servers."
    )
    twilio_auth_token: SecretStr | None = Field(
        default=None, validation_alias="TWILIO_AUTH_TOKEN", description="Secret of that account."
    )
    admin_token_dir: Path | None = Field(
        default=None, description="Folder with bearer tokens of the admin API, 32 bytes or more each; off if left out."
    )
    webhook_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="URL that is told of matches that open and end."
    )
    webhook_secret_dir: Path | None = Field(
        default=None, description="Folder with secrets that webhooks are signed with, 32 bytes or more each."
    )
    region: str = Field(
        default="", max_length=64, description="Region that this pod runs in, for what is kept of calls."
    )
    log_format: LogFormat | None = Field(
        default=None, description="json or console; left out, console in Development and json elsewhere."
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="From which weight on log lines are written.")

    @property
    def auth(self) -> AuthType:
        """How clients prove who they are."""
        return self.auth_type or AuthType.ANONYMOUS

    @property
    def logging(self) -> LogFormat:
        """How log lines look."""
        return self.log_format or (LogFormat.CONSOLE if self.environment is Environment.DEVELOPMENT else LogFormat.JSON)

    @classmethod
    def variable(cls, field: str) -> str:
        """Return the environment variable that sets a field."""
        alias = cls.model_fields[field].validation_alias
        return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Iterable[str]) -> tuple[Network, ...]:
        try:
            return tuple(ip_network(text) for text in value)
        except ValueError as error:
            raise ValueError(f"{error}; set SWITCHBOARD_TRUSTED_PROXIES like 10.1.0.0/16,fd00::/8") from None

    # Runs before the one above it.
    @field_validator("allowed_origins", "redis_nodes", "trusted_proxies", "turn_server_url", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("redis_nodes")
    @classmethod
    def _host_and_port(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for node in value:
            if "@" in node:
                raise ValueError("credentials do not belong in SWITCHBOARD_REDIS_NODES: set SWITCHBOARD_REDIS_AUTH_DIR")
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

    @field_validator("turn_server_url")
    @classmethod
    def _ice_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(ICE_URL, url) for url in value):
            raise ValueError("set TURN_SERVER_URL like turn:turn.example:3478,turns:turn.example:5349?transport=tcp")
        return value

    @model_validator(mode="after")
    def _whole_and_safe(self) -> Self:
        """Refuse at once, and all together, what contradicts itself and what the environment does not allow."""
        if problems := [*self._contradictions(), *self._unsafe()]:
            raise ValueError("\n".join(problems))
        return self

    def _contradictions(self) -> Iterator[str]:
        needs = {AuthType.SHARED_SECRET: "SWITCHBOARD_AUTH_SECRET_DIR", AuthType.JWKS: "SWITCHBOARD_AUTH_JWKS_URL"}
        given = {"SWITCHBOARD_AUTH_SECRET_DIR": self.auth_secret_dir, "SWITCHBOARD_AUTH_JWKS_URL": self.auth_jwks_url}
        for name, value in given.items():
            wanted = name == needs.get(self.auth)
            if wanted and value is None:
                yield f"SWITCHBOARD_AUTH_TYPE {self.auth} needs {name}: set it"
            if value is not None and not wanted:
                yield f"{name} is not for SWITCHBOARD_AUTH_TYPE {self.auth}: remove it, or set another type"
        turn = any(url.startswith("turn") for url in self.turn_server_url)
        for name, present in (("TURN_USERNAME", self.turn_username), ("TURN_CREDENTIAL", self.turn_credential)):
            if turn and present is None:
                yield f"TURN_SERVER_URL names a TURN server, which needs {name}: set it"
            if not turn and present is not None:
                yield f"{name} needs a TURN server in TURN_SERVER_URL: set it, or remove {name}"
        if (self.webhook_url is None) != (self.webhook_secret_dir is None):
            yield "SWITCHBOARD_WEBHOOK_URL and SWITCHBOARD_WEBHOOK_SECRET_DIR need each other: set both, or none"
        if (self.twilio_account_sid is None) != (self.twilio_auth_token is None):
            yield "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN need each other: set both, or none"

    def _unsafe(self) -> Iterator[str]:
        if self.environment is Environment.STAGING and self.auth_type is None:
            yield (
                "Staging wants to be told who may connect: set SWITCHBOARD_AUTH_TYPE (spec.auth of the pool), to"
                " Anonymous if anybody may"
            )
        if self.environment is Environment.PRODUCTION:
            yield from self._unsafe_in_production()

    def _unsafe_in_production(self) -> Iterator[str]:
        if not self.redis_nodes:
            yield "Production refuses the memory broker: set SWITCHBOARD_REDIS_NODES (spec.redisRef of the pool)"
        if self.auth is AuthType.ANONYMOUS:
            yield (
                "Production refuses anonymous clients: set SWITCHBOARD_AUTH_TYPE to SharedSecret or JWKS (spec.auth of"
                " the pool)"
            )
        if self.auth_jwks_url and not self.auth_jwks_url.startswith("https://"):
            yield "Production fetches keys by https only: set SWITCHBOARD_AUTH_JWKS_URL to such a URL"
        if self.webhook_url and not self.webhook_url.startswith("https://"):
            yield "Production sends webhooks by https only: set SWITCHBOARD_WEBHOOK_URL to such a URL"
        if self.internal_tls_dir is None and (self.internal_token_dir or self.admin_token_dir):
            yield (
                "Production takes tokens by TLS only: set SWITCHBOARD_INTERNAL_TLS_DIR, or remove"
                " SWITCHBOARD_INTERNAL_TOKEN_DIR and SWITCHBOARD_ADMIN_TOKEN_DIR"
            )
        if "*" in self.allowed_origins:
            yield "Production refuses pages of all origins: list them in SWITCHBOARD_ALLOWED_ORIGINS"
        if any(url.startswith("turn") for url in self.turn_server_url):
            yield (
                "Production refuses the static TURN password of TURN_SERVER_URL, which every client would know: remove"
                " it, and name a TurnFleet, whose credentials expire (spec.turnRefs of the pool)"
            )
        if self.logging is LogFormat.CONSOLE:
            yield "Production logs are for machines: remove SWITCHBOARD_LOG_FORMAT, or set it to json"
