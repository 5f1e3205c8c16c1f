"""Peer addresses that a relay may reach. Pure.

A relay inside a private network is a way into it, so all addresses that are not public are denied unless the fleet
allows them. Source: IANA special-purpose address registries (RFC 6890, RFC 8190).
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final

_DENIED: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "::1/128",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "::ffff:0:0/96",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
)


def as_range(cidr: str) -> str:
    """Return a CIDR in coturn's format `first-last`, without its host bits. Raises ValueError for an invalid CIDR."""
    network = ip_network(cidr, strict=False)
    return f"{network[0]}-{network[-1]}"


def options(allowed: Iterable[str]) -> list[str]:
    """Return the lines of coturn's configuration; allowed ranges override denied ones."""
    return [
        *(f"denied-peer-ip={as_range(cidr)}" for cidr in _DENIED),
        *(f"allowed-peer-ip={as_range(cidr)}" for cidr in allowed),
    ]
