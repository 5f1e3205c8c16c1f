"""Which addresses a relay may reach. Pure.

A relay inside a network is a way into it: everything but public addresses is refused unless the fleet allows it. The
lists are IANA's special-purpose registries, as RFC 6890 and RFC 8190 set them up; coturn takes ranges, not CIDR.
"""

from collections.abc import Iterable
from ipaddress import ip_network
from typing import Final

_REFUSED: Final = (
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
    """Return a CIDR in coturn's form, `first-last`; host bits are ignored. Raises ValueError for no CIDR."""
    network = ip_network(cidr, strict=False)
    return f"{network[0]}-{network[-1]}"


def options(allowed: Iterable[str]) -> list[str]:
    """Return the lines of coturn's configuration; what is allowed beats what is refused."""
    return [
        *(f"denied-peer-ip={as_range(cidr)}" for cidr in _REFUSED),
        *(f"allowed-peer-ip={as_range(cidr)}" for cidr in allowed),
    ]
