"""The web pages that may use the pool: the origin check of the socket, and CORS for the API and the SDK. Pure."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

SHARED: Final = ("/api/", "/web/sdk/")
"""Paths that pages of other origins use: the HTTP API and the SDK's modules."""
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "authorization",
    "Access-Control-Max-Age": "7200",
}
"""Grants of a preflight for two hours, the least of the browsers' maximums."""


def origin_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Return whether a page of this origin may use the pool (OWASP ASVS 4.4.2).

    Allowed are pages of this host, listed origins, any origin if the list has `*`, and clients without an origin, which
    are not browsers.
    """
    if origin is None or "*" in allowed or origin.lower() in allowed:
        return True
    return _host_of(origin) == host.lower()


def cors_headers(origin: str | None, host: str, allowed: frozenset[str], method: str, path: str) -> Mapping[str, str]:
    """Return the CORS headers of a response of any status (Fetch standard, section 3.3).

    `Vary` is always set, so that no cache serves one origin the response to another. Tokens travel in `Authorization`,
    so credentials mode is not needed. Requests without an origin, the only ones whose Cross-Origin-Resource-Policy
    browsers check, keep the default.
    """
    if not path.startswith(SHARED):
        return {}
    headers = {"Vary": "Origin"}
    # Browsers send ASCII (RFC 6454 section 6.2); anything else cannot be a header value.
    if not origin or not origin.isascii() or not origin_allowed(origin, host, allowed):
        return headers
    headers |= {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return headers | PREFLIGHT if method == "OPTIONS" else headers


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None  # no browser sends it; such as http://[
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None
