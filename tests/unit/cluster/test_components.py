"""The command lines of the components."""

import ipaddress
from pathlib import Path

import pytest

from switchboard_cluster import components
from switchboard_cluster.layout import Paths, Slot
from switchboard_cluster.processes import Unit

SLOT = Slot(2)
NODES = SLOT.nodes(3)
PATHS = Paths(Path("/home/me/cluster"))


def flags(unit: Unit) -> dict[str, str]:
    """Return the unit's flags by name; a flag without a value has an empty one."""
    pairs = (str(argument).removeprefix("--").partition("=") for argument in unit.argv[1:])
    return {name: value for name, _, value in pairs}


@pytest.fixture
def control_plane() -> dict[str, Unit]:
    return {unit.name: unit for unit in components.control_plane(SLOT, PATHS)}


def test_the_control_plane_starts_with_its_holder_and_runs_inside_it(control_plane: dict[str, Unit]) -> None:
    holder, *others = control_plane.values()
    assert holder.name == SLOT.control_plane_holder
    assert holder.inside is None
    assert tuple(unit.name for unit in others) == components.CONTROL_PLANE
    assert {unit.inside for unit in others} == {holder.name}
    assert all(PATHS.bin / unit.name in unit.argv for unit in others)


def test_the_api_server_listens_at_the_address_of_its_clients(control_plane: dict[str, Unit]) -> None:
    found = flags(control_plane["kube-apiserver"])
    assert found["advertise-address"] == SLOT.control_plane_address
    assert found["service-cluster-ip-range"] == SLOT.service_cidr
    assert found["etcd-servers"] == flags(control_plane["etcd"])["listen-client-urls"] == components.ETCD_URL
    assert SLOT.api_url == f"https://{SLOT.control_plane_address}:{found['secure-port']}"


def test_etcd_and_the_controllers_listen_on_loopback_only(control_plane: dict[str, Unit]) -> None:
    assert all("127.0.0.1" in url for url in (components.ETCD_URL, components.ETCD_PEER_URL))
    for name in ("kube-controller-manager", "kube-scheduler"):
        assert flags(control_plane[name])["bind-address"] == "127.0.0.1"


def test_only_authorized_requests_are_served(control_plane: dict[str, Unit]) -> None:
    found = flags(control_plane["kube-apiserver"])
    assert found["authorization-mode"] == "Node,RBAC"
    assert found["enable-admission-plugins"] == "NodeRestriction"
    assert found["client-ca-file"] == f"{PATHS.pki}/ca.crt"


def test_pods_of_a_dead_node_move_within_40_seconds(control_plane: dict[str, Unit]) -> None:
    grace = flags(control_plane["kube-controller-manager"])["node-monitor-grace-period"]
    toleration = flags(control_plane["kube-apiserver"])["default-unreachable-toleration-seconds"]
    assert int(grace.removesuffix("s")) + int(toleration) < 40


def test_volumes_belong_to_the_user_of_our_images(control_plane: dict[str, Unit]) -> None:
    argv = [str(argument) for argument in control_plane["kube-controller-manager"].argv]
    assert argv[0] == "setpriv"
    assert {"--reuid=10001", "--regid=10001"} <= set(argv[: argv.index(str(PATHS.bin / "kube-controller-manager"))])


def test_no_secret_is_in_an_argument(control_plane: dict[str, Unit]) -> None:
    keys = [argument for unit in control_plane.values() for argument in unit.argv if "key" in str(argument)]
    assert keys
    assert all(str(PATHS.pki) in str(key) for key in keys), "keys are passed as files"


def test_a_node_runs_inside_its_holder() -> None:
    node = NODES[1]
    holder, *others = components.node_units(node, PATHS)
    assert [holder.name, *(unit.name for unit in others)] == list(node.units)
    assert {unit.inside for unit in others} == {holder.name}
    assert f"--net=/run/netns/{node.netns}" in holder.argv


def test_containerd_prefers_its_own_shim_to_the_machines() -> None:
    containerd = components.node_units(NODES[0], PATHS)[1]
    assert containerd.env["PATH"].split(":")[0] == str(PATHS.bin)


def test_a_kubelet_registers_its_node_with_region_and_zone() -> None:
    node = NODES[1]
    found = flags(components.node_units(node, PATHS)[2])
    assert found["hostname-override"] == node.name
    assert found["node-ip"] == node.address
    assert found["node-labels"] == (
        "topology.kubernetes.io/region=region-2,topology.kubernetes.io/zone=region-2a"
    )  # https://kubernetes.io/docs/reference/labels-annotations-taints/


def test_a_holder_hides_the_fixed_places_and_shares_the_volumes() -> None:
    argv = [str(argument) for argument in components.holder("h", "sb2-node-1", Path("/volumes")).argv]
    assert argv[argv.index("sh", argv.index("-c")) + 1 :] == [
        "/volumes",
        components.VOLUMES_PLACE,
        *components.PRIVATE_PLACES,
    ]


def test_each_component_has_an_identity_and_each_client_a_kubeconfig() -> None:
    identities = {identity.name: identity for identity in components.identities(SLOT, NODES)}
    assert set(components.kubeconfigs(NODES)) <= set(identities)
    for node in NODES:
        kubelet = identities[f"kubelet-{node.name}"]
        # https://kubernetes.io/docs/reference/access-authn-authz/node/
        assert (kubelet.common_name, kubelet.organization) == (f"system:node:{node.name}", "system:nodes")
        assert node.address in kubelet.hosts


def test_the_api_servers_certificate_contains_all_its_addresses() -> None:
    hosts = next(identity.hosts for identity in components.identities(SLOT, NODES) if identity.name == "apiserver")
    assert {SLOT.control_plane_address, SLOT.api_service_address, "kubernetes.default.svc"} <= set(hosts)
    first = next(ipaddress.ip_network(SLOT.service_cidr).hosts())
    assert str(first) in hosts, "the kubernetes Service has the first address of the range"
