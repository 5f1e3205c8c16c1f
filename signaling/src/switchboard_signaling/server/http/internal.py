"""The internal HTTP application: what Prometheus and the operator read, and the operator's orders."""

from typing import Annotated

from aiohttp import web
from msgspec import DecodeError, Meta, Struct, ValidationError, json

from switchboard_crds import names
from switchboard_signaling.server.http.admin import admin_app
from switchboard_signaling.server.pod import POD, SignalingPod


class Batch(Struct, rename="camel", forbid_unknown_fields=True):
    """How many sessions to ask to move, and the span over which to spread that."""

    count: Annotated[int, Meta(ge=1, le=100_000)]
    within_ms: Annotated[int, Meta(ge=0, le=3_600_000)]


def internal_app(pod: SignalingPod) -> web.Application:
    """Return the application for the port `internal`.

    Anyone in the cluster may read. Orders need a bearer token of the pool, and the number of the leader that gives
    them: 401 without the one, 409 for a leader that was overtaken. Each is answered with the sample after it.
    """
    app = web.Application()
    app[POD] = pod
    app.add_routes(
        [
            web.get("/metrics", metrics),
            web.get(names.INTERNAL_SAMPLE, sample),
            web.post(names.INTERNAL_CORDON, cordon),
            web.post(names.INTERNAL_UNCORDON, uncordon),
            web.post(names.INTERNAL_GOAWAY, goaway),
        ]
    )
    app.add_subapp("/admin", admin_app(pod))
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
        "connections": pod.hub.connections,
        "leaving": pod.drain.leaving,
        "capacity": pod.settings.capacity,
        "refused": pod.drain.refused,
        "cordoned": pod.drain.cordoned,
        "stopping": pod.hub.stopping,
    }
    return web.Response(body=json.encode(body), content_type="application/json")


async def cordon(request: web.Request) -> web.Response:
    """Refuse new and resuming sessions from now on."""
    _check(request)
    request.app[POD].drain.cordoned = True
    return await sample(request)


async def uncordon(request: web.Request) -> web.Response:
    """Take sessions again, unless the pod is about to end."""
    _check(request)
    pod = request.app[POD]
    pod.drain.cordoned = pod.hub.stopping
    return await sample(request)


async def goaway(request: web.Request) -> web.Response:
    """Ask some sessions to move."""
    _check(request)
    try:
        batch = json.decode(await request.read(), type=Batch)
    except (DecodeError, ValidationError) as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    request.app[POD].drain.goaway(batch.count, batch.within_ms)
    return await sample(request)


def _check(request: web.Request) -> None:
    """Raise unless the newest leader of the operators gives the order."""
    drain = request.app[POD].drain
    if not drain.admit(request.headers.get("Authorization", "").removeprefix("Bearer ")):
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}, text="Send a token of the pool.\n")
    fence = request.headers.get(names.HEADER_FENCE, "")
    if not fence.isdecimal():
        raise web.HTTPBadRequest(text=f"Send {names.HEADER_FENCE}: the leader's number.\n")
    if (newest := drain.overtaken(int(fence))) is not None:
        raise web.HTTPConflict(text=f"A newer leader, {newest}, has given orders.\n")
