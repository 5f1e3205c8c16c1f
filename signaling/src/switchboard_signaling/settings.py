"""Settings of a signaling pod, from environment variables. Most begin with SWITCHBOARD_; a few have older names."""

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
"""An origin as browsers serialize it (RFC 6454 section 6.2), or `*` for any."""
ICE_URL: Final = r"(stuns?:[^\s,?@]+|turns?:[^\s,?@]+(\?transport=(udp|tcp))?)"
"""The URL of a STUN or TURN server (RFC 7064 section 3.1, RFC 7065 section 3.1), without credentials."""
PREFIX: Final = "SWITCHBOARD_"


class LogFormat(StrEnum):
    """Format of log lines."""

    JSON = "json"
    CONSOLE = "console"


class LogLevel(StrEnum):
    """Lowest level of log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ServerSettings(BaseSettings):
    """The settings of a pod; raises pydantic.ValidationError, which names the variable and the remedy."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    environment: Environment = Field(
        default=Environment.DEVELOPMENT,
        description="Sets defaults and restrictions; Production refuses unsafe settings.",
    )
    pool: str = Field(default="local/switchboard", description="Namespace and name of the pool.")
    pod: str = Field(default="local", min_length=1, max_length=253, description="Name of the pod.")
    host: str | None = Field(default=None, description="Address to listen on; unset: all addresses.")
    http_port: int = Field(
        default=names.HTTP_PORT, ge=0, le=65535, description="Port for clients; 0 picks a free port."
    )
    internal_port: int = Field(
        default=names.INTERNAL_PORT, ge=0, le=65535, description="Port for metrics, the operator and the admin API."
    )
    capacity: int = Field(
        default=5000, ge=1, description="Maximum number of open sockets; others are refused with `pool-busy`."
    )
    allowed_origins: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Comma-separated origins of pages that may open a socket, call the API and load the SDK, besides"
        " the pool's own; `*`: any origin.",
    )
    auth_type: AuthType | None = Field(
        default=None, description="How clients authenticate; unset, in Development only: anonymous clients may connect."
    )
    auth_secret_dir: Path | None = Field(
        default=None,
        description="Folder with the HS256 secrets of JWTs, one file per secret; reread when it changes.",
    )
    auth_jwks_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", description="URL of the JWKS with the issuer's public keys."
    )
    auth_issuer: str | None = Field(default=None, description="Required `iss` of JWTs; unset: any.")
    auth_audience: str | None = Field(default=None, description="Required `aud` of JWTs; unset: any.")
    connects_per_second: float = Field(
        default=limits.CONNECTS_PER_SECOND,
        ge=0,
        description="Maximum rate of new sockets per client address; 0: no limit.",
    )
    candidates_per_second: float = Field(
        default=limits.CANDIDATES_PER_SECOND,
        ge=0,
        description="Maximum rate of ICE candidates per socket; 0: no limit.",
    )
    sdp_per_second: float = Field(
        default=limits.SDP_PER_SECOND, ge=0, description="Maximum rate of offers and answers per socket; 0: no limit."
    )
    wrong_tokens: int = Field(
        default=limits.WRONG_TOKENS,
        ge=0,
        description="Forged tokens after which an address is refused for half an hour; 0: never refused.",
    )
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = Field(
        default=(), description="Comma-separated address ranges (CIDR) of proxies whose X-Forwarded-For is trusted."
    )
    frames_per_second: float = Field(
        default=200.0,
        ge=0,
        description="Maximum rate of frames per socket, above which it is read more slowly; 0: no limit.",
    )
    heartbeat_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds between heartbeats of queued and matched clients; at most HEARTBEAT_INTERVAL.",
    )
    heartbeat_interval: int = Field(
        default=30_000,
        ge=100,
        le=300_000,
        validation_alias="HEARTBEAT_INTERVAL",
        description="Milliseconds between heartbeats of idle clients.",
    )
    resume_window_seconds: float = Field(
        default=60.0, gt=0, le=3600, description="Seconds for which a session without a socket can be resumed."
    )
    stop_seconds: float = Field(
        default=20.0, ge=0, le=3600, description="Seconds that a stopping pod gives its clients to move."
    )
    ice_gathering_timeout: int = Field(
        default=10_000,
        ge=100,
        le=600_000,
        validation_alias="ICE_GATHERING_TIMEOUT",
        description="Milliseconds after which a client stops gathering ICE candidates.",
    )
    connection_timeout: int = Field(
        default=30_000,
        ge=100,
        le=600_000,
        validation_alias="CONNECTION_TIMEOUT",
        description="Milliseconds after which a call that has not connected counts as failed.",
    )
    max_reconnect_attempts: int = Field(
        default=3,
        ge=0,
        le=1000,
        validation_alias="MAX_RECONNECT_ATTEMPTS",
        description="Failed connection attempts after which a client gives up, once the resume window has passed.",
    )
    key_dir: Path | None = Field(
        default=None, description="Folder with the pool's token keys, one file per key; unset: a random key."
    )
    internal_token_dir: Path | None = Field(
        default=None,
        description="Folder with the bearer tokens for the operator's commands, each of at least 32 bytes, one file per"
        " token; unset: no command is accepted.",
    )
    internal_tls_dir: Path | None = Field(
        default=None,
        description="Folder with tls.crt and tls.key of the internal port, read for each connection; unset: no TLS.",
    )
    ice_directory: Path | None = Field(default=None, description="File with the ICE servers; reread when it changes.")
    redis_nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated host:port of Valkey or Redis nodes; unset: sessions are kept in memory.",
    )
    redis_auth_dir: Path | None = Field(
        default=None, description="Folder with the files username and password for these nodes."
    )
    redis_tls_dir: Path | None = Field(
        default=None,
        description="Folder with ca.crt, the CA of the nodes' certificates, and with tls.crt and tls.key if the nodes"
        " require client certificates; unset: no TLS.",
    )
    turn_server_url: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias="TURN_SERVER_URL",
        description="Comma-separated turn:, turns: or stun: URLs of a server, in addition to the ICE directory. All"
        " clients share its password: Production refuses it.",
    )
    turn_username: str | None = Field(
        default=None, validation_alias="TURN_USERNAME", description="Username for TURN_SERVER_URL."
    )
    turn_credential: SecretStr | None = Field(
        default=None, validation_alias="TURN_CREDENTIAL", description="Password for TURN_SERVER_URL."
    )
    twilio_account_sid: str | None = Field(
        default=None,
        validation_alias="TWILIO_ACCOUNT_SID",
        description="Twilio account for TURN servers; not used yet.",
    )
    twilio_auth_token: SecretStr | None = Field(
        default=None, validation_alias="TWILIO_AUTH_TOKEN", description="Secret of that account; not used yet."
    )
    admin_token_dir: Path | None = Field(
        default=None,
        description="Folder with the bearer tokens for the admin API, each of at least 32 bytes; unset: it is off.",
    )
    webhook_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="URL that receives an event for each match that opens or ends.",
    )
    webhook_secret_dir: Path | None = Field(
        default=None, description="Folder with the secrets that webhooks are signed with, each of at least 32 bytes."
    )
    region: str = Field(default="", max_length=64, description="Region of this pod, for call records.")
    log_format: LogFormat | None = Field(
        default=None, description="Format of log lines; unset: console in Development, json elsewhere."
    )
    log_level: LogLevel = Field(default=LogLevel.INFO, description="Lowest level of log lines that are written.")

    @property
    def auth(self) -> AuthType:
        """How clients authenticate."""
        return self.auth_type or AuthType.ANONYMOUS

    @property
    def logging(self) -> LogFormat:
        """Format of log lines."""
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
            raise ValueError(f"{error}. Remedy: set SWITCHBOARD_TRUSTED_PROXIES like 10.1.0.0/16,fd00::/8") from None

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
                raise ValueError("must not contain credentials. Remedy: set SWITCHBOARD_REDIS_AUTH_DIR")
            host, _, port = node.rpartition(":")
            if not host or not port.isdecimal():
                raise ValueError(
                    f"{node!r} must be host:port. Remedy: set SWITCHBOARD_REDIS_NODES like valkey-0:6379,valkey-1:6379"
                )
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _origins(cls, value: frozenset[str]) -> frozenset[str]:
        for origin in value:
            if not re.fullmatch(ORIGIN, origin):
                raise ValueError(
                    f"{origin!r} must be an origin. Remedy: set SWITCHBOARD_ALLOWED_ORIGINS like https://app.example"
                )
        return frozenset(origin.lower() for origin in value)

    @field_validator("turn_server_url")
    @classmethod
    def _ice_urls(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(ICE_URL, url) for url in value):
            raise ValueError(
                "must be URLs of STUN and TURN servers without credentials. Remedy: set TURN_SERVER_URL like"
                " turn:turn.example:3478,turns:turn.example:5349?transport=tcp"
            )
        return value

    @model_validator(mode="after")
    def _whole_and_safe(self) -> Self:
        """Report all contradictions, and all settings that the environment does not allow, at once."""
        if problems := [*self._contradictions(), *self._unsafe()]:
            raise ValueError("\n".join(problems))
        return self

    def _contradictions(self) -> Iterator[str]:
        needs = {AuthType.SHARED_SECRET: "SWITCHBOARD_AUTH_SECRET_DIR", AuthType.JWKS: "SWITCHBOARD_AUTH_JWKS_URL"}
        given = {"SWITCHBOARD_AUTH_SECRET_DIR": self.auth_secret_dir, "SWITCHBOARD_AUTH_JWKS_URL": self.auth_jwks_url}
        for name, value in given.items():
            needed = name == needs.get(self.auth)
            if needed and value is None:
                yield f"SWITCHBOARD_AUTH_TYPE {self.auth} requires {name}. Remedy: set it"
            if value is not None and not needed:
                yield f"{name} is not used with SWITCHBOARD_AUTH_TYPE {self.auth}. Remedy: remove it"
        turn = any(url.startswith("turn") for url in self.turn_server_url)
        for name, present in (("TURN_USERNAME", self.turn_username), ("TURN_CREDENTIAL", self.turn_credential)):
            if turn and present is None:
                yield f"TURN_SERVER_URL names a TURN server, which requires {name}. Remedy: set it"
            if not turn and present is not None:
                yield f"{name} requires a TURN server in TURN_SERVER_URL. Remedy: set it, or remove {name}"
        if (self.webhook_url is None) != (self.webhook_secret_dir is None):
            yield "SWITCHBOARD_WEBHOOK_URL and SWITCHBOARD_WEBHOOK_SECRET_DIR require each other. Remedy: set both"
        if (self.twilio_account_sid is None) != (self.twilio_auth_token is None):
            yield "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN require each other. Remedy: set both"

    def _unsafe(self) -> Iterator[str]:
        if self.environment is Environment.STAGING and self.auth_type is None:
            yield (
                "Staging requires SWITCHBOARD_AUTH_TYPE. Remedy: set it (spec.auth of the pool); Anonymous lets any"
                " client connect"
            )
        if self.environment is Environment.PRODUCTION:
            yield from self._unsafe_in_production()

    def _unsafe_in_production(self) -> Iterator[str]:
        if not self.redis_nodes:
            yield "Production refuses sessions in memory. Remedy: set SWITCHBOARD_REDIS_NODES (spec.redisRef)"
        if self.auth is AuthType.ANONYMOUS:
            yield (
                "Production refuses anonymous clients. Remedy: set SWITCHBOARD_AUTH_TYPE to SharedSecret or JWKS"
                " (spec.auth of the pool)"
            )
        if self.auth_jwks_url and not self.auth_jwks_url.startswith("https://"):
            yield "Production fetches keys over https only. Remedy: set SWITCHBOARD_AUTH_JWKS_URL to an https URL"
        if self.webhook_url and not self.webhook_url.startswith("https://"):
            yield "Production sends webhooks over https only. Remedy: set SWITCHBOARD_WEBHOOK_URL to an https URL"
        if self.internal_tls_dir is None and (self.internal_token_dir or self.admin_token_dir):
            yield (
                "Production accepts tokens over TLS only. Remedy: set SWITCHBOARD_INTERNAL_TLS_DIR, or remove"
                " SWITCHBOARD_INTERNAL_TOKEN_DIR and SWITCHBOARD_ADMIN_TOKEN_DIR"
            )
        if "*" in self.allowed_origins:
            yield "Production refuses pages of any origin. Remedy: list the origins in SWITCHBOARD_ALLOWED_ORIGINS"
        if any(url.startswith("turn") for url in self.turn_server_url):
            yield (
                "Production refuses the static TURN password of TURN_SERVER_URL, which every client would know. Remedy:"
                " remove it, and set spec.turnRefs of the pool to a TurnFleet, whose credentials expire"
            )
        if self.logging is LogFormat.CONSOLE:
            yield "Production logs are JSON. Remedy: set SWITCHBOARD_LOG_FORMAT to json, or remove it"
