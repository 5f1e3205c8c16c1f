"""The public HTTP application: the socket, the API and the call page."""

import time
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Annotated, Final, Literal

from aiohttp import web
from msgspec import Meta, Struct

from switchboard_crds.signaling_pool import Environment
from switchboard_signaling.analytics.totals import Count, PoolStats
from switchboard_signaling.server.http.files import Files
from switchboard_signaling.server.http.operations import (
    HttpAnswer,
    HttpError,
    Operation,
    answer_json,
    decode,
    error,
    routes,
    text,
)
from switchboard_signaling.server.http.origins import origin_allowed
from switchboard_signaling.server.http.security import require_text_headers, secure
from switchboard_signaling.server.pod import POD, SignalingPod
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.sockets.inline import make_socket
from switchboard_signaling.session.core import Session
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES
from switchboard_signaling.wire.messages import IceServer, Timeouts
from switchboard_signaling.wire.tokens import SessionClaims

WEB: Final = Path(__file__).parents[2] / "web"
FILES: Final = web.AppKey("files", Files)
FOREIGN: Final = (
    "Pages of this origin must not use the pool. Remedy: add the origin to spec.allowedOrigins of the pool"
    " (SWITCHBOARD_ALLOWED_ORIGINS).\n"
)
TOO_MANY: Final = "This address opened too many connections, or presented forged tokens"
WAIT: Final = "Wait as long as Retry-After says."


class IceConfig(Struct, frozen=True, rename="camel"):
    """What a client needs for its RTCPeerConnection, and the pool's limits."""

    ice_servers: Annotated[
        list[IceServer], Meta(description="STUN and TURN servers with credentials, for `RTCConfiguration.iceServers`.")
    ]
    ttl_ms: Annotated[Count, Meta(description="How long the credentials are valid, in milliseconds.")]
    subprotocol: Annotated[Literal["switchboard.v1"], Meta(description="WebSocket subprotocol to request at /ws.")]
    max_frame_bytes: Annotated[int, Meta(ge=1, description="Maximum size of a frame, in bytes of UTF-8.")]
    max_reconnect_attempts: Annotated[
        Count,
        Meta(
            description="Failed connection attempts after which a client gives up, but not before the resume window"
            " has passed."
        ),
    ]
    timeouts: Annotated[Timeouts, Meta(description="The client's timeouts, as in the frame `welcome`.")]


class PodHealth(Struct, frozen=True, rename="camel"):
    """A pod, and whether it accepts clients."""

    status: Annotated[Literal["ok", "stopping"], Meta(description="`stopping` while the pod drains before its exit.")]
    pool: Annotated[str, Meta(description="Namespace and name of the pool.")]
    pod: Annotated[str, Meta(description="Name of the pod and a suffix that changes with each start.")]
    sessions_durable: Annotated[bool, Meta(description="Whether sessions survive the pod, in a shared store.")]
    active_sessions: Annotated[
        Count, Meta(description="Sessions attached to this pod, and sessions that can still be resumed on it.")
    ]


class FilePath(Struct, frozen=True):
    """Path parameters of a file."""

    name: Annotated[str, Meta(description="Path of the file, such as `sdk/switchboard.js`.")]


class SdkFilePath(Struct, frozen=True):
    """Path parameters of a file of one version of the browser SDK."""

    version: Annotated[str, Meta(description="Version of the SDK; a pool serves its own version only.")]
    name: Annotated[str, Meta(description="Name of the file, such as `index.js`.")]


def public_app(pod: SignalingPod) -> web.Application:
    """Return the application for the port `http`."""
    app = web.Application()
    settings = pod.settings
    secure(app, https=settings.environment is Environment.PRODUCTION, origins=settings.allowed_origins)
    app[POD] = pod
    app[FILES] = Files(WEB, version("switchboard-signaling"))
    app.add_routes(routes(PUBLIC))
    return app


async def page(request: web.Request) -> web.Response:
    """Return the call page."""
    return request.app[FILES].answer(request, "index.html")


async def file(request: web.Request) -> web.Response:
    """Return a file of the call page or of the browser SDK.

    Files under `sdk/` carry CORS headers for the pool's allowedOrigins.
    """
    return request.app[FILES].answer(request, decode(FilePath, request.match_info).name)


async def sdk_file(request: web.Request) -> web.Response:
    """Return a file of the browser SDK in a fixed version, for caches to keep for a year.

    The files carry CORS headers for the pool's allowedOrigins.
    """
    path = decode(SdkFilePath, request.match_info)
    return request.app[FILES].answer_version(request, path.version, path.name)


async def preflight(request: web.Request) -> web.Response:
    """Answer a CORS preflight; the headers grant what the page's origin may do."""
    if not _own(request):
        raise web.HTTPForbidden(text=FOREIGN)
    return web.Response(status=204)


async def socket(request: web.Request) -> web.StreamResponse:
    """Open a WebSocket with the subprotocol `switchboard.v1`.

    asyncapi.yaml describes its frames. A page of another origin gets a socket that is closed with `origin-refused` at
    once, because pages cannot read the status of a refused handshake.
    """
    pod = request.app[POD]
    require_text_headers(request)
    # A little above the protocol's limit, so that a slightly longer frame gets a coded error.
    response = make_socket(messages.SUBPROTOCOL, MAX_FRAME_BYTES + 1024, close_seconds=2.0)
    own = _own(request)
    if not response.can_prepare(request).ok:
        if not own:
            raise web.HTTPForbidden(text=FOREIGN)
        raise web.HTTPUpgradeRequired(
            headers={"Upgrade": "websocket"}, text=f"Connect with a WebSocket, subprotocol {messages.SUBPROTOCOL}.\n"
        )
    client = pod.limiter.client_address(request)
    if wait := client.wait():
        headers = {"Retry-After": str(ceil(wait))}
        raise web.HTTPTooManyRequests(headers=headers, text=f"{TOO_MANY}. Remedy: {WAIT}\n")
    try:
        await response.prepare(request)
    except ConnectionResetError:
        return web.Response()  # the client is gone; a socket that was never open cannot be closed
    response.headers.clear()  # already sent; they would occupy a kilobyte for as long as the socket is open
    if not own:  # only now: a page can read a close code, but not the status of a refused handshake
        return await _refuse(response, errors.ORIGIN_REFUSED, errors.CLOSE_ORIGIN_REFUSED)
    if pod.drain.cordoned:
        return await _refuse(response, errors.RETRY, errors.CLOSE_RETRY)
    if pod.hub.full or not pod.hub.started:
        pod.drain.refused += pod.hub.full
        return await _refuse(response, errors.POOL_BUSY, errors.CLOSE_POOL_BUSY)
    session = Session(pod.host, time.monotonic())
    if request.transport is not None:
        connection = Connection(response, request.transport, session, pod.broker, pod.hub, pod.metrics, client)
        code = None
        pod.hub.opened(connection)
        try:
            code = await connection.run()
        finally:
            pod.hub.closed(connection, code)
    return response


async def _refuse(
    response: web.WebSocketResponse, error: errors.ErrorKind, code: errors.CloseCode
) -> web.StreamResponse:
    await response.send_str(messages.encode(messages.error_frame(error)).decode())
    await response.close(code=code.code, message=code.reason.encode())
    return response


async def config(request: web.Request) -> web.Response:
    """Return the ICE servers and the client limits of the pool.

    TURN credentials cost the pool bandwidth: a pool that authenticates its clients, as Production requires, gives them
    only to bearers of a session token.
    """
    pod = request.app[POD]
    client = pod.limiter.client_address(request)
    if wait := client.blocked():
        headers = {"Retry-After": str(ceil(wait))}
        return HttpError(429, errors.RATE_LIMITED.code, TOO_MANY, WAIT, headers).response()
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    session = pod.host.keyring.verify(token, SessionClaims)
    if session is None and pod.host.keyring.forged(token):
        client.suspect()
    if session is None and pod.host.auth_required:
        remedy = "Send Authorization: Bearer with the token of the newest `welcome` or `heartbeat`."
        headers = {"WWW-Authenticate": "Bearer"}
        kind = errors.SESSION_UNKNOWN
        return HttpError(401, kind.code, kind.message, remedy, headers).response()
    return answer_json(
        IceConfig(
            ice_servers=pod.host.ice_servers(session.session_id if session else "anonymous"),
            ttl_ms=pod.host.ice_ttl_ms(),
            subprotocol=messages.SUBPROTOCOL,
            max_frame_bytes=MAX_FRAME_BYTES,
            max_reconnect_attempts=pod.host.reconnect_attempts,
            timeouts=pod.host.timeouts,
        )
    )


async def stats(request: web.Request) -> web.Response:
    """Return the load of the whole pool, and the outcome of its calls in the last hour."""
    return answer_json(await request.app[POD].stats.report())


async def health(request: web.Request) -> web.Response:
    """Return what this pod is and whether it accepts clients, for people and load balancers."""
    pod = request.app[POD]
    stopping = pod.hub.stopping
    body = PodHealth(
        status="stopping" if stopping else "ok",
        pool=pod.settings.pool,
        pod=pod.host.pod,
        sessions_durable=pod.broker.durable,
        active_sessions=pod.hub.active_sessions,
    )
    return answer_json(body, status=503 if stopping else 200)


async def live(_request: web.Request) -> web.Response:
    """Answer the liveness probe: the event loop runs."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """Answer the readiness probe: whether new clients should be sent to this pod."""
    pod = request.app[POD]
    if pod.hub.stopping:
        return web.Response(text="stopping\n", status=503)
    if not pod.hub.started:
        return web.Response(text="waiting for the store\n", status=503)
    if pod.broker.deaf:
        return web.Response(text="the store answers, but hints do not arrive\n", status=503)
    return web.Response(text="ok\n")


def _own(request: web.Request) -> bool:
    """Return whether a request comes from a page that may use the pool, or from no page at all."""
    return origin_allowed(request.headers.get("Origin"), request.host, request.app[POD].settings.allowed_origins)


_RETRY_AFTER: Final = "Seconds to wait before the next attempt."
_ETAG: Final = "Digest of the content; send it as If-None-Match."
_FILE: Final = {
    200: HttpAnswer("The content. Caches must revalidate it.", media_type="*/*", headers={"ETag": _ETAG}),
    304: HttpAnswer("Unchanged: If-None-Match is the current ETag.", headers={"ETag": _ETAG}),
}
_PREFLIGHT: Final = {
    204: HttpAnswer(
        "The page's origin may call this; without an Origin, there are no CORS headers.",
        headers_required=False,
        headers={
            "Access-Control-Allow-Origin": "The page's origin.",
            "Access-Control-Allow-Methods": "Methods that the page may use.",
            "Access-Control-Allow-Headers": "Headers that the page may send.",
            "Access-Control-Max-Age": "Seconds for which browsers may cache this.",
        },
    ),
    403: text("The page's origin is not in the pool's allowedOrigins."),
}
PUBLIC: Final = (
    Operation("GET", "/", page, _FILE),
    Operation(
        "GET",
        "/web/sdk/{version}/{name}",
        sdk_file,
        {
            200: HttpAnswer("The content, immutable.", media_type="*/*", headers={"ETag": _ETAG}),
            304: HttpAnswer("Unchanged: If-None-Match is the current ETag.", headers={"ETag": _ETAG}),
            404: text("There is no such file, or the pool serves another version, which the text names."),
        },
        path_parameters=SdkFilePath,
    ),
    Operation("GET", "/web/{name:.+}", file, {**_FILE, 404: text("There is no such file.")}, path_parameters=FilePath),
    Operation(
        "GET",
        "/ws",
        socket,
        {
            101: HttpAnswer("The socket is open; send `hello` or `resume` within 2 seconds."),
            400: text("The handshake is malformed."),
            403: text("A plain request from a page whose origin is not in the pool's allowedOrigins."),
            426: text("Not a WebSocket handshake.", Upgrade="`websocket`."),
            429: text("The address opened too many connections, or presented forged tokens.", Retry_After=_RETRY_AFTER),
        },
    ),
    Operation(
        "GET",
        "/api/webrtc/config",
        config,
        {
            200: HttpAnswer("ICE servers, with credentials that are valid for `ttlMs` milliseconds.", IceConfig),
            401: error(
                "The pool authenticates its clients, and the request has no valid session token.",
                WWW_Authenticate="`Bearer`.",
            ),
            429: error("The address presented forged tokens.", Retry_After=_RETRY_AFTER),
        },
        security="session",
        optional_security=True,
    ),
    Operation("OPTIONS", "/api/webrtc/config", preflight, _PREFLIGHT),
    Operation(
        "GET",
        "/api/webrtc/stats",
        stats,
        {200: HttpAnswer("Statistics of the whole pool, at most 2 seconds old unless `current` is false.", PoolStats)},
    ),
    Operation("OPTIONS", "/api/webrtc/stats", preflight, _PREFLIGHT),
    Operation(
        "GET",
        "/health",
        health,
        {200: HttpAnswer("The pod accepts clients.", PodHealth), 503: HttpAnswer("The pod is draining.", PodHealth)},
    ),
    Operation("GET", "/livez", live, {200: text("`ok`.")}),
    Operation("GET", "/readyz", ready, {200: text("`ok`."), 503: text("The reason why clients should go elsewhere.")}),
)
"""Everything that the port `http` serves."""
