"""One signaling pod, put together from its settings."""

import secrets
import time
from dataclasses import dataclass

from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.ice.file import IceFile
from switchboard_signaling.protocol.host import Host
from switchboard_signaling.protocol.limits import rate
from switchboard_signaling.protocol.messages import Timeouts
from switchboard_signaling.protocol.tokens import Keyring
from switchboard_signaling.server.drain import Drain, Tokens
from switchboard_signaling.server.gate import Gate
from switchboard_signaling.server.hub import Hub
from switchboard_signaling.server.keys import token_keys
from switchboard_signaling.server.metrics import Metrics
from switchboard_signaling.settings import AuthType, Settings


@dataclass(frozen=True)
class Pod:
    """What the HTTP handlers share."""

    settings: Settings
    host: Host
    ice: IceFile
    broker: Broker
    hub: Hub
    drain: Drain
    metrics: Metrics
    gate: Gate


def new_id() -> str:
    """Return 128 random bits as text."""
    return secrets.token_urlsafe(16)


def make_pod(settings: Settings) -> Pod:
    """Return the pod that the settings describe, not started yet.

    Raises KeysError for token keys and JWT secrets that cannot be used.
    """
    # A pod that restarts under its name must not get hints that were meant for its earlier run.
    name = f"{settings.pod}.{secrets.token_hex(4)}"
    ice = IceFile(settings.ice_directory, time.time)
    host = Host(
        pod=name,
        keyring=Keyring(token_keys(settings.key_dir), time.time),
        timeouts=Timeouts(
            heartbeat_ms=int(settings.heartbeat_seconds * 1000),
            idle_heartbeat_ms=int(settings.idle_heartbeat_seconds * 1000),
            resume_window_ms=int(settings.resume_window_seconds * 1000),
        ),
        ice_servers=ice.servers,
        ice_ttl_ms=ice.ttl_ms,
        new_id=new_id,
        auth_required=settings.auth is not AuthType.ANONYMOUS,
        candidates=rate(settings.candidates_per_second),
        sdp=rate(settings.sdp_per_second),
    )
    broker = _make_broker(name, settings)
    metrics = Metrics()
    hub = Hub(host, broker, metrics, settings.capacity, settings.frames_per_second)
    drain = Drain(hub, Tokens(settings.internal_token_dir))
    return Pod(settings, host, ice, broker, hub, drain, metrics, Gate(settings, metrics))


def _make_broker(name: str, settings: Settings) -> Broker:
    if not settings.redis_nodes:
        return MemoryBroker(name, time.monotonic)
    # A pod alone starts twice as fast without the store's client.
    from switchboard_signaling.broker.redis import FileCredentials, RedisBroker

    nodes = [(host, int(port)) for host, _, port in (node.rpartition(":") for node in settings.redis_nodes)]
    credentials = FileCredentials(settings.redis_auth_dir) if settings.redis_auth_dir else None
    return RedisBroker(name, settings.pool, nodes, credentials)
