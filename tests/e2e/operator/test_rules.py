"""Specs that the API server refuses with the field and the remedy."""

from typing import Any

import pytest
from tests.e2e.apiserver import ApiServer
from tests.e2e.operator.resources import Resource

pytestmark = pytest.mark.cluster

REGION = {"name": "north"}


@pytest.mark.parametrize(
    ("kind", "spec", "message"),
    [
        ("SignalingPool", {}, "spec.environment: Required value"),
        ("SignalingPool", {"environment": "Test"}, 'supported values: "Development", "Staging", "Production"'),
        ("SignalingPool", {"environment": "Staging", "replicas": -1}, "spec.replicas"),
        ("SignalingPool", {"environment": "Staging", "replicas": 2}, "spec.replicas above 1 requires spec.redisRef"),
        (
            "SignalingPool",
            {"environment": "Staging", "autoscaling": {"maxReplicas": 2}},
            "spec.autoscaling.maxReplicas above 1 requires spec.redisRef",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "autoscaling": {"minReplicas": 3, "maxReplicas": 2}},
            "spec.autoscaling.minReplicas must not exceed spec.autoscaling.maxReplicas",
        ),
        ("SignalingPool", {"environment": "Production"}, "spec.environment Production requires spec.redisRef"),
        (
            "SignalingPool",
            {"environment": "Production", "redisRef": {"name": "store"}, "ingress": {"host": "a.example"}},
            "spec.environment Production requires spec.ingress.tlsSecretName",
        ),
        (
            "SignalingPool",
            {"environment": "Production"},
            "spec.environment Production requires spec.auth of type Shared",
        ),
        (
            "SignalingPool",
            {"environment": "Production", "auth": {"type": "Anonymous"}},
            "spec.environment Production requires spec.auth of type SharedSecret or JWKS: otherwise anyone could",
        ),
        ("SignalingPool", {"environment": "Staging"}, "spec.environment Staging requires spec.auth: set type"),
        (
            "SignalingPool",
            {"environment": "Production", "auth": {"type": "JWKS", "jwksURL": "http://i.example/keys"}},
            "spec.environment Production requires an https:// URL in spec.auth.jwksURL",
        ),
        (
            "SignalingPool",
            {"environment": "Production", "allowedOrigins": ["https://a.example", "*"]},
            "spec.environment Production does not allow '*' in spec.allowedOrigins",
        ),
        ("SignalingPool", {"environment": "Staging", "allowedOrigins": ["a.example"]}, "spec.allowedOrigins[0]"),
        (
            "SignalingPool",
            {"environment": "Development", "trustedProxies": ["10.0.0.1"]},
            "spec.trustedProxies must contain only address ranges in CIDR notation",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "SharedSecret"}},
            "spec.auth.secretName is required with spec.auth.type SharedSecret and not allowed otherwise",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Anonymous", "secretName": "jwt"}},
            "spec.auth.secretName is required with spec.auth.type SharedSecret and not allowed otherwise",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "JWKS"}},
            "spec.auth.jwksURL is required with spec.auth.type JWKS and not allowed otherwise",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "JWKS", "jwksURL": "i.example/keys"}},
            "spec.auth.jwksURL",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Anonymous", "audience": "calls"}},
            "spec.auth.issuer and spec.auth.audience apply only to JWTs",
        ),
        ("SignalingPool", {"environment": "Staging", "auth": {"type": "Password"}}, 'supported values: "Anonymous"'),
        (
            "SignalingPool",
            {"environment": "Staging", "service": {"nodePort": 30000}},
            "spec.service.nodePort requires spec.service.type NodePort: set the type, or remove nodePort",
        ),
        ("SignalingPool", {"environment": "Staging", "replica": 2}, "spec.replica"),
        ("SignalingPool", {"environment": "Staging", "rollout": {"maxSurge": 0}}, "spec.rollout.maxSurge"),
        ("SignalingPool", {"environment": "Staging", "rollout": {"maxSurge": "25"}}, "spec.rollout.maxSurge"),
        ("SignalingPool", {"environment": "Staging", "rollout": {"maxSurge": "101%"}}, "spec.rollout.maxSurge"),
        ("SignalingPool", {"environment": "Staging", "rollout": {"maxSurge": 0.5}}, "spec.rollout.maxSurge"),
        ("TurnFleet", {"regions": []}, "spec.regions"),
        ("TurnFleet", {"regions": [REGION], "port": 49200}, "spec.port must lie outside spec.relayPorts"),
        (
            "TurnFleet",
            {"regions": [REGION], "allowedPeers": ["10.0.0.1"]},
            "spec.allowedPeers must contain only address ranges in CIDR",
        ),
        (
            "TurnFleet",
            {"regions": [REGION], "relayPorts": {"min": 50000, "max": 49999}},
            "spec.relayPorts.min must not exceed spec.relayPorts.max",
        ),
        ("RedisCluster", {"shards": 2}, "spec.shards"),
        ("RedisCluster", {"storage": {"size": "much"}}, "spec.storage.size must be a positive quantity, such as 1Gi"),
    ],
)
def test_a_wrong_spec_is_refused(api: ApiServer, kind: str, spec: dict[str, Any], message: str) -> None:
    assert message in Resource(api, "default", kind, "wrong").refused(**spec)


def test_a_name_that_is_too_long_is_refused(api: ApiServer) -> None:
    refusal = Resource(api, "default", "SignalingPool", "a" * 41).refused(environment="Development")
    assert "metadata.name must be 1 to 40 characters of a-z, 0-9" in refusal


@pytest.mark.parametrize(
    "change",
    [{"shards": 4}, {"replicasPerShard": 0}, {"storage": {"size": "2Gi"}}, {"storage": {"storageClassName": "x"}}],
)
def test_a_change_of_an_immutable_field_is_refused(api: ApiServer, namespace: str, change: dict[str, Any]) -> None:
    cluster = Resource(api, namespace, "RedisCluster", "store")
    cluster.apply()
    assert "immutable: create a new RedisCluster" in cluster.refused(**change)


def test_the_kinds_have_short_names_and_a_category(api: ApiServer, namespace: str) -> None:
    Resource(api, namespace, "RedisCluster", "store").apply()
    Resource(api, namespace, "TurnFleet", "relays").apply(regions=[REGION])
    Resource(api, namespace, "SignalingPool", "calls").apply(environment="Staging", auth={"type": "Anonymous"})
    for short, name in (("sp", "calls"), ("tf", "relays"), ("rcl", "store")):
        assert name in api.kubectl("-n", namespace, "get", short)
    listed = api.kubectl("-n", namespace, "get", "switchboard")
    assert all(name in listed for name in ("calls", "relays", "store"))
