"""The admin API, on the internal port: list, inspect and end sessions, block and watch clients. It needs a token."""

import hashlib
import math
from heapq import nsmallest
from typing import Annotated, Final, Literal, TypeAlias

import structlog
from aiohttp import web
from msgspec import DecodeError, Meta, Struct, ValidationError, convert

from switchboard_signaling.analytics.call import CallRecord
from switchboard_signaling.analytics.totals import Count
from switchboard_signaling.broker.shared_stats import MAX_LISTED, ListName, SharedStatsFullError
from switchboard_signaling.server.access.client_lists import ClientList, of_session, of_subject
from switchboard_signaling.server.access.keys import SharedSecrets
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
from switchboard_signaling.session.hints import Disconnect
from switchboard_signaling.session.records import (
    Cancel,
    EndMatch,
    MatchRecord,
    Outcome,
    ReadMatch,
    ReadSession,
    SessionRecord,
)
from switchboard_signaling.wire.intents import Intent, Matched, Queued
from switchboard_signaling.wire.tokens import Side

ADMIN_PATH: Final = "/admin"
PAGE: Final = 100
MAX_PAGE: Final = 1000
MAX_BLOCK_SECONDS: Final = 366 * 24 * 3600
MAX_WATCH_SECONDS: Final = 3600
TOKENS: Final = web.AppKey("tokens", SharedSecrets)

SessionId: TypeAlias = Annotated[str, Meta(description="Id of the session.")]
PodName: TypeAlias = Annotated[str, Meta(description="Name of the pod and a suffix that changes with each start.")]
SocketNumber: TypeAlias = Annotated[
    Count, Meta(description="Number that the client gave the socket; it grows with each one.")
]
State: TypeAlias = Annotated[Literal["idle", "queued", "matched"], Meta(description="What the client wants.")]
MatchId: TypeAlias = Annotated[str | None, Meta(description="Id of the session's match; null if it is in none.")]
ListKind: TypeAlias = Annotated[
    Literal["subject", "session"], Meta(description="Whether `name` is the `sub` of JWTs or a session id.")
]
ListedName: TypeAlias = Annotated[str, Meta(description="The subject or the session id.")]

log = structlog.get_logger(__name__)


class AttachedSession(Struct, frozen=True):
    """A session whose newest socket is on the pod that answers."""

    session: SessionId
    subject: Annotated[str, Meta(description="`sub` of the client's JWT; without JWTs, the session id.")]
    socket: SocketNumber
    frames: Annotated[Count, Meta(description="Frames received on this socket.")]
    state: State
    match: MatchId


class StoredSession(Struct, frozen=True):
    """A session as the pool's store has it."""

    pod: PodName
    socket: SocketNumber
    state: State
    match: MatchId


class SessionMatch(Struct, frozen=True):
    """The match of a session."""

    match: Annotated[str, Meta(description="Id of the match.")]
    outcome: Annotated[Outcome | None, Meta(description="State of the match; null if the store no longer has it.")]
    by: Annotated[Side | None, Meta(description="Side that ended the match; null while it has not ended.")]
    reason: Annotated[str | None, Meta(description="Why the match ended; null while it has not ended.")]
    sessions: Annotated[dict[Side, str], Meta(description="Session ids by side.")]
    calls: Annotated[dict[str, CallRecord], Meta(description="What is recorded of the call, by side.")]


class SessionPage(Struct, frozen=True):
    """Sessions attached to the pod that answers, ordered by id."""

    pod: PodName
    sessions: Annotated[list[AttachedSession], Meta(description="The sessions of this page.")]
    next: Annotated[str | None, Meta(description="`after` of the next page; null on the last page.")]


class SessionDetail(Struct, frozen=True):
    """A session, wherever in the pool it is."""

    session: SessionId
    attached: Annotated[
        AttachedSession | None,
        Meta(description="The session on the pod that answers; null if it is not attached there."),
    ]
    stored: Annotated[StoredSession | None, Meta(description="The session in the store; null if the store has none.")]
    match: Annotated[SessionMatch | None, Meta(description="Its match; null if it is in none.")]


class DisconnectedSession(Struct, frozen=True):
    """A session that was ended."""

    session: SessionId
    pod: PodName


class ListEntry(Struct, frozen=True):
    """A listed subject or session."""

    kind: ListKind
    name: ListedName
    seconds: Annotated[Count, Meta(description="Remaining seconds; 0 after the removal.")]


class BlockList(Struct, frozen=True):
    """All blocks of the pool."""

    blocks: Annotated[list[ListEntry], Meta(description="The blocked clients, ordered by kind and name.")]


class BlockOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to block."""

    seconds: Annotated[int, Meta(ge=1, le=MAX_BLOCK_SECONDS, description="Length of the block in seconds, from now.")]


class WatchList(Struct, frozen=True):
    """All watches of the pool."""

    watches: Annotated[list[ListEntry], Meta(description="The watched clients, ordered by kind and name.")]


class WatchOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to watch."""

    seconds: Annotated[int, Meta(ge=1, le=MAX_WATCH_SECONDS, description="Length of the watch in seconds, from now.")]


class PageQuery(Struct, frozen=True):
    """Query parameters of a list."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE, description="Maximum number of sessions in the answer.")] = PAGE
    after: Annotated[str, Meta(description="List the sessions after this id: `next` of the previous page.")] = ""


class SessionPath(Struct, frozen=True):
    """Path parameters of a session."""

    session: SessionId


class ListPath(Struct, frozen=True):
    """Path parameters of a listed client."""

    kind: ListKind
    name: ListedName


def admin_app(pod: SignalingPod) -> web.Application:
    """Return the application below ADMIN_PATH; raises KeysError for tokens that cannot be used."""
    app = web.Application(middlewares=[_authorize])
    app[POD] = pod
    if pod.settings.admin_token_dir is not None:
        app[TOKENS] = SharedSecrets(pod.settings.admin_token_dir, "admin tokens")
    app.add_routes(routes(ADMIN))
    return app


async def sessions(request: web.Request) -> web.Response:
    """List the sessions attached to this pod, a page at a time."""
    pod = request.app[POD]
    try:
        query = decode(PageQuery, request.query)
    except ValidationError as error:
        raise HttpError(400, "bad-request", str(error), f"Send `limit` from 1 to {MAX_PAGE}.") from None
    ids = nsmallest(query.limit + 1, (session_id for session_id in pod.hub.sessions if session_id > query.after))
    page = [found for session_id in ids[: query.limit] if (found := _attached(pod, session_id))]
    return answer_json(SessionPage(pod.host.pod, page, ids[query.limit - 1] if ids[query.limit :] else None))


async def inspect(request: web.Request) -> web.Response:
    """Return a session anywhere in the pool, with its match and what is recorded of the call."""
    pod, session_id = request.app[POD], decode(SessionPath, request.match_info).session
    attached, record = _attached(pod, session_id), await pod.broker.ask(ReadSession(session_id))
    stored = None
    if isinstance(record, SessionRecord):
        stored = StoredSession(record.pod, record.socket_number, *_intent(record.intent))
    known = attached or stored
    if known is None:
        raise _unknown(session_id)
    match = await _match(pod, known.match) if known.match else None
    return answer_json(SessionDetail(session_id, attached, stored, match))


async def disconnect(request: web.Request) -> web.Response:
    """End a session: its match, its ticket in the queue, and its socket, which closes with 4405."""
    pod, session_id = request.app[POD], decode(SessionPath, request.match_info).session
    log.info("admin_request", action="disconnect", session=session_id)
    if pod.hub.session(session_id):
        pod.hub.hinted(Disconnect(session_id))
        return answer_json(DisconnectedSession(session_id, pod.host.pod))
    record = await pod.broker.ask(ReadSession(session_id))
    if not isinstance(record, SessionRecord):
        raise _unknown(session_id)
    match record.intent:
        case Matched(match_id=match_id):
            await pod.broker.ask(EndMatch(match_id, session_id, "ended"))
        case Queued(ticket=ticket):
            await pod.broker.ask(Cancel(f"{session_id}/{ticket}"))
    pod.hub.send_hint(record.pod, Disconnect(session_id))
    return answer_json(DisconnectedSession(session_id, record.pod), status=202)


async def blocks(request: web.Request) -> web.Response:
    """List the blocked subjects and sessions."""
    return answer_json(BlockList(await _listed(request.app[POD].blocks)))


async def block(request: web.Request) -> web.Response:
    """Block a subject or a session: on this pod at once, on all others within about five seconds.

    Its sockets close with 4404, and new ones are refused. A repeated request replaces the remaining time.
    """
    return await _add(request, "block", request.app[POD].blocks, BlockOrder)


async def unblock(request: web.Request) -> web.Response:
    """Remove the block of a subject or a session; it succeeds as well if there is none."""
    return await _remove(request, "unblock", request.app[POD].blocks)


async def watches(request: web.Request) -> web.Response:
    """List the watched subjects and sessions."""
    return answer_json(WatchList(await _listed(request.app[POD].watches)))


async def watch(request: web.Request) -> web.Response:
    """Log the frames and state changes of a subject's or a session's sockets, without their contents.

    This pod starts within a second, all others within about five seconds. The log lines have the level `debug` and are
    written whatever the pods' log level is. A repeated request replaces the remaining time.
    """
    return await _add(request, "watch", request.app[POD].watches, WatchOrder)


async def unwatch(request: web.Request) -> web.Response:
    """Stop watching a subject or a session; it succeeds as well if it is not watched."""
    return await _remove(request, "unwatch", request.app[POD].watches)


async def _listed(clients: ClientList) -> list[ListEntry]:
    await clients.read()
    return [_entry(name, seconds) for name, seconds in sorted(clients.seconds().items())]


async def _add(
    request: web.Request, action: str, clients: ClientList, kind: type[BlockOrder | WatchOrder]
) -> web.Response:
    path = decode(ListPath, request.match_info)
    try:
        order = await decode_body(kind, request)
    except DecodeError as error:
        raise HttpError(400, "bad-request", str(error), 'Send {"seconds": N} as openapi.yaml describes it.') from None
    log.info("admin_request", action=action, kind=path.kind, digest=_digest(path.name), seconds=order.seconds)
    try:
        await clients.add(_name(path), order.seconds)
    except SharedStatsFullError:
        raise HttpError(409, "list-full", "The list has no room for another name", "Remove names first.") from None
    return answer_json(ListEntry(path.kind, path.name, order.seconds))


async def _remove(request: web.Request, action: str, clients: ClientList) -> web.Response:
    path = decode(ListPath, request.match_info)
    log.info("admin_request", action=action, kind=path.kind, digest=_digest(path.name))
    await clients.remove(_name(path))
    return answer_json(ListEntry(path.kind, path.name, 0))


def _attached(pod: SignalingPod, session_id: str) -> AttachedSession | None:
    session = pod.hub.session(session_id)
    if session is None:
        return None
    return AttachedSession(session_id, session.subject, session.socket_number, session.frames, *_intent(session.intent))


def _intent(intent: Intent) -> tuple[State, str | None]:
    """Return what a client wants, without its tokens."""
    match intent:
        case Matched(match_id=match_id):
            return "matched", match_id
        case Queued():
            return "queued", None
        case _:
            return "idle", None


async def _match(pod: SignalingPod, match_id: str) -> SessionMatch:
    calls = convert(await pod.broker.shared_stats.kept(match_id), dict[str, CallRecord])
    record = await pod.broker.ask(ReadMatch(match_id))
    if not isinstance(record, MatchRecord):
        return SessionMatch(match_id, None, None, None, {}, calls)
    sides: dict[Side, str] = {}
    if record.a:
        sides["a"] = record.a.session_id
    if record.b:
        sides["b"] = record.b.session_id
    return SessionMatch(match_id, record.outcome, record.by, record.reason, sides, calls)


def _name(path: ListPath) -> str:
    return of_subject(path.name) if path.kind == "subject" else of_session(path.name)


def _entry(listed: str, seconds: float) -> ListEntry:
    kind, name = listed.split(":", 1)
    return convert({"kind": kind, "name": name, "seconds": math.ceil(seconds)}, ListEntry)


def _digest(name: str) -> str:
    """Return what identifies a subject in the log without disclosing it."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _unknown(session_id: str) -> HttpError:
    return HttpError(
        404, "session-unknown", f"The pool has no session {session_id!r}", "List the sessions of each pod."
    )


@web.middleware
async def _authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    tokens = request.app.get(TOKENS)
    if tokens is None:
        raise HttpError(
            403,
            "admin-off",
            "The admin API is off",
            "Set SWITCHBOARD_ADMIN_TOKEN_DIR to a folder with one file per token, each of at least 32 bytes.",
        )
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not tokens.include(shown):
        remedy = "Send Authorization: Bearer with a token of SWITCHBOARD_ADMIN_TOKEN_DIR."
        raise HttpError(401, "token-invalid", "The request has no admin token", remedy, {"WWW-Authenticate": "Bearer"})
    return await handler(request)


_REFUSED: Final = {
    401: error("The request has no admin token.", WWW_Authenticate="`Bearer`."),
    403: error("The admin API is off: the pod has no SWITCHBOARD_ADMIN_TOKEN_DIR."),
}
_STORE: Final = {**_REFUSED, 503: error("The pool's store does not answer.")}
_INVALID: Final = error("A parameter or the body is invalid.")
_UNKNOWN: Final = error("The pool has no such session.")


def _list_operations(
    which: ListName,
    one: str,
    entries: type[Struct],
    order: type[Struct],
    listing: Handler,
    add: Handler,
    remove: Handler,
) -> tuple[Operation, ...]:
    """Return the operations on a list of clients: list it, and add or remove one client."""
    path = f"/{which}/{{kind:subject|session}}/{{name:.+}}"
    listed, added = HttpAnswer(f"All {which}.", entries), HttpAnswer(f"The {one}.", ListEntry)
    full = error(f"The pool has {MAX_LISTED[which]:,} {which}, its maximum.")
    removed = HttpAnswer(f"The client is not {one}ed.", ListEntry)
    return (
        Operation("GET", f"/{which}", listing, {200: listed, **_STORE}, security="admin"),
        Operation(
            "PUT",
            path,
            add,
            {200: added, 400: _INVALID, 409: full, **_STORE},
            path_parameters=ListPath,
            body=order,
            security="admin",
        ),
        Operation("DELETE", path, remove, {200: removed, **_STORE}, path_parameters=ListPath, security="admin"),
    )


ADMIN: Final = (
    Operation(
        "GET",
        "/sessions",
        sessions,
        {200: HttpAnswer("One page of sessions.", SessionPage), 400: _INVALID, **_REFUSED},
        query=PageQuery,
        security="admin",
    ),
    Operation(
        "GET",
        "/sessions/{session}",
        inspect,
        {200: HttpAnswer("The session.", SessionDetail), 404: _UNKNOWN, **_STORE},
        path_parameters=SessionPath,
        security="admin",
    ),
    Operation(
        "DELETE",
        "/sessions/{session}",
        disconnect,
        {
            200: HttpAnswer("The session was attached to this pod and has ended.", DisconnectedSession),
            202: HttpAnswer("The session's pod was asked to close its socket.", DisconnectedSession),
            404: _UNKNOWN,
            **_STORE,
        },
        path_parameters=SessionPath,
        security="admin",
    ),
    *_list_operations("blocks", "block", BlockList, BlockOrder, blocks, block, unblock),
    *_list_operations("watches", "watch", WatchList, WatchOrder, watches, watch, unwatch),
)
"""Everything below ADMIN_PATH."""
