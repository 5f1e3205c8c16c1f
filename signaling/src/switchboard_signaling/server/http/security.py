"""Security headers and CORS of all responses."""

from typing import Final

from aiohttp import web

from switchboard_signaling.server.http.origins import cors_headers

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
"""As the OWASP Secure Headers Project advises, for a page that loads from its own origin and is never framed."""
HSTS: Final = {"Strict-Transport-Security": "max-age=31536000"}


def secure(app: web.Application, *, https: bool, origins: frozenset[str]) -> None:
    """Add the security headers, and the CORS headers of the path, to every response including errors.

    `https`: browsers must use https; `origins`: other origins whose pages may use the pool.
    """
    headers = {**HEADERS, **HSTS} if https else HEADERS

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)
        origin = request.headers.get("Origin")
        response.headers.update(cors_headers(origin, request.host, origins, request.method, request.path))

    app.on_response_prepare.append(add)


def require_text_headers(request: web.Request) -> None:
    """Raise HTTPBadRequest for headers that are not UTF-8, which aiohttp quotes in errors about WebSocket handshakes.

    This is not a middleware, whose frame would stay in memory for each open socket.
    """
    try:
        "".join(request.headers.values()).encode()
    except UnicodeEncodeError:
        raise web.HTTPBadRequest(text="A header is not UTF-8. Remedy: send headers in UTF-8.\n") from None
