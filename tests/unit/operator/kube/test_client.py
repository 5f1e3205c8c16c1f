import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client, config

from switchboard_operator.kube import client as kube_client
from switchboard_operator.kube.client import ApiError, Kube, KubeError, UnavailableError, current_namespace
from switchboard_operator.kube.resources import POD

PAGE = b"<html>\n<body>502 Bad Gateway</body>\n</html>\n"
OBJECT = {"metadata": {"name": "a", "namespace": "web"}, "spec": {"x": 1}}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    """Answers each request with the next of its answers, the last one again and again; keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[web.Request] = []
        self.bodies: list[Any] = []
        self.counted: list[tuple[str, str]] = []

    def answers_with(self, body: Any, status: int = 200) -> None:
        data = body if isinstance(body, bytes) else orjson.dumps(body)

        async def answer(_: web.Request) -> web.Response:
            return web.Response(body=data, status=status)

        self.answers.append(answer)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(orjson.loads(await request.read() or b"null"))
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    @property
    def queries(self) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.requests]


async def hang(_: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError


async def cut(request: web.Request) -> web.Response:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@pytest.fixture
def api() -> ApiServer:
    return ApiServer()


@pytest.fixture
async def kube(api: ApiServer) -> AsyncIterator[Kube]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    async with TestServer(app) as server:
        configuration = client.Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        configuration.api_key = {"BearerToken": "Bearer secret"}
        found = Kube(configuration, "tester", lambda verb, code: api.counted.append((verb, code)))
        yield found
        await found.close()


async def test_an_answer_is_a_json_object(kube: Kube, api: ApiServer) -> None:
    api.answers_with({"kind": "Pod"})
    assert await kube.get(POD, "web", "a") == {"kind": "Pod"}
    [request] = api.requests
    assert (request.method, request.path) == ("GET", "/api/v1/namespaces/web/pods/a")
    assert request.headers["Authorization"] == "Bearer secret"
    assert request.headers["User-Agent"] == "tester"
    assert api.counted == [("GET", "200")]


@pytest.mark.parametrize("body", [PAGE, b"", b'"ok"', b"[]", b"\xff"])
async def test_an_answer_other_than_a_json_object_counts_as_no_answer(kube: Kube, api: ApiServer, body: bytes) -> None:
    api.answers_with(body)
    with pytest.raises(UnavailableError, match=r"GET .*/pods/a: expected a JSON object.*Remedy"):
        await kube.get(POD, "web", "a")


async def test_an_object_that_does_not_exist_is_none(kube: Kube, api: ApiServer) -> None:
    api.answers_with({"reason": "NotFound", "message": "pods a not found"}, 404)
    assert await kube.get(POD, "web", "a") is None
    assert api.counted == [("GET", "404")]


@pytest.mark.parametrize(
    ("body", "reason", "message"),
    [
        ({"reason": "Forbidden", "message": "no rights"}, "Forbidden", "no rights"),
        (PAGE, "", PAGE.decode()),
        ([], "", "[]"),
        ({}, "", "{}"),
        (b"\xff", "", "�"),
    ],
)
async def test_a_refusal_has_status_reason_and_message(
    kube: Kube, api: ApiServer, body: Any, reason: str, message: str
) -> None:
    api.answers_with(body, 403)
    with pytest.raises(ApiError) as caught:
        await kube.get(POD, "web", "a")
    assert (caught.value.status, caught.value.reason, caught.value.message) == (403, reason, message)


async def test_a_hanging_request_times_out(kube: Kube, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube_client, "REQUEST_TIMEOUT", 0.05)
    api.answers.append(hang)
    with pytest.raises(UnavailableError, match=r"GET .*/pods/a: TimeoutError"):
        await kube.get(POD, "web", "a")
    assert api.counted == [("GET", "none")]


async def test_a_lost_connection_counts_as_no_answer(kube: Kube, api: ApiServer) -> None:
    api.answers.append(cut)
    with pytest.raises(UnavailableError):
        await kube.get(POD, "web", "a")


async def test_an_unreachable_server_counts_as_no_answer() -> None:
    configuration = client.Configuration()
    configuration.host = "http://127.0.0.1:1"
    kube = Kube(configuration, "tester")
    with pytest.raises(UnavailableError, match="ConnectorError"):
        await kube.get(POD, "web", "a")
    await kube.close()


async def test_apply_names_the_field_manager_and_takes_fields_over(kube: Kube, api: ApiServer) -> None:
    api.answers_with(OBJECT)
    assert await kube.apply(POD, OBJECT, "status") == OBJECT
    [request] = api.requests
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/web/pods/a/status")
    assert request.headers["Content-Type"] == "application/apply-patch+yaml"
    assert api.queries == [{"fieldManager": "tester", "force": "true"}]
    assert api.bodies == [OBJECT]


async def test_a_patch_is_a_merge_patch(kube: Kube, api: ApiServer) -> None:
    api.answers_with(OBJECT)
    await kube.patch(POD, "web", "a", {"spec": {"x": None}})
    [request] = api.requests
    assert request.headers["Content-Type"] == "application/merge-patch+json"
    assert (api.queries, api.bodies) == ([{"fieldManager": "tester"}], [{"spec": {"x": None}}])


async def test_a_conflict_of_a_write_is_raised(kube: Kube, api: ApiServer) -> None:
    api.answers_with({"reason": "Conflict"}, 409)
    with pytest.raises(ApiError, match="409 Conflict"):
        await kube.patch(POD, "web", "a", {})


@pytest.mark.parametrize("status", [200, 404, 409])
async def test_only_the_object_with_the_expected_uid_is_deleted(kube: Kube, api: ApiServer, status: int) -> None:
    api.answers_with({}, status)
    await kube.delete(POD, "web", "a", "its uid")
    assert api.bodies == [{"preconditions": {"uid": "its uid"}, "propagationPolicy": "Background"}]


async def test_a_refused_deletion_is_raised(kube: Kube, api: ApiServer) -> None:
    api.answers_with({}, 403)
    with pytest.raises(ApiError):
        await kube.delete(POD, "web", "a", "its uid")


async def test_a_long_list_comes_in_chunks(kube: Kube, api: ApiServer) -> None:
    api.answers_with({"metadata": {"resourceVersion": "7", "continue": "next"}, "items": [{"n": 1}]})
    api.answers_with({"metadata": {"resourceVersion": "7"}, "items": None})
    assert await kube.list(POD, None, "a=b") == ([{"n": 1}], "7")
    assert [query.get("continue") for query in api.queries] == [None, "next"]
    assert all(query["labelSelector"] == "a=b" and query["limit"] == "500" for query in api.queries)


async def test_a_watch_yields_events_independent_of_chunk_boundaries(kube: Kube, api: ApiServer) -> None:
    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"type": "AD', b'DED"}\n\n{"type":', b' "DELETED"}\n'):
            await response.write(piece)
        return response

    api.answers.append(stream)
    events = [event["type"] async for event in kube.watch(POD, "web", "a=b", "7")]
    assert events == ["ADDED", "DELETED"]
    assert api.queries == [
        {"labelSelector": "a=b", "resourceVersion": "7", "watch": "1", "allowWatchBookmarks": "true"}
    ]


async def test_a_watch_after_an_expired_version_is_refused(kube: Kube, api: ApiServer) -> None:
    api.answers_with({"reason": "Expired", "message": "too old resource version"}, 410)
    with pytest.raises(ApiError, match="410 Expired") as caught:
        await anext(kube.watch(POD, "web", "", "1"))
    assert caught.value.status == 410


async def test_a_watch_that_yields_no_json_counts_as_no_answer(kube: Kube, api: ApiServer) -> None:
    api.answers_with(PAGE)
    events: list[Any] = []
    with pytest.raises(UnavailableError, match=r"watch of pods: expected a JSON object.*Remedy"):
        events.extend([event async for event in kube.watch(POD, "web", "", "1")])
    assert events == []


async def test_a_silent_watch_times_out(kube: Kube, api: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def one_event(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"type": "BOOKMARK"}\n')
        return await hang(request)

    monkeypatch.setattr(kube_client, "IDLE_TIMEOUT", 0.2)
    api.answers.append(one_event)
    async with aclosing(kube.watch(POD, "web", "", "1")) as events:
        assert (await anext(events))["type"] == "BOOKMARK"
        with pytest.raises(UnavailableError, match="watch of pods"):
            await anext(events)


async def test_credentials_for_others_are_those_of_the_configuration(kube: Kube) -> None:
    found = await kube.credentials()
    assert (found.token, found.insecure, found.certificate_path) == ("secret", False, None)
    assert found.server.startswith("http://127.0.0.1")


KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "http://10.0.0.1"}}]
users: [{name: u, user: {token: abc}}]
contexts: [{name: here, context: {cluster: c, user: u%s}}]
"""


def use_kubeconfig(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(config.kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))


async def test_outside_a_cluster_the_kubeconfigs_context_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_kubeconfig(monkeypatch, tmp_path / "config")
    (tmp_path / "config").write_text(KUBECONFIG % ", namespace: web")
    kube = await Kube.load("tester")
    found = await kube.credentials()
    await kube.close()
    assert (found.server, found.token, current_namespace()) == ("http://10.0.0.1", "abc", "web")
    (tmp_path / "config").write_text(KUBECONFIG % "")
    assert current_namespace() == "default"


async def test_without_a_cluster_the_error_has_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_kubeconfig(monkeypatch, tmp_path / "none")
    with pytest.raises(KubeError, match=r"no cluster configured: .*Remedy: set KUBECONFIG"):
        await Kube.load("tester")
    assert current_namespace() == "default"
