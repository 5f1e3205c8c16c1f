"""What a pool needs of the resources that it refers to: where its Redis is, and its directory of TURN servers. Pure."""

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

CREDENTIAL_SECONDS: Final = 3600
"""Life of the credentials that a pool makes for its clients: a leaked one is of use for an hour."""


@dataclass(frozen=True)
class Redis:
    """How a pool's pods reach their Redis."""

    host: str
    secret: str
    """Name of the Secret with username and password."""


def redis_of(cluster: RedisCluster | None) -> Redis | None:
    """Return how to reach a cluster; None until its objects exist."""
    if cluster is None or not cluster.status.service_name:
        return None
    return Redis(f"{cluster.status.service_name}.{cluster.metadata.namespace}.svc", cluster.status.secret_name)


def directory(pool: SignalingPool, fleets: Sequence[TurnFleet], keys: Keys) -> str:
    """Return the text of directory.json: every server of the fleets, with the secret that only this pool shares."""
    servers = []
    for fleet in fleets:
        secret = keys.turn_secret(fleet.metadata.uid, pool.metadata.uid)
        for server in fleet.status.servers:
            host = f"[{server.address}]" if ":" in server.address else server.address
            place = f"{host}:{fleet.spec.port}"
            servers.append(
                {
                    "fleet": fleet.key,
                    "region": server.region,
                    "urls": [f"turn:{place}?transport=udp", f"turn:{place}?transport=tcp"],
                    "stunUrls": [f"stun:{place}"],
                    "auth": {"type": "hmac", "secret": secret, "ttlSeconds": CREDENTIAL_SECONDS},
                    "healthy": server.healthy,
                }
            )
    return orjson.dumps({"version": 1, "servers": servers}, option=orjson.OPT_INDENT_2).decode()


def redis_fact(pool: SignalingPool, cluster: RedisCluster | None) -> Fact:
    """Return whether the pool's Redis is there."""
    kind = PoolCondition.REDIS_RESOLVED
    if pool.spec.redis_ref is None:
        return Fact(kind, True, "NotNeeded", "spec.redisRef is not set: sessions live in the pod's memory.")
    name = f"RedisCluster {pool.metadata.namespace}/{pool.spec.redis_ref.name}"
    if cluster is None:
        return Fact(kind, False, "RedisNotFound", f"{name} does not exist. Remedy: create it, or fix spec.redisRef")
    if not is_ready(cluster):
        message = f"{name} is not Ready. Remedy: see `kubectl describe` of it"
        return Fact(kind, False, "RedisNotReady", message, in_progress=True)
    return Fact(kind, True, "Resolved", f"{name} is Ready.")


def turn_fact(pool: SignalingPool, fleets: Mapping[str, TurnFleet]) -> Fact:
    """Return whether each of the pool's fleets can relay; `fleets` holds those that exist, by name."""
    kind = PoolCondition.TURN_RESOLVED
    if not pool.spec.turn_refs:
        message = "spec.turnRefs is empty: clients that cannot connect directly cannot call."
        return Fact(kind, True, "NotNeeded", message)
    for reference in pool.spec.turn_refs:
        name = f"TurnFleet {pool.metadata.namespace}/{reference.name}"
        fleet = fleets.get(reference.name)
        if fleet is None:
            return Fact(kind, False, "TurnNotFound", f"{name} does not exist. Remedy: create it, or fix spec.turnRefs")
        if not any(server.healthy for server in fleet.status.servers):
            message = f"{name} has no healthy server. Remedy: see `kubectl describe` of it"
            return Fact(kind, False, "TurnNotHealthy", message, in_progress=not fleet.status.servers)
    return Fact(kind, True, "Resolved", "Every fleet of spec.turnRefs has a healthy server.")


def auth_fact(pool: SignalingPool, secret: Json | None) -> Fact:
    """Return whether the pool's pods can check their clients' JWTs; `secret` is the one of spec.auth, if it exists."""
    kind, auth = PoolCondition.AUTH_RESOLVED, pool.spec.auth
    if auth is None or auth.secret_name is None:
        return Fact(kind, True, "NotNeeded", "spec.auth names no Secret.")
    name = f"Secret {pool.metadata.namespace}/{auth.secret_name}"
    if secret is None:
        message = f"{name} of spec.auth.secretName does not exist. Remedy: create it, or fix spec.auth.secretName"
        return Fact(kind, False, "SecretNotFound", message)
    least = names.MIN_AUTH_SECRET_BYTES
    values = {key: value for key, value in (secret.get("data") or {}).items() if not key.startswith(".")}
    short = sorted(key for key, value in values.items() if len(base64.b64decode(value).strip()) < least)
    if not values or short:
        what = f"the value of {short[0]} is shorter than {least} bytes" if short else "it is empty"
        remedy = f"give it one or more values of {least} random bytes or more"
        return Fact(kind, False, "SecretInvalid", f"{name} cannot sign JWTs: {what}. Remedy: {remedy}")
    return Fact(kind, True, "Resolved", f"{name} holds {len(values)} secret(s).")


def is_ready(resource: Resource) -> bool:
    """Return whether a resource is Ready."""
    return any(item.type == READY and item.status is ConditionStatus.TRUE for item in resource.status.conditions)
