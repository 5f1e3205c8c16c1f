"""The commands that create a slot's network."""

import socket

import pytest

from switchboard_cluster import firewall, network
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Slot

SLOT = Slot(1)
NODES = SLOT.nodes(2)
HOST, NAMESPACES = network.commands(SLOT, NODES)
BRIDGE = NAMESPACES[SLOT.bridge_netns]
INSIDE = {netns: lines for netns, lines in NAMESPACES.items() if netns != SLOT.bridge_netns}


def test_the_host_is_connected_to_the_bridge_and_has_routes_to_all_pods() -> None:
    assert HOST[0] == "link add sb1 type veth peer name sb1host netns sb1-bridge"
    assert "link set sb1host master sb1 up" in BRIDGE
    assert "addr add 10.202.0.1/24 dev sb1" in HOST
    for node in NODES:
        assert f"route add {node.pod_cidr} via {node.address} dev sb1" in HOST


def test_the_bridge_is_in_a_namespace_without_the_hosts_forward_chain() -> None:
    assert "link add sb1 type bridge forward_delay 0" in BRIDGE
    assert [line for line in HOST if "type bridge" in line or "master" in line] == []


def test_the_bridges_namespace_routes_nothing() -> None:
    assert [line for line in BRIDGE if line.startswith(("addr", "route"))] == []


def test_each_link_ends_in_its_namespace_and_is_a_port_of_the_bridge() -> None:
    ends = {NODES[0].veth: NODES[0].netns, NODES[1].veth: NODES[1].netns, "sb1cp": SLOT.control_plane_netns}
    for veth, netns in ends.items():
        assert f"link add {veth} type veth peer name eth0 netns {netns}" in BRIDGE
        assert f"link set {veth} master sb1 up" in BRIDGE


def test_the_control_plane_and_each_node_has_a_namespace_with_its_address() -> None:
    assert set(INSIDE) == {SLOT.control_plane_netns, *(node.netns for node in NODES)}
    for node in NODES:
        assert f"addr add {node.address}/24 dev eth0" in INSIDE[node.netns]
    for lines in INSIDE.values():
        assert "route add default via 10.202.0.1" in lines


def test_pods_are_reached_through_their_node_from_everywhere_but_their_node() -> None:
    first, second = NODES
    lead_to_first = [
        netns for netns, lines in INSIDE.items() if f"route add {first.pod_cidr} via {first.address}" in lines
    ]
    assert set(lead_to_first) == {SLOT.control_plane_netns, second.netns}


@pytest.mark.parametrize("link", ["sb1", "sb1host", "sb1n1", "sb1cp", "sb1c-test"])
def test_links_of_a_slot_are_identified_by_their_name(link: str) -> None:
    assert network._is_ours(link, SLOT)


@pytest.mark.parametrize("link", ["", "lo", "eth0", "sb0", "sb10", "sb12n1", "xsb1"])
def test_other_links_do_not_belong_to_the_slot(link: str) -> None:
    assert not network._is_ours(link, SLOT)


@pytest.mark.parametrize(
    ("chains", "listed"), [(["nft inet vpn out: policy drop"], "nft inet vpn out: policy drop"), ([], "none found")]
)
def test_a_host_that_cannot_connect_gets_an_error_with_the_blocking_chains(
    monkeypatch: pytest.MonkeyPatch, chains: list[str], listed: str
) -> None:
    def refuse(address: tuple[str, int], timeout: float) -> None:
        assert address == ("10.202.0.2", 6443)
        assert timeout == network.CONNECT_TIMEOUT
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(firewall, "host_chains", lambda: chains)
    with pytest.raises(ClusterError, match=f"cannot connect to it .timed out.; .*: {listed}$") as caught:
        network.check_host_path(SLOT)
    assert caught.value.code == "network-blocked"
    assert "iptables -I OUTPUT -o sb1 -j ACCEPT" in caught.value.remedy
