import base64
import json
from typing import Any

import pytest
from tests.unit.operator.examples import KEYS, cluster, fleet, pool, ready_condition

from switchboard_crds.model import ConditionStatus
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.dependencies import (
    Redis,
    auth_fact,
    directory,
    is_ready,
    redis_fact,
    redis_of,
    turn_fact,
)

SERVER = {"name": "relays-1", "region": "north", "address": "198.51.100.7", "healthy": True}


def with_servers(*servers: dict[str, Any], name: str = "relays") -> Any:
    return fleet(name, status={"servers": list(servers)})


def test_redis_is_reached_by_its_service_once_that_exists() -> None:
    made = cluster(status={"serviceName": "store-redis", "secretName": "store-redis-client"})
    assert redis_of(made) == Redis("store-redis.web.svc", "store-redis-client")
    assert redis_of(cluster()) is None
    assert redis_of(None) is None


def test_the_directory_lists_each_server_with_the_secret_of_this_pool_only() -> None:
    found = json.loads(directory(pool(), [with_servers(SERVER)], KEYS))
    assert found == {
        "version": 1,
        "servers": [
            {
                "fleet": "web/relays",
                "region": "north",
                "urls": ["turn:198.51.100.7:3478?transport=udp", "turn:198.51.100.7:3478?transport=tcp"],
                "stunUrls": ["stun:198.51.100.7:3478"],
                "auth": {
                    "type": "hmac",
                    "secret": KEYS.turn_secret("uid-of-relays", "uid-of-calls"),
                    "ttlSeconds": 3600,
                },
                "healthy": True,
            }
        ],
    }


def test_an_ipv6_address_stands_in_brackets() -> None:
    found = json.loads(directory(pool(), [with_servers({**SERVER, "address": "2001:db8::7"})], KEYS))
    assert found["servers"][0]["stunUrls"] == ["stun:[2001:db8::7]:3478"]


@pytest.mark.parametrize(
    ("made", "holds", "reason"),
    [
        (None, False, "RedisNotFound"),
        (cluster(), False, "RedisNotReady"),
        (cluster(status={"conditions": [ready_condition()]}), True, "Resolved"),
    ],
)
def test_the_condition_for_redis(made: Any, holds: bool, reason: str) -> None:
    fact = redis_fact(pool(redisRef={"name": "store"}), made)
    assert (fact.holds, fact.reason) == (holds, reason)
    assert "RedisCluster web/store" in fact.message


def test_a_pool_without_redis_needs_none() -> None:
    assert redis_fact(pool(), None).reason == "NotNeeded"


WITH_TURN: SignalingPool = pool(turnRefs=[{"name": "relays"}, {"name": "backup"}])


@pytest.mark.parametrize(
    ("fleets", "holds", "reason", "in_progress"),
    [
        ({}, False, "TurnNotFound", False),
        ({"relays": with_servers()}, False, "TurnNotHealthy", True),
        ({"relays": with_servers({**SERVER, "healthy": False})}, False, "TurnNotHealthy", False),
        ({"relays": with_servers(SERVER)}, False, "TurnNotFound", False),
        ({"relays": with_servers(SERVER), "backup": with_servers(SERVER, name="backup")}, True, "Resolved", False),
    ],
)
def test_the_condition_for_relaying_fleets(fleets: Any, holds: bool, reason: str, in_progress: bool) -> None:
    fact = turn_fact(WITH_TURN, fleets)
    assert (fact.holds, fact.reason, fact.in_progress) == (holds, reason, in_progress)


def test_a_pool_without_fleets_needs_none() -> None:
    assert turn_fact(pool(), {}).reason == "NotNeeded"


def test_ready_is_read_from_the_condition() -> None:
    assert not is_ready(cluster(status={"conditions": [ready_condition(ConditionStatus.FALSE)]}))
    assert is_ready(cluster(status={"conditions": [ready_condition()]}))


SHARED: SignalingPool = pool(auth={"type": "SharedSecret", "secretName": "jwt"})
GOOD, SHORT = (base64.b64encode(b"s" * length).decode() for length in (32, 31))


@pytest.mark.parametrize(
    ("secret", "holds", "reason"),
    [
        (None, False, "SecretNotFound"),
        ({}, False, "SecretInvalid"),
        ({"data": {".hidden": GOOD}}, False, "SecretInvalid"),
        ({"data": {"one": GOOD, "two": SHORT}}, False, "SecretInvalid"),
        ({"data": {"one": GOOD, "two": GOOD, ".hidden": SHORT}}, True, "Resolved"),
    ],
)
def test_the_condition_for_jwt_secrets(secret: Any, holds: bool, reason: str) -> None:
    fact = auth_fact(SHARED, secret)
    assert (fact.holds, fact.reason) == (holds, reason)
    assert "Secret web/jwt" in fact.message
    assert holds or "Remedy" in fact.message


def test_a_secret_that_is_too_short_is_named_without_its_value() -> None:
    message = auth_fact(SHARED, {"data": {"one": GOOD, "two": SHORT}}).message
    assert "value two is shorter than 32 bytes" in message
    assert SHORT not in message


@pytest.mark.parametrize("auth", [None, {"type": "Anonymous"}, {"type": "JWKS", "jwksURL": "https://i.example/keys"}])
def test_only_shared_secrets_need_a_secret(auth: Any) -> None:
    assert auth_fact(pool(auth=auth), None).reason == "NotNeeded"
