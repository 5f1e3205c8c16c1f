"""What the server allows a browser's page: origins and response headers."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def origin_allowed(origin: str | None, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page of this origin may open a socket here (OWASP ASVS 4.4.2).

    Pages of this very host may, those on the list may, and so may clients without an origin, which are no browsers.
    """
    return origin is None or origin in allowed or urlsplit(origin).netloc.lower() == host.lower()


@web.middleware
async def secure_headers(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Add the security headers to every answer but an upgraded socket."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(HEADERS)
        raise
    if not response.prepared:
        response.headers.update(HEADERS)
    return response
