"""The internal HTTP application: what Prometheus and the operator read, and the operator's commands."""

from typing import Annotated, Final

from aiohttp import web
from msgspec import DecodeError, Meta, Struct, ValidationError

from switchboard_crds import names
from switchboard_signaling.analytics.totals import Count
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.server.http.admin import ADMIN_PATH, admin_app
from switchboard_signaling.server.http.operations import (
    Handler,
    HttpAnswer,
    HttpError,
    Operation,
    answer_json,
    decode,
    decode_body,
    error,
    routes,
)
from switchboard_signaling.server.pod import POD, SignalingPod

METRICS_TYPE: Final = "text/plain; version=0.0.4"


class GoawayOrder(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Sessions to move to other pods."""

    count: Annotated[int, Meta(ge=1, le=100_000, description="Number of sessions to ask to move.")]
    within_ms: Annotated[
        int, Meta(ge=0, le=3_600_000, description="Time over which to spread the requests, in milliseconds.")
    ]


class CommandHeaders(Struct, frozen=True, rename={"fence": names.HEADER_FENCE}):
    """Headers of a command."""

    fence: Annotated[
        int,
        Meta(
            ge=0,
            description="Number of the operator's leader. It grows with each leader; commands of older leaders fail.",
        ),
    ]


class PodSample(Struct, frozen=True):
    """A pod's load, by which the operator scales the pool."""

    pod: Annotated[str, Meta(description="Name of the pod.")]
    sessions: Annotated[
        Count, Meta(description="Sessions attached to this pod, and sessions that can still be resumed on it.")
    ]
    connections: Annotated[Count, Meta(description="Open WebSockets.")]
    leaving: Annotated[Count, Meta(description="Open sockets that were asked to move in the last 10 seconds.")]
    capacity: Annotated[int, Meta(ge=1, description="Sockets above which the pod refuses new ones.")]
    refused: Annotated[Count, Meta(description="Sockets refused for lack of capacity since the start.")]
    cordoned: Annotated[bool, Meta(description="Whether the pod refuses new and resuming sessions.")]
    stopping: Annotated[bool, Meta(description="Whether the pod drains before its exit.")]


def internal_app(pod: SignalingPod) -> web.Application:
    """Return the application for the port `internal`; raises KeysError for admin tokens that cannot be used.

    Reading needs no credentials. A command needs a bearer token of the pool and the number of the operator's leader;
    it is answered with the sample after it.
    """
    app = web.Application(middlewares=[_errors_as_json])
    app[POD] = pod
    app.add_routes(routes(INTERNAL))
    app.add_subapp(ADMIN_PATH, admin_app(pod))
    return app


async def metrics(request: web.Request) -> web.Response:
    """Return the pod's metrics in Prometheus' text format."""
    return web.Response(body=request.app[POD].metrics.text(), headers={"Content-Type": METRICS_TYPE})


async def sample(request: web.Request) -> web.Response:
    """Return the pod's load. It is small, because the operator polls up to 2,000 pods."""
    pod = request.app[POD]
    return answer_json(
        PodSample(
            pod=pod.settings.pod,
            sessions=pod.hub.active_sessions,
            connections=pod.hub.connections,
            leaving=pod.drain.leaving,
            capacity=pod.settings.capacity,
            refused=pod.drain.refused,
            cordoned=pod.drain.cordoned,
            stopping=pod.hub.stopping,
        )
    )


async def cordon(request: web.Request) -> web.Response:
    """Refuse new and resuming sessions from now on."""
    _authorize(request)
    request.app[POD].drain.cordoned = True
    return await sample(request)


async def uncordon(request: web.Request) -> web.Response:
    """Accept sessions again, unless the pod is stopping."""
    _authorize(request)
    pod = request.app[POD]
    pod.drain.cordoned = pod.hub.stopping
    return await sample(request)


async def goaway(request: web.Request) -> web.Response:
    """Ask some sessions to move to other pods."""
    _authorize(request)
    try:
        order = await decode_body(GoawayOrder, request)
    except DecodeError as error:
        raise HttpError(400, "bad-request", str(error), "Send a JSON object with `count` and `withinMs`.") from error
    request.app[POD].drain.goaway(order.count, order.within_ms)
    return await sample(request)


def _authorize(request: web.Request) -> None:
    """Raise HttpError unless the newest leader of the operator gives the command."""
    drain = request.app[POD].drain
    if not drain.admit(request.headers.get("Authorization", "").removeprefix("Bearer ")):
        remedy = "Send Authorization: Bearer with a token of SWITCHBOARD_INTERNAL_TOKEN_DIR."
        headers = {"WWW-Authenticate": "Bearer"}
        raise HttpError(401, "token-invalid", "The request has no internal token of the pool", remedy, headers)
    try:
        fence = decode(CommandHeaders, request.headers).fence
    except ValidationError as error:
        remedy = f"Send {names.HEADER_FENCE} with the leader's number."
        raise HttpError(400, "bad-request", str(error), remedy) from None
    if (newest := drain.overtaken(fence)) is not None:
        message = f"The leader with number {newest} has given commands since"
        raise HttpError(409, "leader-superseded", message, "Stop: another operator leads.")


@web.middleware
async def _errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except HttpError as error:
        return error.response()
    except BrokerUnavailableError:
        return HttpError(503, "store-unavailable", "The pool's store does not answer", "Try again.").response()
    except web.HTTPException as error:
        code = (error.reason or "error").lower().replace(" ", "-")
        return HttpError(
            error.status, code, error.reason, "See openapi.yaml for the operations of this port."
        ).response()


_COMMAND: Final = {
    200: HttpAnswer("The pod's load after the command.", PodSample),
    400: error("The leader's number is missing, or the body is invalid."),
    401: error("The request has no internal token of the pool.", WWW_Authenticate="`Bearer`."),
    409: error("A newer leader has given commands since."),
}
INTERNAL: Final = (
    Operation("GET", "/metrics", metrics, {200: HttpAnswer("The metrics; see metrics.md.", media_type="text/plain")}),
    Operation("GET", names.INTERNAL_SAMPLE, sample, {200: HttpAnswer("The pod's load.", PodSample)}),
    Operation("POST", names.INTERNAL_CORDON, cordon, _COMMAND, headers=CommandHeaders, security="operator"),
    Operation("POST", names.INTERNAL_UNCORDON, uncordon, _COMMAND, headers=CommandHeaders, security="operator"),
    Operation(
        "POST", names.INTERNAL_GOAWAY, goaway, _COMMAND, headers=CommandHeaders, body=GoawayOrder, security="operator"
    ),
)
"""Everything that the port `internal` serves, besides the admin API."""
