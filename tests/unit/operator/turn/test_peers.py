import pytest

from switchboard_operator.turn.peers import as_range, options


@pytest.mark.parametrize(
    ("cidr", "expected"),
    [
        ("10.0.0.0/8", "10.0.0.0-10.255.255.255"),
        ("10.1.2.3/16", "10.1.0.0-10.1.255.255"),
        ("192.0.2.1/32", "192.0.2.1-192.0.2.1"),
        ("fc00::/7", "fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_ranges_have_the_format_of_coturn(cidr: str, expected: str) -> None:
    assert as_range(cidr) == expected


def test_an_invalid_cidr_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        as_range("everywhere")


@pytest.mark.parametrize(
    "address_range",
    [
        "127.0.0.0-127.255.255.255",
        "169.254.0.0-169.254.255.255",  # where clouds keep credentials
        "192.168.0.0-192.168.255.255",
        as_range("::ffff:0:0/96"),  # IPv4 in the guise of IPv6
    ],
)
def test_private_networks_are_denied(address_range: str) -> None:
    assert f"denied-peer-ip={address_range}" in options([])


def test_only_allowed_ranges_are_allowed() -> None:
    assert not any(line.startswith("allowed") for line in options([]))
    assert "allowed-peer-ip=10.1.0.0-10.1.255.255" in options(["10.1.0.0/16"])
