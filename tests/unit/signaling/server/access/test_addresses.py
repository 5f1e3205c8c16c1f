"""The address of a client behind proxies, trusted and untrusted."""

from ipaddress import ip_network

import pytest

from switchboard_signaling.server.access.addresses import client_key

PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        # Nobody but a proxy of ours is believed.
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        # Whatever the client wrote stands to the left of what our proxies appended.
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["1.2.3.4", "203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        # A client that is a proxy itself, or one that a proxy did not name.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        # With ports, as some proxies write them.
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        # A subscriber has a whole /64.
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("::ffff:198.51.100.7", [], "198.51.100.7"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        (None, [], "unknown"),
        ("", ["203.0.113.9"], "unknown"),
    ],
)
def test_the_client_is_the_last_address_that_is_not_our_proxy(
    peer: str | None, forwarded: list[str], client: str
) -> None:
    assert client_key(peer, forwarded, PROXIES) == client


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert client_key("10.0.0.1", ["203.0.113.9"], []) == "10.0.0.1"
