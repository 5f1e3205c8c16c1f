"""Starts and stops a cluster, and injects failures into it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import (
    addons,
    api,
    build,
    cgroups,
    components,
    configs,
    files,
    images,
    inventory,
    layout,
    locks,
    network,
    pki,
    preflight,
    processes,
    slots,
)
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Node, Paths, Slot
from switchboard_cluster.processes import Unit
from switchboard_cluster.progress import Progress

START_TIMEOUT = 120.0
"""Seconds after which a start has failed; it takes about ten."""
ANSWER_TIMEOUT = 30.0
"""Seconds after which a running API server that does not answer counts as broken."""
POLL = 0.1
SYSTEM_IMAGES = ("pause", "coredns")


@dataclass(frozen=True)
class Running:
    """A cluster whose start was completed."""

    slot: Slot
    nodes: list[Node]

    def node(self, name: str) -> Node:
        """Return a node by name. Raises `ClusterError("no-such-node")`."""
        for node in self.nodes:
            if node.name == name:
                return node
        known = ", ".join(node.name for node in self.nodes)
        raise ClusterError("no-such-node", f"there is no node {name}", f"the nodes are: {known}")


def running(paths: Paths) -> Running | None:
    """Return this checkout's cluster if its start was completed; its processes may have died since.

    Raises `ClusterError("not-root")` if there is one and the user is not root, who alone can inspect it.
    """
    if not paths.state.exists():
        return None
    preflight.check_user()
    state = json.loads(paths.state.read_text())
    slot = Slot(state["slot"])
    if slots.of(paths.root) != slot:  # the machine was restarted: /run is empty
        return None
    return Running(slot, slot.nodes(state["nodes"]))


def need(paths: Paths) -> Running:
    """Return this checkout's cluster. Raises `ClusterError("no-cluster")`."""
    if (found := running(paths)) is None:
        raise ClusterError("no-cluster", "no cluster is running for this checkout", "switchboard-cluster up")
    return found


@contextmanager
def exclusive(paths: Paths, doing: str, progress: Progress) -> Iterator[None]:
    """Allow one command at a time to change this checkout's cluster."""
    with locks.hold(paths.root / "lock", doing, progress):
        yield


@contextmanager
def changing(paths: Paths, doing: str) -> Iterator[Running]:
    """Yield this checkout's cluster to one command at a time. Raises `ClusterError("no-cluster")`."""
    need(paths)
    with exclusive(paths, doing, Progress()):
        yield need(paths)


def up(paths: Paths, count: int, progress: Progress) -> bool:
    """Start a cluster of `count` nodes and wait until it is ready; return False if it was already running.

    Remains of a crash are removed first. Raises `ClusterError` with the log of the component that failed.
    """
    if not 1 <= count <= layout.MAX_NODES:
        raise ClusterError("bad-node-count", f"cannot start {count} nodes", f"--nodes must be 1 to {layout.MAX_NODES}")
    preflight.check_user()
    with exclusive(paths, "starts the cluster", progress):
        if (found := running(paths)) and _healthy(found, paths):
            if len(found.nodes) == count:
                return False
            raise ClusterError(
                "other-node-count",
                f"the cluster is running with {len(found.nodes)} nodes, not {count}",
                "switchboard-cluster down, then up again",
            )
        preflight.check(paths)
        build.ensure(paths, progress)
        built = images.ensure(SYSTEM_IMAGES, binaries=paths.bin, progress=progress)
        slot = slots.claim(paths.root)
        inventory.remove(slot, paths)
        _start(Running(slot, slot.nodes(count)), paths, built, progress)
    return True


def _healthy(found: Running, paths: Paths) -> bool:
    """Return whether the control plane is running and answers; a dead node does not require a new cluster.

    It waits, because a busy machine or a restarting API server does not require one either.
    """
    server, deadline = api.ApiServer(paths.kubeconfig), time.monotonic() + ANSWER_TIMEOUT
    while set(components.CONTROL_PLANE) <= set(processes.units(found.slot)):
        if server.ready():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    return False


def _start(cluster: Running, paths: Paths, built: dict[str, images.Built], progress: Progress) -> None:
    slot, nodes = cluster.slot, cluster.nodes
    shutil.rmtree(paths.logs, ignore_errors=True)
    progress.say(f"starting {len(nodes)} nodes in slot {slot.number} ({slot.cidr})")
    network.create(slot, nodes)
    holder, etcd, api_server, *controllers = components.control_plane(slot, paths)
    per_node = {node: components.node_units(node, paths) for node in nodes}
    starting = _Start(slot, paths)
    starting.hold([holder, *(units[0] for units in per_node.values())])
    starting.start(etcd)
    _write_files(cluster, paths, built["pause"].reference)
    for node in nodes:
        cgroups.create(f"{slot.cgroup}/{node.name}")
    # The API server retries a refused connection only after a second.
    starting.wait("etcd", lambda: starting.listens(etcd, components.ETCD_PORT), etcd.name)
    starting.start(api_server, *(units[1] for units in per_node.values()))
    with ThreadPoolExecutor(1) as background:
        loading = background.submit(_load, starting, list(built.values()), nodes)
        server = api.ApiServer(paths.kubeconfig)
        starting.wait("the API server", lambda: starting.listens(api_server, layout.API_PORT), api_server.name)
        network.check_host_path(slot)
        starting.wait("the API server", server.ready, api_server.name)
        progress.say("API server ready")
        starting.start(*controllers, *(unit for units in per_node.values() for unit in units[2:]))
        starting.wait("the first objects", lambda: _applied(server, slot, built["coredns"].reference), "kube-apiserver")
        loading.result()
    starting.wait(
        "the nodes", lambda: all(ready == "True" for ready in readiness(server, nodes).values()), "kubelet-node-1"
    )
    progress.say("nodes ready")
    starting.wait("DNS", lambda: _dns_ready(server), nodes[0].units[2])
    state = json.dumps({"slot": slot.number, "nodes": len(nodes)})
    files.write_atomically(paths.state, state, unfinished=paths.data / "state.unfinished")
    progress.say("DNS ready")


def _write_files(cluster: Running, paths: Paths, pause_image: str) -> None:
    authority = pki.Authority(paths.pki)
    authority.issue_signing_key("service-accounts")
    for identity in components.identities(cluster.slot, cluster.nodes):
        authority.issue(identity)
    for name in components.kubeconfigs(cluster.nodes):
        authority.kubeconfig(name, cluster.slot.api_url, paths.data / f"{name}.kubeconfig")
    authority.kubeconfig("admin", cluster.slot.api_url, paths.kubeconfig)
    texts = {paths.data / "audit-policy.yaml": json.dumps(configs.AUDIT_POLICY)}
    for node in cluster.nodes:
        texts |= configs.files(node, paths, pause_image)
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


class _Start:
    """A start in progress: starts units, and waits while checking that none of them dies."""

    def __init__(self, slot: Slot, paths: Paths) -> None:
        self._slot = slot
        self.paths = paths
        self._pids: dict[str, int] = {}
        self._deadline = time.monotonic() + START_TIMEOUT

    def start(self, *units: Unit) -> None:
        for unit in units:
            host = self._pids.get(unit.inside) if unit.inside else None
            self._pids[unit.name] = processes.start(self._slot, unit, self.paths.log(unit.name), host)

    def listens(self, unit: Unit, port: int) -> bool:
        return processes.listens(self._pids[unit.name], port)

    def hold(self, holders: list[Unit]) -> None:
        """Start units that hold namespaces, and wait until the namespaces are set up."""
        self.start(*holders)
        for unit in holders:
            self.wait(unit.name, lambda unit=unit: processes.is_sleeping(self._pids[unit.name]), unit.name)  # type: ignore[misc]

    def wait(self, what: str, ready: Callable[[], bool], unit: str) -> None:
        """Wait until `ready()`. Raises ClusterError with the log of `unit` on a timeout."""
        while not ready():
            self._check_alive()
            if time.monotonic() > self._deadline:
                raise ClusterError(
                    "start-timed-out",
                    f"{what} not ready after {START_TIMEOUT:g} s",
                    "read the log, then `switchboard-cluster down` and `up`",
                    self.paths.log(unit),
                )
            time.sleep(POLL)

    def _check_alive(self) -> None:
        for name, pid in tuple(self._pids.items()):  # another thread may start units meanwhile
            if not processes.alive(pid):
                raise ClusterError(
                    "unit-died",
                    f"{name} exited while the cluster was starting: {last_line(self.paths.log(name))}",
                    "read the log, then `switchboard-cluster down` and `up`",
                    self.paths.log(name),
                )


def last_line(log: Path) -> str:
    """Return the last line of a log, at most its last 300 characters."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return lines[-1][-300:] if lines else "its log is empty"


def _load(starting: _Start, built: list[images.Built], nodes: list[Node]) -> None:
    for node in nodes:
        starting.wait(node.units[1], lambda node=node: node.containerd_socket.exists(), node.units[1])  # type: ignore[misc]
    images.load(built, targets(starting.paths, nodes))


def targets(paths: Paths, nodes: list[Node]) -> list[tuple[Path, Path]]:
    """Return the arguments of `images.load` for each node: the path of `ctr` and the containerd socket."""
    return [(paths.bin / "ctr", node.containerd_socket) for node in nodes]


def _applied(server: api.ApiServer, slot: Slot, coredns_image: str) -> bool:
    """Apply the add-ons; return False while the API server is still creating its own objects."""
    try:
        for path, obj in addons.objects(slot, coredns_image):
            server.apply(path, obj)
    except ClusterError:
        return False
    return True


def readiness(server: api.ApiServer, nodes: list[Node]) -> dict[str, str]:
    """Return the Ready condition of each node; `Unknown` if it has not registered or the API server does not answer."""
    try:
        listed = server.list("/api/v1/nodes")
    except api.UnreachableError:
        listed = []
    found = {obj["metadata"]["name"]: api.condition(obj, "Ready") for obj in listed}
    return {node.name: found.get(node.name, "Unknown") for node in nodes}


def component_names(cluster: Running, paths: Paths) -> list[str]:
    """Return the names of all units of a cluster."""
    units = components.control_plane(cluster.slot, paths)
    return [unit.name for unit in units] + [name for node in cluster.nodes for name in node.units]


def alive_nodes(cluster: Running) -> list[Node]:
    """Return the nodes whose containerd is running."""
    units = processes.units(cluster.slot)
    return [node for node in cluster.nodes if node.units[1] in units]


def _dns_ready(server: api.ApiServer) -> bool:
    """Return whether one CoreDNS replica is ready, which is enough to start."""
    path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns/status"
    try:
        return bool(server.request("GET", path).get("status", {}).get("readyReplicas", 0))
    except api.UnreachableError:
        return False


def down(paths: Paths, progress: Progress) -> list[str]:
    """Remove this checkout's cluster and everything that it left; return what could not be removed."""
    preflight.check_user()
    with exclusive(paths, "removes the cluster", progress):
        slot = slots.of(paths.root)
        if slot is None:
            for path in (paths.kubeconfig, paths.state, paths.data):
                inventory.remove_folder(path)
            return []
        inventory.remove(slot, paths)
        slots.release(slot)
        return inventory.take(slot, paths).lines()


def kill_node(paths: Paths, name: str) -> None:
    """Kill a node like a power failure: disconnect its link and kill all of its processes."""
    with changing(paths, f"kills {name}") as cluster:
        node = cluster.node(name)
        network.set_node_link(node, up=False)
        processes.kill(lambda: processes.find_of_node(node))


def start_node(paths: Paths, name: str) -> None:
    """Start a node as after a power failure: its disk is kept, its memory is lost."""
    with changing(paths, f"starts {name}") as cluster:
        node = cluster.node(name)
        if not set(node.units) <= set(processes.units(cluster.slot)):
            _start_node(node, paths)
        network.set_node_link(node, up=True)


def _start_node(node: Node, paths: Paths) -> None:
    processes.kill(lambda: processes.find_of_node(node))
    cgroups.remove(f"{node.slot.cgroup}/{node.name}")
    cgroups.create(f"{node.slot.cgroup}/{node.name}")
    inventory.remove_folder(node.run_dir)
    units = components.node_units(node, paths)
    starting = _Start(node.slot, paths)
    starting.hold(units[:1])
    starting.start(*units[1:])


def partition(paths: Paths, names: list[str], *, cut: bool) -> None:
    """Disconnect nodes from the network (`cut`) or reconnect them; their processes keep running."""
    with changing(paths, "connects or disconnects nodes") as cluster:
        for node in [cluster.node(name) for name in names]:
            network.set_node_link(node, up=not cut)


def restart(paths: Paths, name: str) -> None:
    """Kill a component and start it again."""
    with changing(paths, f"restarts {name}") as cluster:
        units = {unit.name: unit for unit in components.control_plane(cluster.slot, paths)[1:]}
        for node in cluster.nodes:
            units |= {unit.name: unit for unit in components.node_units(node, paths)[1:]}
        if name not in units:
            raise ClusterError(
                "no-such-unit", f"there is no component {name}", f"the components are: {', '.join(units)}"
            )
        processes.kill(lambda: [found for found in processes.find(cluster.slot) if found.unit == name])
        processes.start(cluster.slot, units[name], paths.log(name))
