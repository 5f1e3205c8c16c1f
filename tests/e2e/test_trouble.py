"""What only the operator can see is a condition that names the object and the remedy, and heals when it is mended."""

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
    """A namespace of the test's own, on a cluster with the operator."""
    return namespace


def pool(**spec: Any) -> Object:
    return {
        "apiVersion": names.API_VERSION,
        "kind": "SignalingPool",
        "metadata": {"name": "calls"},
        "spec": {"replicas": 1, "environment": "Development", **spec},
    }


def says(*words: str) -> Callable[[Object], bool]:
    """Return the condition that a resource is not Ready, for a reason that holds these words."""

    def holds(resource: Object) -> bool:
        conditions = resource.get("status", {}).get("conditions", [])
        not_ready = [one for one in conditions if one["type"] == "Ready" and one["status"] == "False"]
        return any(all(word in one["reason"] + " " + one["message"] for word in words) for one in not_ready)

    return holds


def test_an_image_that_cannot_be_pulled(room: Kubectl, switchboard: Quickstart) -> None:
    room.apply(pool(image="registry.invalid/signaling:none"))
    room.wait_for(
        "sp calls", says("ImagePull", f"Pod {room.namespace}/calls-", "Remedy"), "the image's trouble", timeout=120
    )
    good = switchboard.kubectl.json("get", "sp", quickstart.POOL)["status"]["image"]
    room.apply(pool(image=good))
    room.wait_for("sp calls", ready, "the pool ready with an image that is there", timeout=120)


def test_a_redis_cluster_that_does_not_exist_yet(room: Kubectl) -> None:
    room.apply(pool(redisRef={"name": "store"}))
    room.wait_for(
        "sp calls", says(f"RedisCluster {room.namespace}/store", "Remedy"), "the missing reference", timeout=60
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
    room.wait_for("tf relays", says("Unschedulable", "relays-turn-atlantis", "Remedy"), "no node", timeout=60)
    room.apply(fleet(region_without_turn(switchboard.kubectl)))
    room.wait_for("tf relays", ready, "the fleet ready", timeout=120)


def region_without_turn(kubectl: Kubectl) -> str:
    """Return a region whose node has its TURN ports free."""
    taken = {pod["spec"]["nodeName"] for pod in kubectl.json("get", "pods", f"--selector={TURN}")["items"]}
    nodes = kubectl.json("get", "nodes")["items"]
    return next(
        str(node["metadata"]["labels"][names.TOPOLOGY_REGION])
        for node in nodes
        if node["metadata"]["name"] not in taken
    )


def test_a_secret_deleted_by_hand_comes_back(room: Kubectl) -> None:
    room.apply(pool())
    room.wait_for("sp calls", ready, "the pool ready", timeout=120)
    before = room.json("get", "secret", "calls-signaling-key")["data"]
    room("delete", "secret", "calls-signaling-key")
    room.wait_for("secret calls-signaling-key", lambda secret: secret["data"] == before, "the same secret", timeout=60)


def test_an_invalid_resource_is_refused_by_field_and_remedy(room: Kubectl) -> None:
    refused = room.run("apply", "--filename=-", stdin=json.dumps(pool(replicas=2)))
    assert refused.returncode != 0
    assert "redisRef" in refused.stderr
    typo = room.run("apply", "--filename=-", "--server-side", stdin=json.dumps(pool(replica=2)))
    assert typo.returncode != 0
    assert "replica" in typo.stderr
