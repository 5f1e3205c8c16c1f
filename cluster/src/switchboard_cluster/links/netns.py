"""Client namespaces: network namespaces for programs such as a browser, with their own links to a cluster.

A client has one or more interfaces (for example wifi0 and cell0), each with an address on the slot's bridge, from which
it reaches nodes and pods. Packets to other addresses are dropped: nothing that a client sends leaves this machine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import NoReturn

from switchboard_cluster import network, processes
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Node, Slot
from switchboard_cluster.links import control
from switchboard_cluster.links.model import Link
from switchboard_cluster.system import in_netns, run

MAX_CLIENT_LINKS = 200
DEFAULT_INTERFACES = ("eth0",)

# Each interface announces and answers only for its own address, although all are on the same bridge; replies may arrive
# on an interface other than the one that the kernel would send on.
SETTINGS = (
    "net.ipv4.conf.all.arp_announce=2",
    "net.ipv4.conf.all.arp_ignore=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv6.conf.all.disable_ipv6=1",
)


@dataclass(frozen=True)
class Interface:
    """An interface of a client. `number` is 1 to MAX_CLIENT_LINKS and unique within a slot."""

    slot: Slot
    device: str
    number: int

    @property
    def host_device(self) -> str:
        """The bridge's end of its veth pair."""
        return f"{self.slot.prefix}c{self.number}"

    @property
    def address(self) -> str:
        """IPv4 address."""
        return f"{self.slot.network}.{50 + self.number}"


@dataclass(frozen=True)
class ClientNamespace:
    """A client namespace, with its interfaces in order of preference."""

    name: str
    netns: str
    interfaces: tuple[Interface, ...]

    def as_dict(self) -> dict[str, object]:
        """Return the namespace in the format of `-o json`."""
        addresses = {interface.device: interface.address for interface in self.interfaces}
        return {"name": self.name, "namespace": self.netns, "interfaces": addresses}


def interface_commands(interface: Interface, nodes: list[Node]) -> list[str]:
    """Return the idempotent `ip` commands that configure an interface of a client and bring it up.

    Each interface has its own routing table for packets from its address, so that programs can use interfaces other
    than the preferred one. Lower numbers are preferred.
    """
    device, network_cidr = interface.device, f"{interface.slot.network}.0/24"
    lines = [f"addr replace {interface.address}/24 dev {device} noprefixroute", f"link set {device} up"]
    for table in (f"metric {interface.number}", f"table {interface.number}"):
        lines.append(f"route replace {network_cidr} dev {device} src {interface.address} {table}")
        lines += [f"route replace {node.pod_cidr} via {node.address} dev {device} {table}" for node in nodes]
        # Browsers find their address by the route to a public one, so there is a default route, which leads nowhere.
        lines.append(f"route replace default dev {device} src {interface.address} {table}")
    return lines


def client_netns_add(slot: Slot, name: str, devices: tuple[str, ...] = DEFAULT_INTERFACES) -> ClientNamespace:
    """Create a client namespace with these interfaces, or complete an existing one.

    Raises `ClusterError`: `bad-client` for an invalid name, `no-cluster` without the slot's bridge, `no-address` if all
    addresses are taken.
    """
    netns = _netns(slot, name)
    if not devices or any(not re.fullmatch(r"(?!lo$)[a-z][a-z0-9]{0,14}", device) for device in devices):
        raise ClusterError(
            "bad-client", f"invalid interface names: {', '.join(devices) or 'none'}", "write them like wifi0 or cell0"
        )
    if slot.prefix not in network.ports(slot):
        raise ClusterError("no-cluster", f"there is no bridge {slot.prefix}", "switchboard-cluster up")
    with control.lock(slot):
        if netns not in network.namespaces(slot):
            run(["ip", "netns", "add", netns])
        run(["sysctl", "-qw", *SETTINGS], netns=netns)
        there = {link.device for link in control.all_links(slot) if link.netns == netns}
        for device in devices:
            if device not in there:
                _make_link(slot, netns, device)
        client = _client(slot, netns)
        rules = {rule.get("src") for rule in json.loads(run(["ip", "-json", "rule", "show"], netns=netns).stdout)}
        lines = ["link set lo up"]
        for interface in client.interfaces:
            lines += interface_commands(interface, _nodes(slot))
            if interface.address not in rules:
                lines.append(f"rule add from {interface.address} table {interface.number}")
        _batch(netns, lines)
    return client


def client_netns_remove(slot: Slot, name: str) -> None:
    """Remove a client namespace with its links and processes, if it exists."""
    netns = _netns(slot, name)
    if netns not in network.namespaces(slot):
        return
    for interface in _client(slot, netns).interfaces:
        control.clear_link(slot, f"client-{name}:{interface.device}")
        run(["ip", "link", "delete", interface.host_device], netns=slot.bridge_netns)
    processes.kill(lambda: _inside(netns))
    run(["ip", "netns", "delete", netns])


def client_netns_list(slot: Slot) -> list[ClientNamespace]:
    """Return the client namespaces of a slot, sorted by name."""
    return [_client(slot, netns) for netns in network.namespaces(slot) if netns.startswith(f"{slot.prefix}-client-")]


def client_netns_command(slot: Slot, name: str, argv: list[str]) -> list[str]:
    """Return `argv` wrapped to run in a client namespace. Raises `ClusterError("unknown-client")`."""
    netns = _netns(slot, name)
    if netns not in network.namespaces(slot):
        raise ClusterError(
            "unknown-client", f"there is no client {name}", f"switchboard-cluster client-netns add {name}"
        )
    return in_netns(netns, argv)


def client_netns_exec(slot: Slot, name: str, argv: list[str]) -> NoReturn:
    """Replace this process with `argv` in a client namespace, with its terminal, signals and exit status.

    Raises `ClusterError`: `unknown-client`, `missing-program`.
    """
    full = client_netns_command(slot, name, argv)
    try:
        os.execvp(full[0], full)  # noqa: S606 - an argument list, without a shell
    except FileNotFoundError as missing:
        raise ClusterError("missing-program", f"{full[0]} is not installed", "apt-get install util-linux") from missing


def client_netns_wrapper(slot: Slot, name: str, program: Path, folder: Path) -> Path:
    """Write a script that runs `program` in a client namespace, and return its path.

    It passes on arguments and open files, so it can be Playwright's `executable_path` of a browser.
    """
    command = client_netns_command(slot, name, [str(program)])
    script = folder / f"{_netns(slot, name)}-{program.name}"
    folder.mkdir(parents=True, exist_ok=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o755)
    return script


def client_netns_link(slot: Slot, name: str, device: str, *, up: bool) -> None:
    """Bring an interface of a client down or up, which the client sees as a network change."""
    link = control.find_link(slot, f"client-{name}:{device}")
    if up:
        _batch(link.netns, interface_commands(_interface(slot, link), _nodes(slot)))
    else:
        run(["ip", "link", "set", device, "down"], netns=link.netns)


def _netns(slot: Slot, name: str) -> str:
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?", name):
        raise ClusterError(
            "bad-client", f"`{name}` is not a valid client name", "use up to 32 lower-case letters, digits and hyphens"
        )
    return f"{slot.prefix}-client-{name}"


def _make_link(slot: Slot, netns: str, device: str) -> None:
    taken = set(network.ports(slot))
    free = (interface for number in count(1) if (interface := Interface(slot, device, number)).host_device not in taken)
    interface = next(free)
    if interface.number > MAX_CLIENT_LINKS:
        raise ClusterError(
            "no-address",
            f"all {MAX_CLIENT_LINKS} client addresses are taken",
            "switchboard-cluster client-netns remove",
        )
    _batch(slot.bridge_netns, network.attach(slot, netns, interface.host_device, device))


def _client(slot: Slot, netns: str) -> ClientNamespace:
    found = [_interface(slot, link) for link in control.all_links(slot) if link.netns == netns]
    ordered = tuple(sorted(found, key=lambda interface: interface.number))
    return ClientNamespace(netns.removeprefix(f"{slot.prefix}-client-"), netns, ordered)


def _interface(slot: Slot, link: Link) -> Interface:
    return Interface(slot, link.device, int(link.host_device.removeprefix(f"{slot.prefix}c")))


def _nodes(slot: Slot) -> list[Node]:
    found = (re.fullmatch(rf"{slot.prefix}-node-(\d+)", netns) for netns in network.namespaces(slot))
    return [Node(slot, int(node[1])) for node in found if node]


def _inside(netns: str) -> list[processes.Found]:
    listed = run(["ip", "netns", "pids", netns]).stdout.split()
    return [processes.Found(int(pid), "", f"in {netns}") for pid in listed]


def _batch(netns: str, lines: list[str]) -> None:
    run(["ip", "-batch", "-"], netns=netns, stdin="\n".join(lines) + "\n")
