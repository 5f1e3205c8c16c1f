"""Names, addresses and paths of a cluster, all derived from a slot number and a checkout.

A *slot* (0 to 7) is one cluster's share of the machine: its interface names, address ranges and run folder. Clusters of
different checkouts use different slots, so they never conflict.
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
    """Return the folder outside any checkout that caches binaries and images."""
    if chosen := os.environ.get("SWITCHBOARD_CACHE"):
        return Path(chosen).resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "switchboard"


@dataclass(frozen=True)
class Node:
    """A node of a cluster: a network namespace with a containerd, a kubelet and a kube-proxy."""

    slot: Slot
    index: int
    """1 to MAX_NODES."""

    @property
    def name(self) -> str:
        """The node's name in Kubernetes."""
        return f"node-{self.index}"

    @property
    def netns(self) -> str:
        """The name of its network namespace."""
        return f"{self.slot.prefix}-{self.name}"

    @property
    def veth(self) -> str:
        """The other end of its link: a port of the slot's bridge."""
        return f"{self.slot.prefix}n{self.index}"

    @property
    def address(self) -> str:
        """Its IPv4 address."""
        return f"{self.slot.network}.{10 + self.index}"

    @property
    def pod_cidr(self) -> str:
        """The address range of its pods."""
        return f"10.{200 + 2 * self.slot.number}.{100 + self.index}.0/24"

    @property
    def region(self) -> str:
        """Its topology.kubernetes.io/region; its zone is `region + "a"`."""
        return f"region-{self.index}"

    @property
    def run_dir(self) -> Path:
        """The folder of its sockets and of containerd's volatile state."""
        return self.slot.run_dir / self.name

    @property
    def containerd_socket(self) -> Path:
        """The gRPC socket of its containerd."""
        return self.run_dir / "containerd.sock"

    @property
    def holder(self) -> str:
        """The unit that holds the node's mount and network namespaces."""
        return f"holder-{self.name}"

    @property
    def units(self) -> tuple[str, ...]:
        """The names of its long-running processes, in the order in which they start."""
        return (self.holder, *(f"{part}-{self.name}" for part in ("containerd", "kubelet", "kube-proxy")))


@dataclass(frozen=True)
class Slot:
    """One cluster's share of the machine."""

    number: int

    @property
    def prefix(self) -> str:
        """The prefix of the names of its links; followed by a hyphen, that of its namespaces."""
        return f"sb{self.number}"

    @property
    def network(self) -> str:
        """The first three numbers of the /24 that connects host, control plane, nodes and clients."""
        return f"10.{200 + 2 * self.number}.0"

    @property
    def cidr(self) -> str:
        """The address range of nodes and pods."""
        return f"10.{200 + 2 * self.number}.0.0/16"

    @property
    def service_cidr(self) -> str:
        """The address range of Services."""
        return f"10.{201 + 2 * self.number}.0.0/16"

    @property
    def api_service_address(self) -> str:
        """The address of the `kubernetes` Service: the first of the range, by Kubernetes' convention."""
        return f"10.{201 + 2 * self.number}.0.1"

    @property
    def dns_address(self) -> str:
        """The address of the cluster's DNS Service."""
        return f"10.{201 + 2 * self.number}.0.10"

    @property
    def host_address(self) -> str:
        """The host's address on the bridge."""
        return f"{self.network}.1"

    @property
    def control_plane_address(self) -> str:
        """The address of the API server, in a namespace of its own."""
        return f"{self.network}.2"

    @property
    def api_url(self) -> str:
        """The API server's URL."""
        return f"https://{self.control_plane_address}:{API_PORT}"

    @property
    def control_plane_netns(self) -> str:
        """The control plane's network namespace."""
        return f"{self.prefix}-cp"

    @property
    def control_plane_veth(self) -> str:
        """The other end of the control plane's link: a port of the slot's bridge."""
        return f"{self.prefix}cp"

    @property
    def control_plane_holder(self) -> str:
        """The unit that holds the control plane's mount and network namespaces."""
        return "holder-control-plane"

    @property
    def bridge_netns(self) -> str:
        """The network namespace of the bridge that connects host, control plane, nodes and clients."""
        return f"{self.prefix}-bridge"

    @property
    def host_port(self) -> str:
        """The bridge's end of the host's link; the host's end has the name of the bridge: `prefix`."""
        return f"{self.prefix}host"

    @property
    def run_dir(self) -> Path:
        """The folder of sockets and volatile state; short, since a socket's path has at most 107 bytes."""
        return RUN_ROOT / str(self.number)

    @property
    def cgroup(self) -> str:
        """The cgroup of all pods, in each hierarchy."""
        return f"switchboard/{self.number}"

    def nodes(self, count: int) -> list[Node]:
        """Return the first `count` nodes."""
        return [Node(self, index) for index in range(1, count + 1)]


@dataclass(frozen=True)
class Paths:
    """The folders and files of a checkout's cluster; `root` also identifies the cluster on the machine."""

    root: Path

    @classmethod
    def of_checkout(cls) -> Paths:
        """Return the paths of this package's checkout, or of $SWITCHBOARD_CLUSTER_HOME for an additional cluster."""
        home = os.environ.get("SWITCHBOARD_CLUSTER_HOME")
        return cls(Path(home).resolve() if home else checkout_root() / "build" / "cluster")

    @property
    def bin(self) -> Path:
        """The folder with links to the binaries: kubectl, helm and the components."""
        return self.root / "bin"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.root / "kubeconfig"

    @property
    def state(self) -> Path:
        """The file with the slot and the number of nodes of this checkout's cluster."""
        return self.root / "state.json"

    @property
    def data(self) -> Path:
        """The folder of a running cluster's data; `down` removes it."""
        return self.root / "data"

    @property
    def pki(self) -> Path:
        """The folder of certificates and keys."""
        return self.data / "pki"

    @property
    def logs(self) -> Path:
        """The folder of logs, one per unit; `down` keeps it, so that failures can still be analysed."""
        return self.root / "logs"

    def log(self, unit: str) -> Path:
        """Return the log of a unit."""
        return self.logs / f"{unit}.log"

    def node(self, node: Node) -> Path:
        """Return the data folder of a node."""
        return self.data / node.name
