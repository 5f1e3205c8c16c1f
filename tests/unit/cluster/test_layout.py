"""Names, addresses and paths of a slot."""

import ipaddress
from itertools import combinations
from pathlib import Path

import pytest

from switchboard_cluster import layout
from switchboard_cluster.layout import Paths, Slot

SLOTS = [Slot(number) for number in range(layout.SLOTS)]


def test_no_two_slots_share_an_address() -> None:
    ranges = [(slot, ipaddress.ip_network(cidr)) for slot in SLOTS for cidr in (slot.cidr, slot.service_cidr)]
    for (one, its), (other, others) in combinations(ranges, 2):
        assert not its.overlaps(others), f"{one} {its} meets {other} {others}"


@pytest.mark.parametrize("slot", SLOTS)
def test_every_address_of_a_slot_is_in_its_ranges(slot: Slot) -> None:
    nodes, services = ipaddress.ip_network(slot.cidr), ipaddress.ip_network(slot.service_cidr)
    own = [slot.host_address, slot.control_plane_address, *(node.address for node in slot.nodes(layout.MAX_NODES))]
    assert all(ipaddress.ip_address(address) in nodes for address in own)
    assert len(set(own)) == len(own)
    assert all(ipaddress.ip_network(node.pod_cidr).subnet_of(nodes) for node in slot.nodes(layout.MAX_NODES))
    assert all(ipaddress.ip_address(address) in services for address in (slot.api_service_address, slot.dns_address))
    assert slot.api_url == f"https://{slot.control_plane_address}:6443"


@pytest.mark.parametrize("slot", SLOTS)
def test_names_of_links_fit_into_the_kernels_15_characters(slot: Slot) -> None:
    names = [
        slot.prefix,
        slot.host_port,
        slot.control_plane_veth,
        *(node.veth for node in slot.nodes(layout.MAX_NODES)),
    ]
    assert all(name.startswith(slot.prefix) and len(name) <= 15 for name in names)


def test_namespaces_of_a_slot_are_found_by_its_prefix() -> None:
    for slot in SLOTS:
        node = slot.nodes(1)[0]
        assert node.netns == f"{slot.prefix}-node-1"
        assert slot.control_plane_netns.startswith(f"{slot.prefix}-")
        assert slot.bridge_netns.startswith(f"{slot.prefix}-")
        assert node.holder == "holder-node-1"
        assert slot.control_plane_holder == "holder-control-plane"


def test_paths_of_sockets_fit_into_a_socket_address() -> None:
    node = SLOTS[-1].nodes(layout.MAX_NODES)[-1]
    assert len(f"{node.containerd_socket}.ttrpc") <= 107


def test_a_node_has_its_units_and_region() -> None:
    node = Slot(3).nodes(2)[1]
    assert (node.name, node.region, node.veth) == ("node-2", "region-2", "sb3n2")
    assert node.units == ("holder-node-2", "containerd-node-2", "kubelet-node-2", "kube-proxy-node-2")
    assert Slot(3).cgroup == "switchboard/3"


def test_all_paths_of_a_cluster_are_below_its_root(tmp_path: Path) -> None:
    paths, node = Paths(tmp_path), Slot(0).nodes(1)[0]
    places = [paths.bin, paths.kubeconfig, paths.state, paths.data, paths.pki, paths.log("etcd"), paths.node(node)]
    assert all(place.is_relative_to(tmp_path) for place in places)
    assert paths.pki.is_relative_to(paths.data)
    assert not paths.logs.is_relative_to(paths.data), "logs outlive the cluster"


def test_a_checkout_has_its_cluster_in_its_build_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SWITCHBOARD_CLUSTER_HOME", raising=False)
    assert Paths.of_checkout().root == layout.checkout_root() / "build" / "cluster"
    assert (layout.checkout_root() / "cluster" / "go").is_dir()


def test_a_second_cluster_has_a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SWITCHBOARD_CLUSTER_HOME", str(tmp_path))
    assert Paths.of_checkout().root == tmp_path


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"SWITCHBOARD_CACHE": "/a"}, "/a"),
        ({"SWITCHBOARD_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/switchboard"),
        ({}, "/home/me/.cache/switchboard"),
    ],
)
def test_the_environment_selects_the_cache(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("SWITCHBOARD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert layout.cache_root() == Path(expected)
