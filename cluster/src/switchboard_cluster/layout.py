"""Names, addresses and paths of a cluster, all derived from a slot number and a checkout. Pure.

A *slot* (0 to 7) is a cluster's share of the machine: interface names, address ranges and a run folder. Clusters of
different checkouts have different slots, so they never interfere.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

SLOTS = 8
MAX_NODES = 9
API_PORT = 6443
RUN_ROOT = Path("/run/switchboard-cluster")
MARKER = "SWITCHBOARD_CLUSTER"
UNIT_MARKER = "SWITCHBOARD_CLUSTER_UNIT"


def checkout_root() -> Path:
    """Return the folder of the checkout that this package is installed from."""
    return Path(__file__).resolve().parents[3]


def cache_root() -> Path:
    """Return the cache folder, outside any checkout, for binaries and images, which are expensive to build."""
    if chosen := os.environ.get("SWITCHBOARD_CACHE"):
        return Path(chosen).resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "switchboard"


@dataclass(frozen=True)
class Node:
    """A node of a cluster: a network namespace with containerd, kubelet and kube-proxy."""

    slot: Slot
    index: int
    """1 to MAX_NODES."""

    @property
    def name(self) -> str:
        """Name of the node in Kubernetes."""
        return f"node-{self.index}"

    @property
    def netns(self) -> str:
        """Name of its network namespace."""
        return f"{self.slot.prefix}-{self.name}"

    @property
    def veth(self) -> str:
        """The bridge's end of its veth pair."""
        return f"{self.slot.prefix}n{self.index}"

    @property
    def address(self) -> str:
        """IPv4 address."""
        return f"{self.slot.network}.{10 + self.index}"

    @property
    def pod_cidr(self) -> str:
        """Address range of its pods."""
        return f"10.{200 + 2 * self.slot.number}.{100 + self.index}.0/24"

    @property
    def region(self) -> str:
        """Label topology.kubernetes.io/region; the zone is `region + "a"`."""
        return f"region-{self.index}"

    @property
    def run_dir(self) -> Path:
        """Folder of sockets and containerd's volatile state."""
        return self.slot.run_dir / self.name

    @property
    def containerd_socket(self) -> Path:
        """Socket of containerd's gRPC API."""
        return self.run_dir / "containerd.sock"

    @property
    def holder(self) -> str:
        """Name of the unit that holds the node's mount and network namespaces."""
        return f"holder-{self.name}"

    @property
    def units(self) -> tuple[str, ...]:
        """Names of its units, in start order."""
        return (self.holder, *(f"{part}-{self.name}" for part in ("containerd", "kubelet", "kube-proxy")))


@dataclass(frozen=True)
class Slot:
    """A cluster's share of the machine."""

    number: int

    @property
    def prefix(self) -> str:
        """Prefix of the names of its links; names of namespaces start with it and a hyphen."""
        return f"sb{self.number}"

    @property
    def network(self) -> str:
        """First three numbers of the /24 network of host, control plane, nodes and clients."""
        return f"10.{200 + 2 * self.number}.0"

    @property
    def cidr(self) -> str:
        """Address range of nodes and pods."""
        return f"10.{200 + 2 * self.number}.0.0/16"

    @property
    def service_cidr(self) -> str:
        """Address range of Services."""
        return f"10.{201 + 2 * self.number}.0.0/16"

    @property
    def api_service_address(self) -> str:
        """Address of the Service `kubernetes`: the first of the range, by convention."""
        return f"10.{201 + 2 * self.number}.0.1"

    @property
    def dns_address(self) -> str:
        """Address of the cluster's DNS Service."""
        return f"10.{201 + 2 * self.number}.0.10"

    @property
    def host_address(self) -> str:
        """Address of the host on the bridge."""
        return f"{self.network}.1"

    @property
    def control_plane_address(self) -> str:
        """Address of the API server."""
        return f"{self.network}.2"

    @property
    def api_url(self) -> str:
        """URL of the API server."""
        return f"https://{self.control_plane_address}:{API_PORT}"

    @property
    def control_plane_netns(self) -> str:
        """Network namespace of the control plane."""
        return f"{self.prefix}-cp"

    @property
    def control_plane_veth(self) -> str:
        """The bridge's end of the control plane's veth pair."""
        return f"{self.prefix}cp"

    @property
    def control_plane_holder(self) -> str:
        """Name of the unit that holds the control plane's mount and network namespaces."""
        return "holder-control-plane"

    @property
    def bridge_netns(self) -> str:
        """Network namespace of the bridge between host, control plane, nodes and clients."""
        return f"{self.prefix}-bridge"

    @property
    def host_port(self) -> str:
        """The bridge's end of the host's veth pair; the host's end has the name of the bridge, `prefix`."""
        return f"{self.prefix}host"

    @property
    def run_dir(self) -> Path:
        """Folder of sockets and volatile state; short, because a socket's path has at most 107 bytes."""
        return RUN_ROOT / str(self.number)

    @property
    def cgroup(self) -> str:
        """Cgroup of all pods, in each hierarchy."""
        return f"switchboard/{self.number}"

    def nodes(self, count: int) -> list[Node]:
        """Return the first `count` nodes."""
        return [Node(self, index) for index in range(1, count + 1)]


@dataclass(frozen=True)
class Paths:
    """Folders and files of a checkout's cluster; the root also identifies the cluster on the machine."""

    root: Path

    @classmethod
    def of_checkout(cls) -> Paths:
        """Return the paths of this checkout's cluster, or of another one in $SWITCHBOARD_CLUSTER_HOME."""
        home = os.environ.get("SWITCHBOARD_CLUSTER_HOME")
        return cls(Path(home).resolve() if home else checkout_root() / "build" / "cluster")

    @property
    def bin(self) -> Path:
        """Folder of links to the binaries: kubectl, helm and the components."""
        return self.root / "bin"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator."""
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        """File with the cluster's slot and number of nodes."""
        return self.root / "state.json"

    @property
    def data(self) -> Path:
        """Folder of a running cluster's data; `down` removes it."""
        return self.root / "data"

    @property
    def pki(self) -> Path:
        """Folder of certificates and keys."""
        return self.data / "pki"

    @property
    def logs(self) -> Path:
        """Folder of logs, one per unit; `down` keeps it for diagnosis."""
        return self.root / "logs"

    def log(self, unit: str) -> Path:
        """Return the log of a unit."""
        return self.logs / f"{unit}.log"

    def node(self, node: Node) -> Path:
        """Return the data folder of a node."""
        return self.data / node.name
