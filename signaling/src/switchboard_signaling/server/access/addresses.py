"""The address of a client behind proxies, reduced to the part that identifies one client. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def client_key(peer: str | None, forwarded: Sequence[str], proxies: Iterable[Network]) -> str:
    """Return the key that a client is counted by: its IPv4 address, or the /64 that an IPv6 subscriber gets.

    `forwarded` are the values of X-Forwarded-For in order. Each proxy appends the address of its peer, so the list is
    read from its end and trusted only as far as the addresses are those of our own proxies: the first other address is
    the client's. The client controls everything before it.
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
    """Return the address in a text with or without a port; IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2) as IPv4."""
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
