"""Who connects: the client's address behind proxies, and the part of it that stands for one client. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def client_key(peer: str | None, forwarded: Sequence[str], proxies: Iterable[Network]) -> str:
    """Return what a client is counted under: its IPv4 address, or the /64 that an IPv6 subscriber gets as a whole.

    `forwarded` are the values of X-Forwarded-For in their order. Each proxy appends whom it heard from, so the list is
    read from its end, and believed only as far as the addresses are those of our own proxies: the first other one is
    the client. What stands before it is whatever the client wrote.
    """
    client = _parse(peer or "")
    if client is None:
        return "unknown"
    trusted = tuple(proxies)
    hops = [hop for value in forwarded for hop in value.split(",")]
    while hops and any(client in network for network in trusted):
        hop = _parse(hops.pop())
        if hop is None:
            break
        client = hop
    if isinstance(client, IPv6Address):
        return str(ip_network((client, 64), strict=False))
    return str(client)


def _parse(text: str) -> Address | None:
    """Return an address, with or without a port; IPv4 in IPv6 (RFC 4291 section 2.5.5.2) as what it is."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
