"""The pages that may use the pool, and their CORS headers."""

import pytest

from switchboard_signaling.server.http.origins import PREFLIGHT, cors_headers, origin_allowed

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


HOST = "calls.example"
GRANT = {
    "Vary": "Origin",
    "Access-Control-Allow-Origin": "https://app.example",
    "Access-Control-Expose-Headers": "Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@pytest.mark.parametrize("path", ["/api/webrtc/config", "/api/webrtc/stats", "/api/missing", "/web/sdk/switchboard.js"])
@pytest.mark.parametrize(
    ("method", "granted"), [("GET", GRANT), ("HEAD", GRANT), ("POST", GRANT), ("OPTIONS", {**GRANT, **PREFLIGHT})]
)
def test_a_listed_origin_is_granted_what_pages_fetch(path: str, method: str, granted: dict[str, str]) -> None:
    assert cors_headers("https://app.example", HOST, LISTED, method, path) == granted


@pytest.mark.parametrize("path", ["/", "/ws", "/health", "/livez", "/web/app.js", "/web/sdk", "/apis", ""])
def test_what_other_pages_do_not_need_is_not_shared(path: str) -> None:
    assert cors_headers("https://app.example", HOST, frozenset({"*"}), "GET", path) == {}


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://evil.example", "https://app.example.evil.example", "https://app.example:444",
     "http://app.example", "http://[", "https://\udcff"],
)  # fmt: skip
def test_other_origins_are_granted_nothing_and_responses_vary_by_origin(origin: str | None, method: str) -> None:
    assert cors_headers(origin, HOST, LISTED, method, "/api/webrtc/config") == {"Vary": "Origin"}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://APP.example", LISTED),
        (f"https://{HOST}", LISTED),
        ("https://any.example", frozenset({"*"})),
        ("null", frozenset({"*"})),
    ],
)
def test_the_origin_itself_is_granted_where_it_may_open_a_socket(origin: str, allowed: frozenset[str]) -> None:
    assert origin_allowed(origin, HOST, allowed)
    assert cors_headers(origin, HOST, allowed, "GET", "/api/x")["Access-Control-Allow-Origin"] == origin


def test_an_origin_that_no_header_can_carry_is_granted_nothing() -> None:
    assert cors_headers("https://\udcff", HOST, frozenset({"*"}), "GET", "/api/x") == {"Vary": "Origin"}


def test_a_preflight_allows_the_header_that_tokens_travel_in() -> None:
    assert PREFLIGHT["Access-Control-Allow-Headers"] == "authorization"
    assert "GET" in PREFLIGHT["Access-Control-Allow-Methods"]
