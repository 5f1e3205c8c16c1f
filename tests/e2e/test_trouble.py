"""A resource with a problem has a condition with the object and the remedy, and recovers once the problem is fixed."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.e2e.kubectl import Kubectl, Object, ready
from tests.e2e.quickstart import Quickstart

from switchboard_cluster import quickstart
from switchboard_crds import names

TURN = f"{names.LABEL_NAME}={names.TURN}"
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def room(switchboard: Quickstart, namespace: Kubectl) -> Kubectl:
    """A namespace for one test on a cluster with the operator."""
    return namespace


def pool(**spec: Any) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "SignalingPool",
        "metadata": {"name": "calls"},
        "spec": {"replicas": 1, "environment": "Development", **spec},
    }


def not_ready(*words: str) -> Callable[[Object], bool]:
    """Return a condition for a resource that is not Ready, with these words in the reason or the message."""

    def holds(resource: Object) -> bool:
        conditions = resource.get("status", {}).get("conditions", [])
        unready = [one for one in conditions if one["type"] == "Ready" and one["status"] == "False"]
        return any(all(word in one["reason"] + " " + one["message"] for word in words) for one in unready)

    return holds


def test_an_image_that_cannot_be_pulled(room: Kubectl, switchboard: Quickstart) -> None:
    room.apply(pool(image="registry.invalid/signaling:none"))
    room.wait_for(
        "sp calls", not_ready("ImagePull", f"Pod {room.namespace}/calls-", "Remedy"), "the missing image", timeout=120
    )
    good = switchboard.kubectl.json("get", "sp", quickstart.POOL)["status"]["image"]
    room.apply(pool(image=good))
    room.wait_for("sp calls", ready, "the pool ready with an existing image", timeout=120)


def test_a_redis_cluster_that_does_not_exist_yet(room: Kubectl) -> None:
    room.apply(pool(redisRef={"name": "store"}))
    room.wait_for(
        "sp calls", not_ready(f"RedisCluster {room.namespace}/store", "Remedy"), "the missing reference", timeout=60
    )
    redis = {
        "apiVersion": names.API_VERSION,
        "kind": "RedisCluster",
        "metadata": {"name": "store"},
        "spec": {"replicasPerShard": 0, "storage": {"size": "1Gi", "deletionPolicy": "Delete"}},
    }
    room.apply(redis)
    room.wait_for("sp calls", ready, "the pool ready with its store", timeout=180)


def test_a_region_without_a_node(room: Kubectl, switchboard: Quickstart) -> None:
    def fleet(region: str) -> Object:
        return {
            "apiVersion": names.API_VERSION,
            "kind": "TurnFleet",
            "metadata": {"name": "relays"},
            "spec": {"regions": [{"name": region, "replicas": 1}]},
        }

    room.apply(fleet("atlantis"))
    room.wait_for("tf relays", not_ready("Unschedulable", "relays-turn-atlantis", "Remedy"), "no node", timeout=60)
    room.apply(fleet(region_without_turn(switchboard.kubectl)))
    room.wait_for("tf relays", ready, "the fleet ready", timeout=120)


def region_without_turn(kubectl: Kubectl) -> str:
    """Return a region whose node runs no TURN server."""
    used = {pod["spec"]["nodeName"] for pod in kubectl.json("get", "pods", f"--selector={TURN}")["items"]}
    nodes = kubectl.json("get", "nodes")["items"]
    return next(
        str(node["metadata"]["labels"][names.TOPOLOGY_REGION]) for node in nodes if node["metadata"]["name"] not in used
    )


def test_a_deleted_secret_is_restored(room: Kubectl) -> None:
    room.apply(pool())
    room.wait_for("sp calls", ready, "the pool ready", timeout=120)
    before = room.json("get", "secret", "calls-signaling-key")["data"]
    room("delete", "secret", "calls-signaling-key")
    room.wait_for("secret calls-signaling-key", lambda secret: secret["data"] == before, "the same secret", timeout=60)


def test_an_invalid_resource_is_refused_with_its_field(room: Kubectl) -> None:
    refused = room.run("apply", "--filename=-", stdin=json.dumps(pool(replicas=2)))
    assert refused.returncode != 0
    assert "redisRef" in refused.stderr
    typo = room.run("apply", "--filename=-", "--server-side", stdin=json.dumps(pool(replica=2)))
    assert typo.returncode != 0
    assert "replica" in typo.stderr
