"""Builders of a pool's objects. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from switchboard_crds import names
from switchboard_crds.signaling_pool import ServiceType, SignalingPool
from switchboard_operator.keys.certificate import ServerCertificate
from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube.compare import digest
from switchboard_operator.kube.resources import Json
from switchboard_operator.owned import builders
from switchboard_operator.owned.owner import Owner
from switchboard_operator.pools.dependencies import Redis

TERMINATION_SECONDS: Final = 60
"""Termination grace period of a pod."""
STOP_SECONDS: Final = 50
"""Part of the grace period in which clients move to other pods, if the pod was not drained before."""

IN_SERVICE: Final = {names.LABEL_IN_SERVICE: "true"}
"""Label of pods in service; it changes when a pod is cordoned."""
_MOUNTS: Final = "/etc/switchboard"


@dataclass(frozen=True)
class Revision:
    """Pod template of one ReplicaSet, and its hash."""

    name: str
    template: Json


def owner_of(pool: SignalingPool) -> Owner:
    """Return the pool as an owner of objects."""
    return Owner.of(names.SIGNALING_POOL, pool)


def base_name(pool: SignalingPool) -> str:
    """Return the name of the pool's Service and of its other singleton objects."""
    return f"{pool.metadata.name}-signaling"


def key_secret_name(pool: SignalingPool) -> str:
    """Return the name of the Secret with the pool's token keys."""
    return f"{base_name(pool)}-key"


def ice_secret_name(pool: SignalingPool) -> str:
    """Return the name of the Secret with the pool's directory of TURN servers."""
    return f"{base_name(pool)}-ice"


def internal_secret_name(pool: SignalingPool) -> str:
    """Return the name of the Secret with the tokens that the pods' internal API accepts."""
    return f"{base_name(pool)}-internal"


def internal_tls_secret_name(pool: SignalingPool) -> str:
    """Return the name of the Secret with the certificate and the key of the pods' internal port."""
    return f"{internal_secret_name(pool)}-tls"


def selector(pool: SignalingPool) -> dict[str, str]:
    """Return the labels that select the pool's pods of all revisions."""
    return {names.LABEL_NAME: names.SIGNALING, **owner_of(pool).labels()}


def common(pool: SignalingPool, keys: Keys, directory: str) -> list[Json]:
    """Return all objects of the pool except its ReplicaSets; `directory` is the text of directory.json."""
    uid = pool.metadata.uid
    name = base_name(pool)
    objects = [
        builders.service_account(name),
        builders.secret(key_secret_name(pool), {"current": keys.token_key(uid)}),
        builders.secret(internal_secret_name(pool), {"current": keys.internal_token(uid)}),
        tls_secret(pool, keys.internal_certificate(uid)),
        builders.secret(ice_secret_name(pool), {"directory.json": directory}),
        service(pool),
        builders.disruption_budget(name, selector(pool)),
        network_policy(pool),
    ]
    return [*objects, ingress(pool)] if pool.spec.ingress is not None else objects


def tls_secret(pool: SignalingPool, server: ServerCertificate) -> Json:
    """Return the Secret with the certificate and the key of the internal port."""
    files = {"tls.crt": server.certificate, "tls.key": server.key}
    return {**builders.secret(internal_tls_secret_name(pool), files), "type": "kubernetes.io/tls"}


def service(pool: SignalingPool) -> Json:
    """Return the Service that clients connect to; it selects the pods that are not cordoned."""
    wanted = pool.spec.service
    port: dict[str, Any] = {
        "name": "http",
        "port": 80,
        "targetPort": "http",
        "protocol": "TCP",
        "appProtocol": "kubernetes.io/ws",
    }
    if wanted.type is ServiceType.NODE_PORT and wanted.node_port is not None:
        port["nodePort"] = wanted.node_port
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": base_name(pool)},
        "spec": {"type": wanted.type.value, "selector": {**selector(pool), **IN_SERVICE}, "ports": [port]},
    }


def network_policy(pool: SignalingPool) -> Json:
    """Return the policy of the pods: the public port is open to all, the internal one to the cluster.

    The operator and Prometheus, whose namespaces are unknown here, use the internal port; commands need the pool's
    token.
    """
    public = {"ports": [{"port": "http", "protocol": "TCP"}]}
    internal = {"from": [{"namespaceSelector": {}}], "ports": [{"port": "internal", "protocol": "TCP"}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": base_name(pool)},
        "spec": {
            "podSelector": {"matchLabels": selector(pool)},
            "policyTypes": ["Ingress"],
            "ingress": [public, internal],
        },
    }


def ingress(pool: SignalingPool) -> Json:
    """Return the Ingress that routes to the Service. Raises ValueError if spec.ingress is unset."""
    wanted = pool.spec.ingress
    if wanted is None:
        raise ValueError(f"SignalingPool {pool.key} has no spec.ingress")
    backend = {"service": {"name": base_name(pool), "port": {"name": "http"}}}
    spec: Json = {
        "rules": [
            {"host": wanted.host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}},
        ]
    }
    if wanted.class_name is not None:
        spec["ingressClassName"] = wanted.class_name
    if wanted.tls_secret_name is not None:
        spec["tls"] = [{"hosts": [wanted.host], "secretName": wanted.tls_secret_name}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": base_name(pool)},
        "spec": spec,
    }


def revision(pool: SignalingPool, image: str, redis: Redis | None) -> Revision:
    """Return the current revision of the pool, named by the hash of its pod template."""
    volumes = {
        "key": key_secret_name(pool),
        "ice": ice_secret_name(pool),
        "internal": internal_secret_name(pool),
        "internal-tls": internal_tls_secret_name(pool),
    }
    if redis is not None:
        volumes["redis"] = redis.secret
    if pool.spec.auth is not None and pool.spec.auth.secret_name is not None:
        volumes["auth"] = pool.spec.auth.secret_name
    template = {
        "metadata": {"labels": {**selector(pool), **IN_SERVICE}},
        "spec": {
            "serviceAccountName": base_name(pool),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": TERMINATION_SECONDS,
            "securityContext": dict(builders.POD_SECURITY),
            "topologySpreadConstraints": [
                builders.spread(selector(pool), names.TOPOLOGY_ZONE),
                builders.spread(selector(pool), names.TOPOLOGY_NODE),
            ],
            "containers": [_container(pool, image, redis, volumes)],
            "volumes": [builders.secret_volume(name, secret) for name, secret in volumes.items()],
        },
    }
    return Revision(digest(template)[:10], template)


def _container(pool: SignalingPool, image: str, redis: Redis | None, volumes: Mapping[str, str]) -> Json:
    settings = {
        names.SETTING_ENVIRONMENT: pool.spec.environment.value,
        names.SETTING_POOL: pool.key,
        names.SETTING_HTTP_PORT: str(names.HTTP_PORT),
        names.SETTING_INTERNAL_PORT: str(names.INTERNAL_PORT),
        names.SETTING_KEY_DIR: f"{_MOUNTS}/key",
        names.SETTING_ICE_DIRECTORY: f"{_MOUNTS}/ice/directory.json",
        names.SETTING_INTERNAL_TOKEN_DIR: f"{_MOUNTS}/internal",
        names.SETTING_INTERNAL_TLS_DIR: f"{_MOUNTS}/internal-tls",
        names.SETTING_STOP_SECONDS: str(STOP_SECONDS),
    }
    if redis is not None:
        settings[names.SETTING_REDIS_NODES] = f"{redis.host}:{names.REDIS_PORT}"
        settings[names.SETTING_REDIS_AUTH_DIR] = f"{_MOUNTS}/redis"
    settings |= _access(pool)
    return {
        "name": names.SIGNALING,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["switchboard-signaling", "serve"],
        "env": [
            builders.field_env(names.SETTING_POD, "metadata.name"),
            *({"name": name, "value": value} for name, value in settings.items()),
        ],
        "ports": [
            {"name": "http", "containerPort": names.HTTP_PORT, "protocol": "TCP"},
            {"name": "internal", "containerPort": names.INTERNAL_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": dict(builders.CONTAINER_SECURITY),
        "startupProbe": builders.http_probe("/livez", "http", periodSeconds=1, failureThreshold=60),
        "readinessProbe": builders.http_probe("/readyz", "http", periodSeconds=2, timeoutSeconds=2),
        "livenessProbe": builders.http_probe("/livez", "http", periodSeconds=10, timeoutSeconds=5),
        "volumeMounts": [{"name": name, "mountPath": f"{_MOUNTS}/{name}", "readOnly": True} for name in volumes],
    }


def _access(pool: SignalingPool) -> dict[str, str]:
    """Return the settings of access control, without unset ones."""
    auth = pool.spec.auth
    settings = {
        names.SETTING_AUTH_TYPE: auth.type.value if auth else None,
        names.SETTING_AUTH_SECRET_DIR: f"{_MOUNTS}/auth" if auth and auth.secret_name else None,
        names.SETTING_AUTH_JWKS_URL: auth.jwks_url if auth else None,
        names.SETTING_AUTH_ISSUER: auth.issuer if auth else None,
        names.SETTING_AUTH_AUDIENCE: auth.audience if auth else None,
        names.SETTING_ALLOWED_ORIGINS: ",".join(pool.spec.allowed_origins),
        names.SETTING_TRUSTED_PROXIES: ",".join(pool.spec.trusted_proxies),
        # Without trusted proxies, pods see the addresses of nodes and ingress controllers. Clients share them, so
        # blocking one would also block clients that did nothing wrong.
        names.SETTING_WRONG_TOKENS: None if pool.spec.trusted_proxies else "0",
    }
    return {name: value for name, value in settings.items() if value}


def replica_set_name(pool: SignalingPool, rev: Revision) -> str:
    """Return the name of a revision's ReplicaSet."""
    return f"{pool.metadata.name}-{rev.name}"


def replica_set(pool: SignalingPool, rev: Revision) -> Json:
    """Return the ReplicaSet of a revision without `replicas`, which the plan changes."""
    labels = {**selector(pool), names.LABEL_REVISION: rev.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": replica_set_name(pool, rev), "labels": {names.LABEL_REVISION: rev.name}},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {**rev.template, "metadata": {"labels": {**labels, **IN_SERVICE}}},
        },
    }
