from typing import Any

from switchboard_operator.kube.resources import NODE
from switchboard_operator.pools.nodes import Nodes


def node(name: str, *, unschedulable: bool = False, zone: str | None = None) -> Any:
    labels = {"topology.kubernetes.io/zone": zone} if zone else None
    return {"metadata": {"name": name, "labels": labels}, "spec": {"unschedulable": True} if unschedulable else {}}


def test_zones_and_cordoned_nodes_are_known() -> None:
    nodes = Nodes()
    nodes.put(NODE, node("a", zone="north"))
    nodes.put(NODE, node("b", unschedulable=True))
    assert nodes.zones == {"a": "north", "b": ""}
    assert nodes.unschedulable == {"b"}
    nodes.put(NODE, node("b"))
    assert nodes.unschedulable == set()
    assert nodes.names_of(NODE, None) == {("", "a"), ("", "b")}
    nodes.drop(NODE, "", "a", "2")
    assert nodes.zones == {"b": ""}
