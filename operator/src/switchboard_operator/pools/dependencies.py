"""Dependencies of a pool: its Redis, its directory of TURN servers, and their conditions. Pure."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from switchboard_crds import names
from switchboard_crds.model import ConditionStatus, Resource
from switchboard_crds.redis_cluster import RedisCluster
from switchboard_crds.signaling_pool import PoolCondition, SignalingPool
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube.resources import Json
from switchboard_operator.status.conditions import READY, Fact
from switchboard_operator.status.wording import count

CREDENTIAL_SECONDS: Final = 3600
"""Lifetime of the TURN credentials that a pool issues to its clients."""


@dataclass(frozen=True)
class Redis:
    """Address and Secret of a pool's Redis."""

    host: str
    secret: str
    """Name of the Secret with username and password."""


def redis_of(cluster: RedisCluster | None) -> Redis | None:
    """Return the address and Secret of a cluster; None until its objects exist."""
    if cluster is None or not cluster.status.service_name:
        return None
    return Redis(f"{cluster.status.service_name}.{cluster.metadata.namespace}.svc", cluster.status.secret_name)


def directory(pool: SignalingPool, fleets: Sequence[TurnFleet], keys: Keys) -> str:
    """Return the text of directory.json: all servers of the fleets, with the secret of this pool only."""
    servers = []
    for fleet in fleets:
        secret = keys.turn_secret(fleet.metadata.uid, pool.metadata.uid)
        for server in fleet.status.servers:
            host = f"[{server.address}]" if ":" in server.address else server.address
            address = f"{host}:{fleet.spec.port}"
            servers.append(
                {
                    "fleet": fleet.key,
                    "region": server.region,
                    "urls": [f"turn:{address}?transport=udp", f"turn:{address}?transport=tcp"],
                    "stunUrls": [f"stun:{address}"],
                    "auth": {"type": "hmac", "secret": secret, "ttlSeconds": CREDENTIAL_SECONDS},
                    "healthy": server.healthy,
                }
            )
    return orjson.dumps({"version": 1, "servers": servers}, option=orjson.OPT_INDENT_2).decode()


def redis_fact(pool: SignalingPool, cluster: RedisCluster | None) -> Fact:
    """Return the condition RedisResolved; `cluster` is the one of spec.redisRef, if it exists."""
    kind = PoolCondition.REDIS_RESOLVED
    if pool.spec.redis_ref is None:
        return Fact(kind, True, "NotNeeded", "spec.redisRef is unset; sessions are kept in the pod's memory.")
    name = f"RedisCluster {pool.metadata.namespace}/{pool.spec.redis_ref.name}"
    if cluster is None:
        return Fact(kind, False, "RedisNotFound", f"{name} does not exist. Remedy: create it, or correct spec.redisRef")
    if not is_ready(cluster):
        message = f"{name} is not Ready. Remedy: see its conditions with `kubectl describe`"
        return Fact(kind, False, "RedisNotReady", message, in_progress=True)
    return Fact(kind, True, "Resolved", f"{name} is Ready.")


def turn_fact(pool: SignalingPool, fleets: Mapping[str, TurnFleet]) -> Fact:
    """Return the condition TurnResolved; `fleets` are the existing fleets of spec.turnRefs, by name."""
    kind = PoolCondition.TURN_RESOLVED
    if not pool.spec.turn_refs:
        message = "spec.turnRefs is empty; calls fail between clients that cannot connect directly."
        return Fact(kind, True, "NotNeeded", message)
    for reference in pool.spec.turn_refs:
        name = f"TurnFleet {pool.metadata.namespace}/{reference.name}"
        fleet = fleets.get(reference.name)
        if fleet is None:
            return Fact(
                kind, False, "TurnNotFound", f"{name} does not exist. Remedy: create it, or correct spec.turnRefs"
            )
        if not any(server.healthy for server in fleet.status.servers):
            message = f"{name} has no healthy server. Remedy: see its conditions with `kubectl describe`"
            return Fact(kind, False, "TurnNotHealthy", message, in_progress=not fleet.status.servers)
    return Fact(kind, True, "Resolved", "Every TurnFleet of spec.turnRefs has a healthy server.")


def auth_fact(pool: SignalingPool, secret: Json | None) -> Fact:
    """Return the condition AuthResolved; `secret` is the one of spec.auth.secretName, if it exists."""
    kind, auth = PoolCondition.AUTH_RESOLVED, pool.spec.auth
    if auth is None or auth.secret_name is None:
        return Fact(kind, True, "NotNeeded", "spec.auth.secretName is unset.")
    name = f"Secret {pool.metadata.namespace}/{auth.secret_name}"
    if secret is None:
        message = f"{name} does not exist. Remedy: create it, or correct spec.auth.secretName"
        return Fact(kind, False, "SecretNotFound", message)
    minimum = names.MIN_AUTH_SECRET_BYTES
    values = {key: value for key, value in (secret.get("data") or {}).items() if not key.startswith(".")}
    short = sorted(key for key, value in values.items() if len(base64.b64decode(value).strip()) < minimum)
    if not values or short:
        what = f"value {short[0]} is shorter than {minimum} bytes" if short else "it has no values"
        remedy = f"store at least one value of {minimum} or more random bytes"
        return Fact(kind, False, "SecretInvalid", f"{name} cannot verify JWTs: {what}. Remedy: {remedy}")
    return Fact(kind, True, "Resolved", f"{name} holds {count(len(values), 'secret')}.")


def is_ready(resource: Resource) -> bool:
    """Return whether a resource is Ready."""
    return any(item.type == READY and item.status is ConditionStatus.TRUE for item in resource.status.conditions)
