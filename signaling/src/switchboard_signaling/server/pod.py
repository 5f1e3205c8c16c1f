"""Builds a signaling pod from its settings."""

import secrets
import time
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from switchboard_crds.signaling_pool import AuthType
from switchboard_signaling.analytics.totals import Live
from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.ice.directory import Server, StaticAuth
from switchboard_signaling.ice.file import IceFile
from switchboard_signaling.server.access.client_lists import ClientList
from switchboard_signaling.server.access.connection_limiter import ConnectionLimiter
from switchboard_signaling.server.access.keys import KeysError, SharedSecrets, token_keys
from switchboard_signaling.server.sockets.drain import Drain
from switchboard_signaling.server.sockets.hub import Hub
from switchboard_signaling.server.sockets.watcher import Watcher
from switchboard_signaling.server.telemetry.call_metrics import CallMetrics
from switchboard_signaling.server.telemetry.metrics import Metrics
from switchboard_signaling.server.telemetry.session_log import SessionLog
from switchboard_signaling.server.telemetry.signature import key_of
from switchboard_signaling.server.telemetry.stats_flusher import StatsFlusher
from switchboard_signaling.server.telemetry.webhooks import Webhooks
from switchboard_signaling.session.host import Host
from switchboard_signaling.session.limits import rate
from switchboard_signaling.settings import ServerSettings
from switchboard_signaling.wire.messages import Timeouts
from switchboard_signaling.wire.tokens import Keyring


@dataclass(frozen=True)
class SignalingPod:
    """The parts of a pod, which the HTTP handlers share."""

    settings: ServerSettings
    host: Host
    ice: IceFile
    broker: Broker
    hub: Hub
    drain: Drain
    metrics: Metrics
    limiter: ConnectionLimiter
    session_log: SessionLog
    stats: StatsFlusher
    blocks: ClientList
    watches: ClientList
    webhooks: Webhooks | None


POD: Final = web.AppKey("pod", SignalingPod)
STORE_REMEDY: Final = (
    "check SWITCHBOARD_REDIS_NODES, the credentials in SWITCHBOARD_REDIS_AUTH_DIR, and that the store is running"
)


def new_id() -> str:
    """Return 128 random bits as text."""
    return secrets.token_urlsafe(16)


def make_pod(settings: ServerSettings) -> SignalingPod:
    """Return the pod for the settings, not started yet.

    Raises KeysError for unusable token keys, secrets and certificates.
    """
    # After a restart, a container must not get the hints for its previous run.
    name = f"{settings.pod}.{secrets.token_hex(4)}"
    ice = IceFile(settings.ice_directory, time.time, static_server(settings))
    metrics = Metrics()
    broker = _make_broker(name, settings, metrics)
    blocks = ClientList("blocks", broker.shared_stats)
    watches = ClientList("watches", broker.shared_stats)
    host = Host(
        pod=name,
        keyring=Keyring(token_keys(settings.key_dir), time.time),
        timeouts=Timeouts(
            heartbeat_ms=min(int(settings.heartbeat_seconds * 1000), settings.heartbeat_interval),
            idle_heartbeat_ms=settings.heartbeat_interval,
            resume_window_ms=int(settings.resume_window_seconds * 1000),
            ice_gathering_ms=settings.ice_gathering_timeout,
            connection_ms=settings.connection_timeout,
        ),
        blocked=blocks.holds,
        reconnect_attempts=settings.max_reconnect_attempts,
        ice_servers=ice.servers,
        ice_ttl_ms=ice.ttl_ms,
        new_id=new_id,
        auth_required=settings.auth is not AuthType.ANONYMOUS,
        candidates=rate(settings.candidates_per_second),
        sdp=rate(settings.sdp_per_second),
    )
    call_metrics = CallMetrics(metrics.registry)
    stats = StatsFlusher(broker.shared_stats, name, call_metrics)
    session_log = SessionLog(settings.region, name, call_metrics, stats)
    webhooks = make_webhooks(settings, broker, call_metrics)
    hub = Hub(
        host,
        broker,
        metrics,
        settings.capacity,
        settings.frames_per_second,
        [session_log, *([webhooks] if webhooks else [])],
        Watcher(watches),
    )
    stats.live = lambda: Live(hub.active_sessions, hub.connections, hub.matched_sessions)
    tokens = SharedSecrets(settings.internal_token_dir, "internal tokens") if settings.internal_token_dir else None
    drain = Drain(hub, tokens)
    limiter = ConnectionLimiter(settings, metrics)
    return SignalingPod(
        settings, host, ice, broker, hub, drain, metrics, limiter, session_log, stats, blocks, watches, webhooks
    )


def make_webhooks(settings: ServerSettings, broker: Broker, call_metrics: CallMetrics) -> Webhooks | None:
    """Return the webhooks, if the settings have them; raises KeysError for unusable secrets."""
    if settings.webhook_url is None or settings.webhook_secret_dir is None:
        return None
    secrets = SharedSecrets(settings.webhook_secret_dir, "webhook secrets", key_of)
    return Webhooks(settings.webhook_url, secrets.keys, settings.pool, broker.shared_stats, call_metrics)


def static_server(settings: ServerSettings) -> Server | None:
    """Return the TURN or STUN server in the settings themselves."""
    urls = settings.turn_server_url
    if not urls:
        return None
    auth = None
    if settings.turn_username is not None and settings.turn_credential is not None:
        auth = StaticAuth(username=settings.turn_username, credential=settings.turn_credential.get_secret_value())
    return Server(
        urls=[url for url in urls if url.startswith("turn")],
        stun_urls=[url for url in urls if url.startswith("stun")],
        auth=auth,
    )


def _make_broker(name: str, settings: ServerSettings, metrics: Metrics) -> Broker:
    if not settings.redis_nodes:
        return MemoryBroker(name, time.monotonic)
    # A pod without a store starts faster without its client.
    from switchboard_signaling.broker.redis import RedisBroker
    from switchboard_signaling.valkey.access import FileCredentials, tls_context
    from switchboard_signaling.valkey.cluster import ClusterClient, ErrorReports

    nodes = [(host, int(port)) for host, _, port in (node.rpartition(":") for node in settings.redis_nodes)]
    credentials = FileCredentials(settings.redis_auth_dir) if settings.redis_auth_dir else None
    try:
        tls = tls_context(settings.redis_tls_dir) if settings.redis_tls_dir else None
    except OSError as error:
        raise KeysError(
            f"the store's certificates in {settings.redis_tls_dir} are unusable: {error.strerror or error}."
            " Remedy: put ca.crt there, and tls.crt with tls.key or neither, in PEM"
        ) from error
    reports = ErrorReports(lambda code: metrics.store_errors.labels(code).inc())
    client = ClusterClient(nodes, credentials, tls, reports, "switchboard", STORE_REMEDY)
    return RedisBroker(name, settings.pool, client)
