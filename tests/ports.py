"""Free ports for the servers that tests start."""

import secrets
import socket

FIRST, LAST = 10_000, 32_000
"""Below the ports that the system gives to connections: such a port could be taken before its server starts."""
LOOPBACK = "127.0.0.1"
_given: set[tuple[str, int]] = set()


def free_port(address: str = LOOPBACK, offsets: tuple[int, ...] = (0,)) -> int:
    """Return a port that nobody uses, and which no other call of this process returns.

    Args:
        address: The address to listen on.
        offsets: Distances from the port at which ports must be free too.
    """
    while True:
        port = FIRST + secrets.randbelow(LAST - FIRST - max(offsets))
        wanted = {(address, port + offset) for offset in offsets}
        if not wanted & _given and all(map(_is_free, wanted)):
            _given.update(wanted)
            return port


def free_ports(count: int) -> list[int]:
    """Return that many free ports of the loopback address."""
    return [free_port() for _ in range(count)]


def _is_free(place: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(place)
        except OSError:
            return False
    return True
