"""The public HTTP application: the socket, the API and the call page."""

import time
from importlib.metadata import version
from math import ceil
from pathlib import Path
from typing import Final

from aiohttp import web

from switchboard_crds.signaling_pool import Environment
from switchboard_signaling.server.http.answers import answer_json
from switchboard_signaling.server.http.files import Files
from switchboard_signaling.server.http.origins import origin_allowed
from switchboard_signaling.server.http.security import require_text_headers, secure
from switchboard_signaling.server.pod import POD, SignalingPod
from switchboard_signaling.server.sockets.connection import Connection
from switchboard_signaling.server.sockets.inline import make_socket
from switchboard_signaling.session.core import Session
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_FRAME_BYTES
from switchboard_signaling.wire.tokens import SessionClaims

WEB: Final = Path(__file__).parents[2] / "web"
FILES: Final = web.AppKey("files", Files)
FOREIGN: Final = (
    "This origin may not connect. Remedy: add it to spec.allowedOrigins of the pool (SWITCHBOARD_ALLOWED_ORIGINS).\n"
)


def public_app(pod: SignalingPod) -> web.Application:
    """Return the application for the port `http`."""
    app = web.Application()
    settings = pod.settings
    secure(app, https=settings.environment is Environment.PRODUCTION, origins=settings.allowed_origins)
    app[POD] = pod
    app[FILES] = Files(WEB, version("switchboard-signaling"))
    app.add_routes(
        [
            web.get("/", page),
            web.get("/ws", socket),
            web.get("/api/webrtc/config", config),
            web.get("/api/webrtc/stats", stats),
            web.options("/api/webrtc/config", preflight),
            web.options("/api/webrtc/stats", preflight),
            web.get("/health", health),
            web.get("/livez", live),
            web.get("/readyz", ready),
            web.get("/web/sdk/{version}/{name}", app[FILES].serve_sdk),
            web.get("/web/{name:.+}", app[FILES].serve),
        ]
    )
    return app


async def page(request: web.Request) -> web.Response:
    """Serve the call page."""
    return request.app[FILES].answer(request, "index.html")


async def preflight(request: web.Request) -> web.Response:
    """Answer a page of another origin that asks whether it may call the API; the headers say what it may."""
    if not _own(request):
        raise web.HTTPForbidden(text=FOREIGN)
    return web.Response(status=204)


async def socket(request: web.Request) -> web.StreamResponse:
    """Upgrade to `switchboard.v1` and serve the socket until it closes."""
    pod = request.app[POD]
    require_text_headers(request)
    # The limit is the protocol's own plus what lets a slightly longer frame be answered with a coded error.
    response = make_socket(messages.SUBPROTOCOL, MAX_FRAME_BYTES + 1024, close_seconds=2.0)
    own = _own(request)
    if not response.can_prepare(request).ok:
        if not own:
            raise web.HTTPForbidden(text=FOREIGN)
        raise web.HTTPUpgradeRequired(
            headers={"Upgrade": "websocket"}, text=f"Connect with a WebSocket, subprotocol {messages.SUBPROTOCOL}.\n"
        )
    visitor = pod.gate.visitor(request)
    _let_in(visitor.wait())
    try:
        await response.prepare(request)
    except ConnectionResetError:
        return web.Response()  # gone before it was there; a socket that is not open could not be ended
    response.headers.clear()  # they were sent, and would take a kilobyte for as long as the socket is open
    if not own:  # only now: a page can read a close code, but not the status of a refused handshake
        return await _refuse(response, errors.ORIGIN_REFUSED, errors.CLOSE_ORIGIN_REFUSED)
    if pod.drain.cordoned:
        return await _refuse(response, errors.RETRY, errors.CLOSE_RETRY)
    if pod.hub.full or not pod.hub.started:
        pod.drain.refused += pod.hub.full
        return await _refuse(response, errors.POOL_BUSY, errors.CLOSE_POOL_BUSY)
    session = Session(pod.host, time.monotonic())
    if request.transport is not None:
        connection = Connection(response, request.transport, session, pod.broker, pod.hub, pod.metrics, visitor)
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
    """Answer what a page needs for its RTCPeerConnection.

    TURN credentials cost the pool bandwidth: where clients are authenticated, which Production demands, they are for
    the bearer of a session token only.
    """
    pod = request.app[POD]
    visitor = pod.gate.visitor(request)
    _let_in(visitor.blocked())
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    session = pod.host.keyring.verify(token, SessionClaims)
    if session is None and pod.host.keyring.forged(token):
        visitor.suspect()
    if session is None and pod.host.auth_required:
        refusal = messages.error_frame(errors.SESSION_UNKNOWN, "send Authorization: Bearer <token>")
        return answer_json(refusal, status=401)
    return answer_json(
        {
            "iceServers": pod.host.ice_servers(session.session_id if session else "anonymous"),
            "ttlMs": pod.host.ice_ttl_ms(),
            "subprotocol": messages.SUBPROTOCOL,
            "maxFrameBytes": MAX_FRAME_BYTES,
            "maxReconnectAttempts": pod.host.reconnect_attempts,
            "timeouts": pod.host.timeouts,
        }
    )


async def stats(request: web.Request) -> web.Response:
    """Answer how the pool's calls went in the last hour, and how busy it is; not `current` if the store is away."""
    report, current = await request.app[POD].tally.report()
    return answer_json({"current": current, **report})


async def health(request: web.Request) -> web.Response:
    """Answer for people and load balancers: what this pod is and whether it takes clients."""
    pod = request.app[POD]
    body = {
        "status": "stopping" if pod.hub.stopping else "ok",
        "pool": pod.settings.pool,
        "pod": pod.host.pod,
        "sessionsDurable": pod.broker.durable,
        "activeSessions": pod.hub.active_sessions,
    }
    return answer_json(body, status=503 if pod.hub.stopping else 200)


async def live(_request: web.Request) -> web.Response:
    """Answer that the process's loop turns."""
    return web.Response(text="ok\n")


async def ready(request: web.Request) -> web.Response:
    """Answer whether new clients should come here."""
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


def _let_in(wait: float) -> None:
    """Refuse who must wait for some seconds."""
    if wait > 0:
        text = "This address connects too often, or has shown wrong tokens. Remedy: wait as Retry-After says.\n"
        raise web.HTTPTooManyRequests(headers={"Retry-After": str(ceil(wait))}, text=text)
