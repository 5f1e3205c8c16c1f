"""kopf itself against a small API server: what it watches, and that it only reads."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from switchboard_crds import names
from switchboard_operator.kube import KubeCredentials
from switchboard_operator.runtime import kopf_app

GROUP_VERSION = f"{names.GROUP}/{names.VERSION}"
VERBS = ["list", "watch", "get", "patch"]


def described(plural: str, kind: str, *, namespaced: bool) -> Any:
    """Return an API resource as discovery describes it."""
    return {"name": plural, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": VERBS}


def group(name: str, version: str) -> Any:
    """Return an API group with one version as discovery describes it."""
    described_version = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [described_version], "preferredVersion": described_version}


class ApiServer:
    """Serves resources of our kinds; every request is kept as method and path."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str | None] = set()
        self.url = ""
        self._events: dict[str, asyncio.Queue[Any]] = {kind.plural: asyncio.Queue() for kind in names.KINDS}

    def tell(self, plural: str, kind: str, name: str) -> None:
        """Have every watch of the kind report a changed resource."""
        metadata = {"name": name, "namespace": "web", "uid": name, "resourceVersion": "2"}
        obj = {"apiVersion": GROUP_VERSION, "kind": kind, "metadata": metadata, "spec": {}}
        self._events[plural].put_nowait({"type": "MODIFIED", "object": obj})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        self.tokens.add(request.headers.get("Authorization"))
        if "watch" in request.query:
            return await self._watch(request)
        kinds = [described(kind.plural, kind.kind, namespaced=True) for kind in names.KINDS]
        definitions = described("customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
        answers: dict[str, Any] = {
            "/api": {"versions": ["v1"]},
            "/api/v1": {"resources": [described("namespaces", "Namespace", namespaced=False)]},
            "/apis": {"groups": [group(names.GROUP, names.VERSION), group("apiextensions.k8s.io", "v1")]},
            "/apis/apiextensions.k8s.io/v1": {"resources": [definitions]},
            f"/apis/{GROUP_VERSION}": {"resources": kinds},
        }
        empty = {"metadata": {"resourceVersion": "1"}, "items": [], "resources": []}
        return web.json_response(answers.get(request.path, empty))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        events = self._events.get(request.path.rsplit("/", 1)[1], asyncio.Queue())
        while True:
            await stream.write(orjson.dumps(await events.get()) + b"\n")

    async def credentials(self) -> KubeCredentials:
        return KubeCredentials(self.url, None, None, None, "secret", insecure=True)


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    found = ApiServer()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.answer)
    async with TestServer(app) as server:
        found.url = str(server.make_url("")).rstrip("/")
        yield found


class Watching:
    """kopf at work, and the keys that it reports."""

    def __init__(self, api: ApiServer, namespaces: Sequence[str]) -> None:
        self.keys: asyncio.Queue[Any] = asyncio.Queue()
        self.stop, ready = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(
            kopf_app.watch(names.KINDS, api.credentials, namespaces, self.keys.put_nowait, self.stop, ready)
        )

    async def key(self) -> Any:
        return await asyncio.wait_for(self.keys.get(), 30)

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(self.task, 30)


@pytest.mark.parametrize("namespaces", [(), ("web",)])
async def test_a_change_of_each_kind_reports_its_key_and_nothing_is_written(
    api: ApiServer, namespaces: tuple[str, ...]
) -> None:
    watching = Watching(api, namespaces)
    for kind in names.KINDS:
        api.tell(kind.plural, kind.kind, "calls")
        assert await watching.key() == (kind.kind, "web", "calls")
    await watching.end()
    assert {method for method, _ in api.requests} == {"GET"}
    assert api.tokens == {"Bearer secret"}
    where = "/namespaces/web" if namespaces else ""
    listed = {f"/apis/{GROUP_VERSION}{where}/{kind.plural}" for kind in names.KINDS}
    assert listed <= {path for _, path in api.requests}
