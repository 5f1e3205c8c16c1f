"""What the server allows a browser's page: origins and response headers."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "Server": "switchboard",
    "X-Content-Type-Options": "nosniff",
}
"""As the OWASP Secure Headers Project advises, for a page that loads from here only and is in nobody's frame."""
HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}


def origin_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page of this origin may open a socket here (OWASP ASVS 4.4.2).

    Pages of this very host may, those on the list may, all may if it has `*`, and so may clients without an origin,
    which are no browsers.
    """
    if origin is None or "*" in allowed or origin.lower() in allowed:
        return True
    return _host_of(origin) == host.lower()


def _host_of(origin: str) -> str | None:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None  # not a browser's; such as http://[
    return parts.netloc.lower() if parts.scheme in ("http", "https") else None


def secure(app: web.Application, *, https: bool) -> None:
    """Have every answer carry the security headers, errors too; `https`: browsers are to come by https only."""
    headers = {**HEADERS, **HSTS} if https else HEADERS

    async def add(_request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    app.on_response_prepare.append(add)


def require_text_headers(request: web.Request) -> None:
    """Raise HTTPBadRequest for headers that are not UTF-8: aiohttp quotes them where a WebSocket's are wrong.

    A check in one place and no middleware, whose frames each open socket would keep.
    """
    try:
        "".join(request.headers.values()).encode()
    except UnicodeEncodeError:
        raise web.HTTPBadRequest(text="A header is not text. Remedy: send headers in UTF-8.\n") from None
