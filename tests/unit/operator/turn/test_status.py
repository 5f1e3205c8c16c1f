from typing import Any

import pytest
from tests.unit.operator.examples import fleet, going, pod

from switchboard_operator.images import Images
from switchboard_operator.turn import status

FLEET = fleet(regions=[{"name": "north"}, {"name": "south", "replicas": 0}])


def server(name: str, *, ready: bool = True, **more: Any) -> Any:
    return pod(name, ready=ready, labels={"switchboard.dev/region": "north"}, podIP="198.51.100.7", **more)


def test_servers_are_the_running_pods_by_name() -> None:
    without_address = pod("c", labels={"switchboard.dev/region": "north"})
    found = status.servers(
        [server("b", ready=False), server("a"), without_address, going(server("d")), server("e", phase="Failed")]
    )
    assert [(one.name, one.region, one.address, one.healthy) for one in found] == [
        ("a", "north", "198.51.100.7", True),
        ("b", "north", "198.51.100.7", False),
    ]


def test_the_fields_count_servers() -> None:
    found = status.fields(FLEET, Images("turn:1", "turn:0"), status.servers([server("a"), server("b", ready=False)]))
    assert (found["desiredServers"], found["healthyServers"]) == (1, 1)
    assert (found["image"], found["defaultImage"]) == ("turn:1", "turn:0")
    assert found["servers"][0] == {"name": "a", "region": "north", "address": "198.51.100.7", "healthy": True}


UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes."}


@pytest.mark.parametrize(
    ("pods", "holds", "reason"),
    [
        ([server("a")], True, "Healthy"),
        ([], False, "Starting"),
        ([server("a", ready=False)], False, "Starting"),
        ([server("a", ready=False, conditions=[UNSCHEDULABLE])], False, "Unschedulable"),
    ],
)
def test_the_condition_for_relaying_servers(pods: list[Any], holds: bool, reason: str) -> None:
    fact = status.servers_healthy(FLEET, status.servers(pods), pods)
    assert (fact.holds, fact.reason) == (holds, reason)
    assert holds or fact.message.startswith("Region north: 0 of 1 server is healthy.")
