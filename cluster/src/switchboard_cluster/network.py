"""The network of a slot: a bridge in the host, and a network namespace for the control plane and for each node.

The host is a neighbour of the nodes, not a router: nothing of the host's own settings (forwarding, firewall) is
touched, and all routes go away with the bridge. Pods reach each other through their nodes, and no other networks.
"""

from __future__ import annotations

import json

from switchboard_cluster.layout import Node, Slot
from switchboard_cluster.processes import NETNS
from switchboard_cluster.system import run

# Forwarding between pods and the bridge; loose reverse-path checks, since a NodePort's answer may leave by another way.
NODE_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/all/route_localnet": "1",
}


def commands(slot: Slot, nodes: list[Node]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the `ip` commands that make a slot's network: those of the host, and those of each namespace."""
    # An address of its own: otherwise the bridge takes the smallest of its ports', which changes as ports come and go,
    # and its neighbours lose the host until their ARP entries expire.
    host = [
        f"link add {slot.prefix} address 02:5b:00:00:00:{slot.number:02x} type bridge forward_delay 0",
        f"addr add {slot.host_address}/24 dev {slot.prefix}",
        f"link set {slot.prefix} up",
        *_attach(slot, slot.control_plane_netns, slot.control_plane_veth),
    ]
    inside = {slot.control_plane_netns: _interior(slot.control_plane_address, slot)}
    for node in nodes:
        host += _attach(slot, node.netns, node.veth)
        host.append(f"route add {node.pod_cidr} via {node.address} dev {slot.prefix}")
        inside[node.netns] = _interior(node.address, slot)
    for netns, lines in inside.items():
        lines += [f"route add {node.pod_cidr} via {node.address}" for node in nodes if node.netns != netns]
    return host, inside


def _attach(slot: Slot, netns: str, veth: str) -> list[str]:
    return [
        f"link add {veth} type veth peer name eth0 netns {netns}",
        f"link set {veth} master {slot.prefix} up",
    ]


def _interior(address: str, slot: Slot) -> list[str]:
    return [
        "link set lo up",
        f"addr add {address}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {slot.host_address}",
    ]


def create(slot: Slot, nodes: list[Node]) -> None:
    """Make the slot's network. Nothing of it may exist yet."""
    host, inside = commands(slot, nodes)
    run(["ip", "-batch", "-"], stdin="".join(f"netns add {name}\n" for name in inside))
    run(["ip", "-batch", "-"], stdin="\n".join(host) + "\n")
    for netns, lines in inside.items():
        run(["ip", "-netns", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")
    for node in nodes:
        settings = [f"{key.replace('/', '.')}={value}" for key, value in NODE_SETTINGS.items()]
        run(["sysctl", "-qw", *settings], netns=node.netns)


def namespaces(slot: Slot) -> list[str]:
    """Return the names of the slot's network namespaces, the clients' included."""
    return sorted(path.name for path in NETNS.glob(f"{slot.prefix}-*"))


def links(slot: Slot) -> list[str]:
    """Return the names of the slot's links in the host."""
    listed = json.loads(run(["ip", "-json", "link", "show"]).stdout or "[]")
    return sorted(link["ifname"] for link in listed if _is_ours(link["ifname"], slot))


def routes(slot: Slot) -> list[str]:
    """Return the host's routes that lead into the slot."""
    listed = json.loads(run(["ip", "-json", "-4", "route", "show"]).stdout or "[]")
    return sorted(route["dst"] for route in listed if _is_ours(route.get("dev", ""), slot))


def _is_ours(link: str, slot: Slot) -> bool:
    """Say whether a link is the slot's bridge or one of its ports: `sb0`, `sb0n1`, `sb0cp`, but not `sb01`."""
    rest = link.removeprefix(slot.prefix)
    return rest != link and not rest[:1].isdigit()


def remove(slot: Slot) -> None:
    """Remove the slot's namespaces and links, whatever of them exists."""
    for link in links(slot):
        run(["ip", "link", "delete", link], check=False)  # its other end may have taken it along
    for name in namespaces(slot):
        run(["ip", "netns", "delete", name], check=False)
        (NETNS / name).unlink(missing_ok=True)


def set_node_link(node: Node, *, up: bool) -> None:
    """Join a node to the network, or cut it off."""
    run(["ip", "link", "set", node.veth, "up" if up else "down"])


def node_link_is_up(node: Node) -> bool:
    """Say whether a node is joined to the network."""
    listed = json.loads(run(["ip", "-json", "link", "show", node.veth], check=False).stdout or "[]")
    return bool(listed) and "UP" in listed[0]["flags"]
