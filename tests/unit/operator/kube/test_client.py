from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from switchboard_operator.kube.client import Kube, UnavailableError
from switchboard_operator.kube.resources import POD

PAGE = b"<html>\n<body>502 Bad Gateway</body>\n</html>\n"


@pytest.fixture
def answers() -> list[bytes]:
    """What the server answers, each time the last item."""
    return []


@pytest.fixture
async def kube(answers: list[bytes]) -> AsyncIterator[Kube]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=answers[-1])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        configuration = client.Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        found = Kube(configuration, "tester")
        yield found
        await found.close()


async def test_an_answer_is_a_json_object(kube: Kube, answers: list[bytes]) -> None:
    answers.append(b'{"kind": "Pod"}')
    assert await kube.get(POD, "web", "a") == {"kind": "Pod"}


@pytest.mark.parametrize("body", [PAGE, b"", b'"ok"', b"[]", b"\xff"])
async def test_an_answer_that_is_no_json_object_counts_as_no_answer(
    kube: Kube, answers: list[bytes], body: bytes
) -> None:
    answers.append(body)
    with pytest.raises(UnavailableError, match=r"GET .*/pods/a: no JSON object.*Remedy"):
        await kube.get(POD, "web", "a")


async def test_a_watch_that_yields_no_json_counts_as_no_answer(kube: Kube, answers: list[bytes]) -> None:
    answers.append(PAGE)
    events: list[Any] = []
    with pytest.raises(UnavailableError, match=r"watch of pods: no JSON object.*Remedy"):
        events.extend([event async for event in kube.watch(POD, "web", "", "1")])
    assert events == []
