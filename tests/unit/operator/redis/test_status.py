from typing import Any

import pytest
from tests.unit.operator.examples import cluster, going, pod

from switchboard_operator.images import Images
from switchboard_operator.redis import status
from switchboard_operator.redis.topology import Meet, NodeAddress, TopologyPlan

BROKEN = pod(
    "store-redis-0-0", containerStatuses=[{"name": "valkey", "state": {"waiting": {"reason": "ErrImagePull"}}}]
)


@pytest.mark.parametrize(
    ("plan", "failures", "holds", "reason", "message"),
    [
        (TopologyPlan(), [], True, "Formed", "All 16384 slots are served."),
        (TopologyPlan(waits_for="gossip"), [], False, "Forming", "gossip"),
        (
            TopologyPlan((Meet("a", "b:1"),)),
            [],
            False,
            "Forming",
            "Issued 1 CLUSTER command; waiting for it to take effect.",
        ),
        (TopologyPlan((Meet("a", "b:1"),), "one is missing"), [], False, "Forming", "one is missing"),
        (TopologyPlan(blocked="data in the way"), [], False, "Blocked", "data in the way"),
        (TopologyPlan((Meet("a", "b:1"),)), ["Pod a: refused"], False, "NodeFailed", "Pod a: refused"),
    ],
)
def test_the_condition_for_a_formed_cluster(
    plan: TopologyPlan, failures: list[str], holds: bool, reason: str, message: str
) -> None:
    fact = status.formed(plan, failures, 0)
    assert (fact.holds, fact.reason, fact.message) == (holds, reason, message)
    assert fact.in_progress is (reason == "Forming")


@pytest.mark.parametrize("plan", [TopologyPlan(waits_for="gossip"), TopologyPlan(blocked="data in the way")])
@pytest.mark.parametrize("failures", [[], ["Pod a: refused"]])
def test_the_status_contains_the_number_of_unserved_slots(plan: TopologyPlan, failures: list[str]) -> None:
    assert status.formed(plan, failures, 6554).message.startswith("6554 of 16384 slots are not served. ")


@pytest.mark.parametrize(
    ("pods", "holds", "reason"),
    [
        ([pod(f"n-{number}", ready=True) for number in range(6)], True, "Ready"),
        ([pod(f"n-{number}", ready=number > 0) for number in range(6)], False, "Starting"),
        ([BROKEN], False, "ImagePull"),
    ],
)
def test_the_condition_for_serving_nodes(pods: list[Any], holds: bool, reason: str) -> None:
    fact = status.nodes_ready(cluster(), pods)
    assert (fact.holds, fact.reason) == (holds, reason)


def test_the_status_contains_the_service_and_the_secret() -> None:
    found = status.fields(cluster(), Images("valkey:1", "valkey:0"), [pod(ready=True), pod()])
    assert found == {
        "image": "valkey:1",
        "defaultImage": "valkey:0",
        "desiredNodes": 6,
        "readyNodes": 1,
        "serviceName": "store-redis",
        "secretName": "store-redis-client",
    }


def test_nodes_have_the_addresses_of_their_pods() -> None:
    labels = {"switchboard.dev/shard": "2"}
    running = {**pod("store-redis-2-1", labels=labels, podIP="10.0.0.1"), "spec": {"nodeName": "a"}}
    starting = pod("store-redis-2-0", labels=labels)
    evicted = pod("store-redis-2-2", labels=labels, podIP="10.0.0.1", phase="Failed")
    found = list(status.places([running, starting, going(running), evicted]))
    assert found == [NodeAddress("store-redis-2-1", 2, 1, "10.0.0.1", machine="a")]
