"""Network of a slot: one network namespace each for the bridge, the control plane and every node.

The host is a neighbor of the nodes, not a router: its settings (forwarding, firewall) are not changed, and its routes
disappear with its link. Pods reach each other through their nodes, and no other networks.

The bridge has its own namespace because the kernel can pass bridged frames through the FORWARD chains of the bridge's
namespace (br_netfilter). On the host, Docker sets the policy of that chain to DROP, and firewalld and ufw add rejecting
rules; the bridge's namespace has no rules.
"""

from __future__ import annotations

import json
import socket

from switchboard_cluster import firewall
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import API_PORT, Node, Slot
from switchboard_cluster.processes import NETNS
from switchboard_cluster.system import run

# Forwarding between pods and the bridge; no reverse-path filter, because replies from a NodePort may take another path.
NODE_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/all/route_localnet": "1",
}
CONNECT_TIMEOUT = 5.0
"""Seconds to connect from the host to a port that is listening."""


def commands(slot: Slot, nodes: list[Node]) -> tuple[list[str], dict[str, list[str]]]:
    """Return the `ip` commands that create a slot's network: for the host, and for each namespace."""
    host = [
        f"link add {slot.prefix} type veth peer name {slot.host_port} netns {slot.bridge_netns}",
        f"addr add {slot.host_address}/24 dev {slot.prefix}",
        f"link set {slot.prefix} up",
    ]
    bridge = [
        f"link add {slot.prefix} type bridge forward_delay 0",
        f"link set {slot.prefix} up",
        f"link set {slot.host_port} master {slot.prefix} up",
        *attach(slot, slot.control_plane_netns, slot.control_plane_veth),
    ]
    inside = {slot.control_plane_netns: _interior(slot.control_plane_address, slot)}
    for node in nodes:
        host.append(f"route add {node.pod_cidr} via {node.address} dev {slot.prefix}")
        bridge += attach(slot, node.netns, node.veth)
        inside[node.netns] = _interior(node.address, slot)
    for netns, lines in inside.items():
        lines += [f"route add {node.pod_cidr} via {node.address}" for node in nodes if node.netns != netns]
    return host, {slot.bridge_netns: bridge} | inside


def attach(slot: Slot, netns: str, veth: str, device: str = "eth0") -> list[str]:
    """Return the `ip` commands that connect a new interface of a namespace to the bridge; run them in its namespace."""
    return [
        f"link add {veth} type veth peer name {device} netns {netns}",
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
    """Create the slot's network, of which nothing may exist yet."""
    host, inside = commands(slot, nodes)
    run(["ip", "-batch", "-"], stdin="".join(f"netns add {name}\n" for name in inside))
    run(["ip", "-batch", "-"], stdin="\n".join(host) + "\n")
    for netns, lines in inside.items():
        run(["ip", "-netns", netns, "-batch", "-"], stdin="\n".join(lines) + "\n")
    for node in nodes:
        settings = [f"{key.replace('/', '.')}={value}" for key, value in NODE_SETTINGS.items()]
        run(["sysctl", "-qw", *settings], netns=node.netns)


def namespaces(slot: Slot) -> list[str]:
    """Return the names of the slot's network namespaces, including those of clients."""
    return sorted(path.name for path in NETNS.glob(f"{slot.prefix}-*"))


def links(slot: Slot) -> list[str]:
    """Return the names of the slot's links on the host."""
    return _links(slot, None)


def ports(slot: Slot) -> list[str]:
    """Return the names of the slot's bridge and its ports; empty without a bridge."""
    return _links(slot, slot.bridge_netns) if slot.bridge_netns in namespaces(slot) else []


def _links(slot: Slot, netns: str | None) -> list[str]:
    listed = json.loads(run(["ip", "-json", "link", "show"], netns=netns).stdout or "[]")
    return sorted(link["ifname"] for link in listed if _is_ours(link["ifname"], slot))


def routes(slot: Slot) -> list[str]:
    """Return the host's routes to the slot."""
    listed = json.loads(run(["ip", "-json", "-4", "route", "show"]).stdout or "[]")
    return sorted(route["dst"] for route in listed if _is_ours(route.get("dev", ""), slot))


def _is_ours(link: str, slot: Slot) -> bool:
    """Return whether a link is the slot's bridge or one of its ports: `sb0`, `sb0n1`, `sb0cp`, but not `sb01`."""
    rest = link.removeprefix(slot.prefix)
    return rest != link and not rest[:1].isdigit()


def remove(slot: Slot) -> None:
    """Remove the slot's namespaces and links, if they exist."""
    for link in links(slot):
        run(["ip", "link", "delete", link], check=False)  # it may already be gone with its other end
    for name in namespaces(slot):
        run(["ip", "netns", "delete", name], check=False)
        (NETNS / name).unlink(missing_ok=True)


def set_node_link(node: Node, *, up: bool) -> None:
    """Connect a node to the network, or disconnect it."""
    run(["ip", "link", "set", node.veth, "up" if up else "down"], netns=node.slot.bridge_netns)


def node_link_is_up(node: Node) -> bool:
    """Return whether a node is connected to the network."""
    shown = run(["ip", "-json", "link", "show", node.veth], netns=node.slot.bridge_netns, check=False)
    listed = json.loads(shown.stdout or "[]")
    return bool(listed) and "UP" in listed[0]["flags"]


def check_host_path(slot: Slot) -> None:
    """Require that the host can connect to the listening API server.

    Raises `ClusterError("network-blocked")`, which names the chains of the host that may block the connection.
    """
    try:
        socket.create_connection((slot.control_plane_address, API_PORT), timeout=CONNECT_TIMEOUT).close()
    except OSError as error:
        chains = firewall.host_chains()
        raise ClusterError(
            "network-blocked",
            f"{slot.api_url} is listening, but this host cannot connect to it ({error}); "
            f"packet filters of this host that may block it: {', '.join(chains) or 'none found'}",
            f"allow the traffic of interface {slot.prefix} there, for example: "
            f"iptables -I OUTPUT -o {slot.prefix} -j ACCEPT; iptables -I INPUT -i {slot.prefix} -j ACCEPT; "
            "`nft list ruleset` (package nftables) shows all rules",
        ) from error
