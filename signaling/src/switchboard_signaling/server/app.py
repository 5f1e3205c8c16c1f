"""The public HTTP application: the socket, the API and the call page."""

import time
from pathlib import Path
from typing import Final

from aiohttp import web
from msgspec import json

from switchboard_signaling.protocol import errors, messages
from switchboard_signaling.protocol.session import Session
from switchboard_signaling.protocol.tokens import SessionClaims
from switchboard_signaling.server.connection import Connection
from switchboard_signaling.server.pod import Pod
from switchboard_signaling.server.security import origin_allowed, secure_headers
from switchboard_signaling.settings import Environment

WEB: Final = Path(__file__).parent.parent / "web"
POD: Final = web.AppKey("pod", Pod)


def public_app(pod: Pod) -> web.Application:
    """Return the application for the port `http`."""
    app = web.Application(middlewares=[secure_headers])
    app[POD] = pod
    app.add_routes(
        [
            web.get("/", page),
            web.get("/ws", socket),
            web.get("/api/webrtc/config", config),
            web.get("/api/webrtc/stats", stats),
            web.get("/health", health),
            web.get("/livez", live),
            web.get("/readyz", ready),
            web.static("/web", WEB),
        ]
    )
    return app


async def page(_request: web.Request) -> web.FileResponse:
    """Serve the call page."""
    return web.FileResponse(WEB / "index.html", headers={"Cache-Control": "no-cache"})


async def socket(request: web.Request) -> web.StreamResponse:
    """Upgrade to `switchboard.v1` and serve the socket until it closes."""
    pod = request.app[POD]
    if not origin_allowed(request.headers.get("Origin"), request.host, pod.settings.allowed_origins):
        raise web.HTTPForbidden(text="This origin may not connect. Remedy: add it to SWITCHBOARD_ALLOWED_ORIGINS.\n")
    # The limit is the protocol's own plus what lets a slightly longer frame be answered with a coded error.
    response = web.WebSocketResponse(
        protocols=[messages.SUBPROTOCOL],
        compress=False,
        max_msg_size=messages.MAX_FRAME_BYTES + 1024,
        decode_text=False,
        timeout=2.0,
    )
    if not response.can_prepare(request).ok:
        raise web.HTTPUpgradeRequired(
            headers={"Upgrade": "websocket"}, text=f"Connect with a WebSocket, subprotocol {messages.SUBPROTOCOL}.\n"
        )
    try:
        await response.prepare(request)
    except ConnectionResetError:
        return response  # gone before it was there
    if pod.hub.full or pod.hub.stopping or not pod.hub.started:
        await response.send_str(messages.encode(messages.error_frame(errors.POOL_BUSY)).decode())
        await response.close(code=errors.CLOSE_POOL_BUSY.code, message=errors.CLOSE_POOL_BUSY.reason.encode())
        return response
    session = Session(pod.host, time.monotonic())
    await pod.hub.serve(Connection(response, session, pod.broker, pod.hub, pod.metrics))
    return response


async def config(request: web.Request) -> web.Response:
    """Answer what a page needs for its RTCPeerConnection.

    TURN credentials cost the pool bandwidth: in Production they are for the bearer of a session token only.
    """
    pod = request.app[POD]
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    session = pod.host.keyring.verify(token, SessionClaims)
    if session is None and pod.settings.environment is Environment.PRODUCTION:
        return _json(messages.error_frame(errors.SESSION_UNKNOWN, "send Authorization: Bearer <token>"), status=401)
    return _json(
        {
            "iceServers": pod.host.ice_servers(session.sid if session else "anonymous"),
            "ttlMs": pod.host.ice_ttl_ms(),
            "subprotocol": messages.SUBPROTOCOL,
            "maxFrameBytes": messages.MAX_FRAME_BYTES,
        }
    )


async def stats(request: web.Request) -> web.Response:
    """Answer how busy this pod is."""
    hub = request.app[POD].hub
    return _json(
        {"activeSessions": hub.active_sessions, "connections": hub.connections, "matchedSessions": hub.matched_sessions}
    )


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
    return _json(body, status=503 if pod.hub.stopping else 200)


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


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=json.encode(body), status=status, content_type="application/json")
