"""The internal HTTP application: what Prometheus and the operator read."""

from aiohttp import web
from msgspec import json

from switchboard_signaling.server.app import POD
from switchboard_signaling.server.pod import Pod


def internal_app(pod: Pod) -> web.Application:
    """Return the application for the port `internal`."""
    app = web.Application()
    app[POD] = pod
    app.add_routes([web.get("/metrics", metrics), web.get("/internal/sample", sample)])
    return app


async def metrics(request: web.Request) -> web.Response:
    """Answer the metrics in Prometheus' text format."""
    return web.Response(body=request.app[POD].metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4"})


async def sample(request: web.Request) -> web.Response:
    """Answer the few numbers that decide on replicas; kept lean, because 2,000 pods are asked."""
    pod = request.app[POD]
    body = {
        "pod": pod.settings.pod,
        "sessions": pod.hub.active_sessions,
        "capacity": pod.settings.capacity,
        "stopping": pod.hub.stopping,
    }
    return web.Response(body=json.encode(body), content_type="application/json")
