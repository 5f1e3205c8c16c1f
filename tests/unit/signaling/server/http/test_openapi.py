"""The running server answers exactly as openapi.yaml says: each documented status is provoked and validated."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest
import yaml
from aiohttp import ClientResponse
from jsonschema import Draft202012Validator, FormatChecker
from tests.unit.signaling.jwts import secret_dir
from tests.unit.signaling.pods import SHARED, Running, in_a_call, pod_alone, until

from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.shared_stats import MAX_LISTED
from switchboard_signaling.session.records import TouchSession
from switchboard_signaling.wire.intents import Idle
from switchboard_signaling.wire.tokens import SessionClaims

DOCUMENT = yaml.safe_load((Path(__file__).parents[5] / "docs" / "reference" / "openapi.yaml").read_text())
ADMIN_TOKEN, INTERNAL_TOKEN = "an admin token of at least 32 bytes", "an internal token of at least 32 bytes"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
COMMAND = {"Authorization": f"Bearer {INTERNAL_TOKEN}", "Switchboard-Fence": "7"}
FOREIGN = {"Origin": "https://evil.example"}
HANDSHAKE = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
VERSION = version("switchboard-signaling")
GOAWAY = {"count": 1, "withinMs": 0}

Key: TypeAlias = tuple[str, str, int]
Prepare: TypeAlias = Callable[[Running, pytest.MonkeyPatch, AsyncExitStack], Awaitable[Mapping[str, str]]]


async def nothing(_running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    return {}


async def a_call(running: Running, _patch: pytest.MonkeyPatch, stack: AsyncExitStack) -> Mapping[str, str]:
    """Two clients in a match that has a record; `session` is one of them."""
    one, _, match_id = await in_a_call(running, stack)
    await one.connection("connected", "relay")
    await until(lambda: running.pod.metrics.registry.get_sample_value(
        "switchboard_signaling_calls_total", {"verdict": "connected", "path": "relay"}
    ))  # fmt: skip
    await running.pod.stats.flush()
    assert await running.pod.broker.shared_stats.kept(match_id)
    return {"session": one.session.session_id or ""}


async def elsewhere(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    """A session that is attached to another pod."""
    await running.pod.broker.ask(TouchSession("sid", 1, "attach", Idle(1), "instance", "elsewhere"))
    return {"session": "sid"}


async def a_block(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    await running.pod.blocks.add("subject:ada", 60)
    return {}


async def a_watch(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    await running.pod.watches.add("session:sid", 60)
    return {}


async def no_room(_running: Running, patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    patch.setitem(MAX_LISTED, "blocks", 0)
    patch.setitem(MAX_LISTED, "watches", 0)
    return {}


async def no_store(running: Running, patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    async def away(*_: object) -> None:
        raise BrokerUnavailableError("away")

    patch.setattr(running.pod.broker, "ask", away)
    for name in ("add", "remove", "listed"):
        patch.setattr(running.pod.broker.shared_stats, name, away)
    return {}


async def stopping(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    running.pod.hub.stopping = True
    return {}


async def a_newer_leader(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    running.pod.drain.overtaken(8)
    return {}


async def one_socket(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    await running.socket()
    return {}


async def a_forged_token(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    forged = running.pod.host.keyring.sign(SessionClaims("sid", "sub"))[:-4] + "AAAA"
    headers = {"Authorization": f"Bearer {forged}"}
    assert (await running.public.get("/api/webrtc/config", headers=headers)).status == 200
    return {}


async def the_etag(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    return {"etag": (await running.public.get("/")).headers["ETag"]}


async def the_sdks_etag(running: Running, _patch: pytest.MonkeyPatch, _stack: AsyncExitStack) -> Mapping[str, str]:
    return {"etag": (await running.public.get("/web/sdk/index.js")).headers["ETag"]}


@dataclass
class Request:
    """How to provoke one status: headers and path may name what `prepare` returns."""

    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    prepare: Prepare = nothing
    settings: Mapping[str, Any] = field(default_factory=dict)
    tokens: bool = True


def admin(path: str, ok: Request, *others: tuple[int, Request], store: bool = True) -> dict[int, Request]:
    """Return how to provoke 200 and what every operation of the admin API may answer besides."""
    found = {200: ok, 401: Request(path), 403: Request(path, ADMIN, tokens=False), **dict(others)}
    return {**found, 503: Request(path, ADMIN, ok.json, no_store)} if store else found


def commands(path: str, body: Any = None) -> dict[int, Request]:
    return {
        200: Request(path, COMMAND, body),
        400: Request(path, {**COMMAND, "Switchboard-Fence": "seven"}, body),
        401: Request(path, {"Switchboard-Fence": "7"}, body),
        409: Request(path, COMMAND, body, a_newer_leader),
    }


PREFLIGHT = {204: Request(headers={"Origin": "https://app.example"}, settings={"allowed_origins": "https://app.example"}),
             403: Request(headers=FOREIGN)}  # fmt: skip
REQUESTS: dict[tuple[str, str], dict[int, Request]] = {
    ("get", "/"): {200: Request(), 304: Request(headers={"If-None-Match": "{etag}"}, prepare=the_etag)},
    ("get", "/web/{name}"): {
        200: Request("/web/app.js"), 304: Request("/web/index.html", {"If-None-Match": "{etag}"}, prepare=the_etag),
        404: Request("/web/none"),
    },
    ("get", "/web/sdk/{version}/{name}"): {
        200: Request(f"/web/sdk/{VERSION}/index.js"),
        304: Request(f"/web/sdk/{VERSION}/index.js", {"If-None-Match": "{etag}"}, prepare=the_sdks_etag),
        404: Request("/web/sdk/0.0.0/index.js"),
    },
    ("get", "/ws"): {
        101: Request(headers=HANDSHAKE),
        403: Request(headers=FOREIGN),
        426: Request(),
        429: Request(headers=HANDSHAKE, prepare=one_socket, settings={"connects_per_second": 0.1}),
    },
    ("get", "/api/webrtc/config"): {
        200: Request(settings={"turn_server_url": "turn:t.example", "turn_username": "u", "turn_credential": "c"}),
        401: Request(settings=SHARED),
        429: Request(prepare=a_forged_token, settings={"wrong_tokens": 1}),
    },
    ("options", "/api/webrtc/config"): PREFLIGHT,
    ("get", "/api/webrtc/stats"): {200: Request(prepare=a_call)},
    ("options", "/api/webrtc/stats"): PREFLIGHT,
    ("get", "/health"): {200: Request(), 503: Request(prepare=stopping)},
    ("get", "/livez"): {200: Request()},
    ("get", "/readyz"): {200: Request(), 503: Request(prepare=stopping)},
    ("get", "/metrics"): {200: Request()},
    ("get", "/internal/sample"): {200: Request()},
    ("post", "/internal/cordon"): commands("/internal/cordon"),
    ("post", "/internal/uncordon"): commands("/internal/uncordon"),
    ("post", "/internal/goaway"): commands("/internal/goaway", GOAWAY),
    ("get", "/admin/sessions"): admin(
        "/admin/sessions", Request(headers=ADMIN, prepare=a_call), (400, Request("/admin/sessions?limit=0", ADMIN)),
        store=False,
    ),
    ("get", "/admin/sessions/{session}"): admin(
        "/admin/sessions/sid", Request("/admin/sessions/{session}", ADMIN, prepare=a_call),
        (404, Request("/admin/sessions/nobody", ADMIN)),
    ),
    ("delete", "/admin/sessions/{session}"): admin(
        "/admin/sessions/sid", Request("/admin/sessions/{session}", ADMIN, prepare=a_call),
        (202, Request("/admin/sessions/{session}", ADMIN, prepare=elsewhere)),
        (404, Request("/admin/sessions/nobody", ADMIN)),
    ),
    ("get", "/admin/blocks"): admin("/admin/blocks", Request(headers=ADMIN, prepare=a_block)),
    ("put", "/admin/blocks/{kind}/{name}"): admin(
        "/admin/blocks/subject/ada", Request("/admin/blocks/subject/ada", ADMIN, {"seconds": 60}),
        (400, Request("/admin/blocks/subject/ada", ADMIN, {"seconds": 0})),
        (409, Request("/admin/blocks/subject/ada", ADMIN, {"seconds": 60}, no_room)),
    ),
    ("delete", "/admin/blocks/{kind}/{name}"): admin(
        "/admin/blocks/session/sid", Request("/admin/blocks/session/sid", ADMIN)
    ),
    ("get", "/admin/watches"): admin("/admin/watches", Request(headers=ADMIN, prepare=a_watch)),
    ("put", "/admin/watches/{kind}/{name}"): admin(
        "/admin/watches/session/sid", Request("/admin/watches/session/sid", ADMIN, {"seconds": 60}),
        (400, Request("/admin/watches/session/sid", ADMIN, {"seconds": 3601})),
        (409, Request("/admin/watches/session/sid", ADMIN, {"seconds": 60}, no_room)),
    ),
    ("delete", "/admin/watches/{kind}/{name}"): admin(
        "/admin/watches/session/sid", Request("/admin/watches/session/sid", ADMIN)
    ),
}  # fmt: skip
NOT_SENT: Key = ("get", "/ws", 400)
"""Headers that are not UTF-8, which aiohttp's client does not send: test_app.py has the raw request."""
DOCUMENTED: list[Key] = [
    (method, path, int(status))
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "servers"
    for status in operation["responses"]
]


def validator(schema: Any) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]}, format_checker=FormatChecker())


async def answer(
    running: Running, method: str, path: str, request: Request, values: Mapping[str, str]
) -> ClientResponse:
    port: Literal["public", "internal"] = (
        "public" if "public" in DOCUMENT["paths"][path][method]["tags"] else "internal"
    )
    headers = {name: value.format_map(values) for name, value in request.headers.items()}
    url = (request.path or path).format_map(values)
    client = running.public if port == "public" else running.internal
    response: ClientResponse = await client.request(method, url, headers=headers, json=request.json)
    return response


def test_every_documented_status_is_provoked() -> None:
    provoked = {(method, path, status) for (method, path), by_status in REQUESTS.items() for status in by_status}
    assert provoked | {NOT_SENT} == set(DOCUMENTED)


@pytest.mark.parametrize(("method", "path", "status"), [key for key in DOCUMENTED if key != NOT_SENT])
async def test_an_answer_is_as_documented(
    method: str, path: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = REQUESTS[method, path][status]
    tokens = {
        "admin_token_dir": secret_dir(tmp_path / "admin", one=ADMIN_TOKEN.encode()),
        "internal_token_dir": secret_dir(tmp_path / "internal", one=INTERNAL_TOKEN.encode()),
    }
    async with (
        pod_alone(tmp_path, **(tokens if request.tokens else {}), **request.settings) as running,
        AsyncExitStack() as stack,
    ):
        values = await request.prepare(running, monkeypatch, stack)
        response = await answer(running, method, path, request, values)
        documented = DOCUMENT["paths"][path][method]["responses"][str(response.status)]
        assert response.status == status
        assert all(name in response.headers for name in documented.get("headers", {}))
        content = documented.get("content", {})
        if status == 101:
            response.close()
        elif not content:
            assert await response.read() == b""
        elif "application/json" in content:
            assert response.content_type == "application/json"
            validator(content["application/json"]["schema"]).validate(await response.json())
        else:
            assert response.content_type in content or "*/*" in content
            assert await response.text()


@pytest.mark.parametrize("change", [{"more": 1}, {"current": None}, {"pods": "1"}, {"pods": -1}])
def test_a_body_that_differs_from_the_document_is_noticed(change: dict[str, Any]) -> None:
    schema = DOCUMENT["components"]["schemas"]["PoolStats"]
    distribution = {"count": 0, "p5": None, "p50": None, "p95": None, "p99": None}
    blank = {"integer": 0, "boolean": True, "object": {}}
    good = {
        name: blank.get(one.get("type"), distribution if "$ref" in one else None)
        for name, one in schema["properties"].items()
    }
    assert validator(schema).is_valid(good)
    assert not validator(schema).is_valid({**good, **change})
