"""The admin API, on the internal port: who is here, and putting an end to it. Needs a bearer token.

Sessions are listed for this pod; a single one is looked up in the whole pool. Errors are JSON with a code and a remedy.
"""

import hashlib
import math
from collections.abc import Awaitable, Callable
from heapq import nsmallest
from typing import Annotated, Any, Final

import structlog
from aiohttp import web
from msgspec import DecodeError, Meta, Struct, ValidationError, json

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import SharedStatsFullError
from switchboard_signaling.server.access.blocks import of_session, of_subject
from switchboard_signaling.server.access.keys import SharedSecrets
from switchboard_signaling.server.http.answers import answer_json
from switchboard_signaling.server.pod import POD, SignalingPod
from switchboard_signaling.session.hints import Disconnect
from switchboard_signaling.session.records import Cancel, EndMatch, MatchRecord, ReadMatch, ReadSession, SessionRecord
from switchboard_signaling.wire.intents import Intent, Matched, Queued

PAGE: Final = 100
MAX_PAGE: Final = 1000
MAX_BLOCK_SECONDS: Final = 366 * 24 * 3600
TOKENS: Final = web.AppKey("tokens", SharedSecrets)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger(__name__)


class AdminError(Exception):
    """A request that cannot be obeyed."""

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.remedy = status, code, message, remedy


class BlockOrder(Struct, forbid_unknown_fields=True):
    """For how long to keep somebody out."""

    seconds: Annotated[int, Meta(ge=1, le=MAX_BLOCK_SECONDS)]


def admin_app(pod: SignalingPod) -> web.Application:
    """Return the application below /admin; raises KeysError for tokens that cannot be used."""
    app = web.Application(middlewares=[_answer_in_json, _authorize])
    app[POD] = pod
    if pod.settings.admin_token_dir is not None:
        app[TOKENS] = SharedSecrets(pod.settings.admin_token_dir, "admin tokens")
    app.add_routes(
        [
            web.get("/sessions", sessions),
            web.get("/sessions/{session}", inspect),
            web.delete("/sessions/{session}", disconnect),
            web.get("/blocks", blocks),
            web.put("/blocks/{kind:subject|session}/{name:.+}", block),
            web.delete("/blocks/{kind:subject|session}/{name:.+}", unblock),
        ]
    )
    return app


async def sessions(request: web.Request) -> web.Response:
    """List the sessions attached to this pod by id, a page at a time: `limit`, and `after` the last id of a page."""
    hub, after = request.app[POD].hub, request.query.get("after", "")
    limit = _limit(request.query.get("limit", str(PAGE)))
    sids = nsmallest(limit + 1, (session_id for session_id in hub.sessions if session_id > after))
    page = [_here(request.app[POD], session_id) for session_id in sids[:limit]]
    return answer_json(
        {"pod": request.app[POD].host.pod, "sessions": page, "next": sids[limit - 1] if sids[limit:] else None}
    )


async def inspect(request: web.Request) -> web.Response:
    """Tell what is known of a session anywhere in the pool, and of its match."""
    pod, session_id = request.app[POD], request.match_info["session"]
    here, record = _here(pod, session_id), await pod.broker.ask(ReadSession(session_id))
    if here is None and not isinstance(record, SessionRecord):
        raise _unknown(session_id)
    stored = (
        {"pod": record.pod, "socket": record.socket_number, **_intent(record.intent)}
        if isinstance(record, SessionRecord)
        else None
    )
    match_id = (here or stored or {}).get("match")
    return answer_json(
        {
            "session": session_id,
            "here": here,
            "stored": stored,
            "match": await _match(pod, match_id) if match_id else None,
        }
    )


async def disconnect(request: web.Request) -> web.Response:
    """End a session: its match, its ticket, its socket. 202 if the socket is another pod's, which was asked to."""
    pod, session_id = request.app[POD], request.match_info["session"]
    log.info("admin", act="disconnect", session=session_id)
    if pod.hub.session(session_id):
        pod.hub.hinted(Disconnect(session_id))
        return answer_json({"session": session_id, "pod": pod.host.pod})
    record = await pod.broker.ask(ReadSession(session_id))
    if not isinstance(record, SessionRecord):
        raise _unknown(session_id)
    match record.intent:
        case Matched(match_id=match_id):
            await pod.broker.ask(EndMatch(match_id, session_id, "ended"))
        case Queued(ticket=ticket):
            await pod.broker.ask(Cancel(f"{session_id}/{ticket}"))
    pod.hub.send_hint(record.pod, Disconnect(session_id))
    return answer_json({"session": session_id, "pod": record.pod}, status=202)


async def blocks(request: web.Request) -> web.Response:
    """List who is kept out, and for how many seconds more."""
    await request.app[POD].blocks.read()
    found = sorted(request.app[POD].blocks.seconds().items())
    named = [(*name.split(":", 1), math.ceil(seconds)) for name, seconds in found]
    return answer_json({"blocks": [{"kind": kind, "name": name, "seconds": seconds} for kind, name, seconds in named]})


async def block(request: web.Request) -> web.Response:
    """Keep a subject or a session out: on this pod at once, on others within seconds."""
    try:
        order = json.decode(await request.read(), type=BlockOrder)
    except (DecodeError, ValidationError) as error:
        remedy = f'Send {{"seconds": 1 to {MAX_BLOCK_SECONDS}}}.'
        raise AdminError(400, "bad-request", str(error), remedy) from None
    kind, name = _name(request)
    log.info("admin", act="block", kind=kind, digest=_digest(name), seconds=order.seconds)
    try:
        await request.app[POD].blocks.block(name, order.seconds)
    except SharedStatsFullError:
        raise AdminError(409, "too-many-blocks", "No more can be kept out", "Remove blocks first.") from None
    return answer_json({"kind": kind, "name": request.match_info["name"], "seconds": order.seconds})


async def unblock(request: web.Request) -> web.Response:
    """Let a subject or a session in again."""
    kind, name = _name(request)
    log.info("admin", act="unblock", kind=kind, digest=_digest(name))
    await request.app[POD].blocks.unblock(name)
    return answer_json({"kind": kind, "name": request.match_info["name"], "seconds": 0})


def _here(pod: SignalingPod, session_id: str) -> dict[str, Any] | None:
    session = pod.hub.session(session_id)
    if session is None:
        return None
    return {
        "session": session_id, "subject": session.subject, "socket": session.socket_number, "frames": session.frames,
        **_intent(session.intent),
    }  # fmt: skip


def _intent(intent: Intent) -> dict[str, Any]:
    """Return what a client wants, without the tokens in it."""
    state = type(intent).__name__.lower()
    return {"state": state, "match": intent.match_id} if isinstance(intent, Matched) else {"state": state}


async def _match(pod: SignalingPod, match_id: str) -> dict[str, Any]:
    record = await pod.broker.ask(ReadMatch(match_id))
    found: dict[str, Any] = {"match": match_id, "calls": await pod.broker.shared_stats.kept(match_id)}
    if isinstance(record, MatchRecord):
        sides = {side: one.session_id for side, one in (("a", record.a), ("b", record.b)) if one}
        found |= {"outcome": record.outcome, "by": record.by, "reason": record.reason, "sessions": sides}
    return found


def _name(request: web.Request) -> tuple[str, str]:
    kind, name = request.match_info["kind"], request.match_info["name"]
    return kind, of_subject(name) if kind == "subject" else of_session(name)


def _digest(name: str) -> str:
    """Return what tells names apart in the log without telling them."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_PAGE:
        raise AdminError(400, "bad-request", "`limit` is no number of a page", f"Send 1 to {MAX_PAGE}.")
    return int(text)


def _unknown(session_id: str) -> AdminError:
    return AdminError(
        404, "session-unknown", f"No pod has the session {session_id!r}", "List the sessions of each pod."
    )


@web.middleware
async def _authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    tokens = request.app.get(TOKENS)
    if tokens is None:
        raise AdminError(
            403,
            "admin-off",
            "The admin API is off",
            "Set SWITCHBOARD_ADMIN_TOKEN_DIR to a folder with tokens of 32 bytes or more, a file each.",
        )
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not tokens.include(shown):
        remedy = "Send Authorization: Bearer with a token of SWITCHBOARD_ADMIN_TOKEN_DIR."
        raise AdminError(401, "token-invalid", "This is no admin token", remedy)
    return await handler(request)


@web.middleware
async def _answer_in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except AdminError as error:
        return _error(error)
    except BrokerUnavailableError:
        return _error(AdminError(503, "store-unavailable", "The pool's store does not answer", "Try again."))
    except web.HTTPException as error:
        code = (error.reason or "error").lower().replace(" ", "-")
        return _error(AdminError(error.status, code, error.reason, "See docs/how-to/administer.md."))


def _error(error: AdminError) -> web.Response:
    body = {"error": {"code": error.code, "message": error.message, "remedy": error.remedy}}
    response = answer_json(body, error.status)
    if error.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
