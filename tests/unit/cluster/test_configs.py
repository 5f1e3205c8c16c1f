"""The configuration files of a node."""

import ipaddress
import json
import tomllib
from pathlib import Path

import pytest

from switchboard_cluster import configs
from switchboard_cluster.layout import Paths, Slot

PATHS = Paths(Path("/home/me/cluster"))
NODES = Slot(1).nodes(2)
NODE, OTHER = NODES


def test_a_node_has_one_file_per_component_in_its_own_folder() -> None:
    files = configs.files(NODE, PATHS, "pause:1")
    assert {file.name for file in files} == {
        "10-switchboard.conflist",
        "containerd.toml",
        "kubelet.yaml",
        "kube-proxy.yaml",
    }
    assert all(file.is_relative_to(PATHS.node(NODE)) for file in files)
    kubelet = json.loads(next(text for file, text in files.items() if file.name == "kubelet.yaml"))
    assert kubelet == configs.kubelet(NODE, PATHS)


def test_pods_get_addresses_of_their_nodes_range() -> None:
    ptp, portmap = configs.cni(NODE, PATHS)["plugins"]
    [[pool]] = ptp["ipam"]["ranges"]
    assert pool == {"subnet": NODE.pod_cidr}
    assert not ptp["ipMasq"], "pods reach each other by their own addresses"
    assert portmap["capabilities"] == {"portMappings": True}


def test_nodes_share_no_folder_and_no_socket() -> None:
    mine, others = (tomllib.loads(configs.containerd(node, PATHS, "pause:1")) for node in NODES)
    assert mine["grpc"]["address"] == str(NODE.containerd_socket)
    places = [
        (found["root"], found["state"], found["grpc"]["address"], found["ttrpc"]["address"]) for found in (mine, others)
    ]
    assert not set(places[0]) & set(places[1])
    assert configs.cni(NODE, PATHS)["plugins"][0]["ipam"]["dataDir"].startswith(str(PATHS.node(NODE)))


def test_containerd_uses_our_sandbox_and_our_network() -> None:
    plugins = tomllib.loads(configs.containerd(NODE, PATHS, "pause:1"))["plugins"]
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"] == {"sandbox": "pause:1"}
    cri = plugins["io.containerd.cri.v1.runtime"]
    assert cri["cni"] == {"bin_dirs": [str(PATHS.bin)], "conf_dir": f"{PATHS.node(NODE)}/cni"}
    assert cri["containerd"]["runtimes"]["runc"]["options"]["Root"].startswith(str(NODE.run_dir))


def test_the_kubelet_rejects_requests_without_a_certificate_or_token() -> None:
    config = configs.kubelet(NODE, PATHS)
    assert config["authentication"]["anonymous"] == {"enabled": False}
    assert config["authorization"] == {"mode": "Webhook"}
    assert config["address"] == NODE.address


def test_the_kubelet_keeps_its_pods_in_the_nodes_cgroup() -> None:
    assert configs.kubelet(NODE, PATHS)["cgroupRoot"] == "/switchboard/1/node-1"
    assert configs.kubelet(OTHER, PATHS)["cgroupRoot"] == "/switchboard/1/node-2"


def test_pods_use_the_clusters_dns() -> None:
    config = configs.kubelet(NODE, PATHS)
    [dns] = config["clusterDNS"]
    assert ipaddress.ip_address(dns) in ipaddress.ip_network(NODE.slot.service_cidr)
    assert config["clusterDomain"] == "cluster.local"


def test_kube_proxy_does_not_change_the_machines_conntrack_limits() -> None:
    config = configs.kube_proxy(NODE, PATHS)
    assert config["conntrack"] == {"maxPerCore": 0, "min": 0}
    assert config["hostnameOverride"] == NODE.name


@pytest.mark.parametrize("verb", ["get", "list", "watch"])
def test_reads_are_not_audited(verb: str) -> None:
    first, rest = configs.AUDIT_POLICY["rules"]
    assert verb in first["verbs"]  # type: ignore[index]
    assert rest == {"level": "Metadata"}
