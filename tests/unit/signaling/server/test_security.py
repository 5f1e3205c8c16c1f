"""Which pages may open a socket."""

import pytest

from switchboard_signaling.server.security import origin_allowed

LISTED = frozenset({"https://app.example"})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://APP.example", True),
        ("http://app.example", False),
        ("https://app.example.evil.example", False),
        ("https://app.example:444", False),
        ("ftp://localhost:8080", False),
        ("http://[", False),
        ("", False),
        ("http://localhost:8080", True),
        ("http://LOCALHOST:8080", True),
        ("https://app.example", True),
        ("http://localhost:9090", False),
        ("https://evil.example", False),
        ("https://evil.example/localhost:8080", False),
        ("null", False),
    ],
)
def test_own_and_listed_pages_may_and_others_may_not(origin: str | None, allowed: bool) -> None:
    assert origin_allowed(origin, "localhost:8080", LISTED) is allowed


def test_a_star_lets_all_pages_in() -> None:
    assert origin_allowed("https://evil.example", "localhost:8080", frozenset({"*"}))
