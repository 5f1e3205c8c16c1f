"""What the API server refuses, in words that name the field and the remedy."""

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
        ("SignalingPool", {"environment": "Staging", "replicas": 2}, "spec.replicas above 1 needs spec.redisRef"),
        (
            "SignalingPool",
            {"environment": "Staging", "autoscaling": {"maxReplicas": 2}},
            "spec.autoscaling.maxReplicas above 1 needs spec.redisRef",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "autoscaling": {"minReplicas": 3, "maxReplicas": 2}},
            "spec.autoscaling.minReplicas is above spec.autoscaling.maxReplicas: swap them",
        ),
        ("SignalingPool", {"environment": "Production"}, "spec.environment Production needs spec.redisRef"),
        (
            "SignalingPool",
            {"environment": "Production", "redisRef": {"name": "store"}, "ingress": {"host": "a.example"}},
            "spec.environment Production needs spec.ingress.tlsSecretName",
        ),
        ("SignalingPool", {"environment": "Production"}, "spec.environment Production needs spec.auth of type Shared"),
        (
            "SignalingPool",
            {"environment": "Production", "auth": {"type": "Anonymous"}},
            "spec.environment Production needs spec.auth of type SharedSecret or Jwks: anybody could connect otherwise",
        ),
        ("SignalingPool", {"environment": "Staging"}, "spec.environment Staging needs spec.auth: choose type"),
        (
            "SignalingPool",
            {"environment": "Production", "auth": {"type": "Jwks", "jwksUrl": "http://i.example/keys"}},
            "spec.environment Production needs spec.auth.jwksUrl to begin with https://",
        ),
        (
            "SignalingPool",
            {"environment": "Production", "allowedOrigins": ["https://a.example", "*"]},
            "spec.environment Production needs spec.allowedOrigins without '*'",
        ),
        ("SignalingPool", {"environment": "Staging", "allowedOrigins": ["a.example"]}, "spec.allowedOrigins[0]"),
        (
            "SignalingPool",
            {"environment": "Development", "trustedProxies": ["10.0.0.1"]},
            "spec.trustedProxies holds something that is no address range: write each as CIDR",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "SharedSecret"}},
            "spec.auth.secretName and spec.auth.type SharedSecret need each other",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Anonymous", "secretName": "jwt"}},
            "spec.auth.secretName and spec.auth.type SharedSecret need each other",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Jwks"}},
            "spec.auth.jwksUrl and spec.auth.type Jwks need each other",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Jwks", "jwksUrl": "i.example/keys"}},
            "spec.auth.jwksUrl",
        ),
        (
            "SignalingPool",
            {"environment": "Staging", "auth": {"type": "Anonymous", "audience": "calls"}},
            "spec.auth.issuer and spec.auth.audience are checked in JWTs",
        ),
        ("SignalingPool", {"environment": "Staging", "auth": {"type": "Password"}}, 'supported values: "Anonymous"'),
        (
            "SignalingPool",
            {"environment": "Staging", "service": {"nodePort": 30000}},
            "spec.service.nodePort needs spec.service.type NodePort: set the type, or remove nodePort",
        ),
        ("SignalingPool", {"environment": "Staging", "replica": 2}, "spec.replica"),
        ("TurnFleet", {"regions": []}, "spec.regions"),
        ("TurnFleet", {"regions": [REGION], "port": 49200}, "spec.port lies in spec.relayPorts: move one of them"),
        ("TurnFleet", {"regions": [REGION], "allowedPeers": ["10.0.0.1"]}, "write each as CIDR, such as 10.1.0.0/16"),
        (
            "TurnFleet",
            {"regions": [REGION], "relayPorts": {"min": 50000, "max": 49999}},
            "spec.relayPorts.min is above spec.relayPorts.max: swap them",
        ),
        ("RedisCluster", {"shards": 2}, "spec.shards"),
        ("RedisCluster", {"storage": {"size": "much"}}, "spec.storage.size is no size: write it like 1Gi"),
    ],
)
def test_a_wrong_spec_is_refused(api: ApiServer, kind: str, spec: dict[str, Any], message: str) -> None:
    assert message in Resource(api, "default", kind, "wrong").refused(**spec)


def test_a_name_that_is_too_long_is_refused(api: ApiServer) -> None:
    refusal = Resource(api, "default", "SignalingPool", "a" * 41).refused(environment="Development")
    assert "metadata.name names a Service too: use 1 to 40" in refusal


@pytest.mark.parametrize(
    "change",
    [{"shards": 4}, {"replicasPerShard": 0}, {"storage": {"size": "2Gi"}}, {"storage": {"storageClassName": "x"}}],
)
def test_what_cannot_be_changed_yet_is_refused(api: ApiServer, namespace: str, change: dict[str, Any]) -> None:
    cluster = Resource(api, namespace, "RedisCluster", "store")
    cluster.apply()
    assert "cannot be changed: make a new RedisCluster" in cluster.refused(**change)


def test_the_kinds_answer_to_their_short_names_and_category(api: ApiServer, namespace: str) -> None:
    Resource(api, namespace, "RedisCluster", "store").apply()
    Resource(api, namespace, "TurnFleet", "relays").apply(regions=[REGION])
    Resource(api, namespace, "SignalingPool", "calls").apply(environment="Staging", auth={"type": "Anonymous"})
    for short, name in (("sp", "calls"), ("tf", "relays"), ("rcl", "store")):
        assert name in api.kubectl("-n", namespace, "get", short)
    listed = api.kubectl("-n", namespace, "get", "switchboard")
    assert all(name in listed for name in ("calls", "relays", "store"))
