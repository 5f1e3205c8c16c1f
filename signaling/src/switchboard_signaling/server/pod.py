"""One signaling pod, put together from its settings."""

import secrets
import time
from dataclasses import dataclass

from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.ice.file import IceFile
from switchboard_signaling.protocol.host import Host
from switchboard_signaling.protocol.messages import Timeouts
from switchboard_signaling.protocol.tokens import Keyring
from switchboard_signaling.server.hub import Hub
from switchboard_signaling.server.keys import token_keys
from switchboard_signaling.server.metrics import Metrics
from switchboard_signaling.settings import Settings


@dataclass(frozen=True)
class Pod:
    """What the HTTP handlers share."""

    settings: Settings
    host: Host
    ice: IceFile
    broker: Broker
    hub: Hub
    metrics: Metrics


def new_id() -> str:
    """Return 128 random bits as text."""
    return secrets.token_urlsafe(16)


def make_pod(settings: Settings) -> Pod:
    """Return the pod that the settings describe, not started yet.

    Raises KeysError for token keys that cannot be used.
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
    )
    broker = _make_broker(name, settings)
    metrics = Metrics()
    return Pod(settings, host, ice, broker, Hub(host, broker, metrics, settings.capacity), metrics)


def _make_broker(name: str, settings: Settings) -> Broker:
    if not settings.redis_nodes:
        return MemoryBroker(name, time.monotonic)
    # A pod alone starts twice as fast without the store's client.
    from switchboard_signaling.broker.redis import FileCredentials, RedisBroker

    nodes = [(host, int(port)) for host, _, port in (node.rpartition(":") for node in settings.redis_nodes)]
    credentials = FileCredentials(settings.redis_auth_dir) if settings.redis_auth_dir else None
    return RedisBroker(name, settings.pool, nodes, credentials)
