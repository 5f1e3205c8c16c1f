"""Security headers of all responses."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from switchboard_signaling.server.http.security import HEADERS, secure

PAGE = "https://page.example"


async def _fail(_request: web.Request) -> web.Response:
    raise web.HTTPForbidden


@pytest.mark.parametrize("https", [False, True])
async def test_errors_carry_the_headers_too_and_https_is_demanded_where_it_is_served(https: bool) -> None:
    app = web.Application()
    secure(app, https=https, origins=frozenset())
    app.router.add_get("/fails", _fail)
    async with TestClient(TestServer(app)) as client:
        for path, status in (("/fails", 403), ("/nowhere", 404)):
            answer = await client.get(path)
            assert answer.status == status
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert ("Strict-Transport-Security" in answer.headers) is https


async def test_a_page_that_is_listed_may_read_the_api_s_errors() -> None:
    app = web.Application()
    secure(app, https=False, origins=frozenset({PAGE}))
    app.router.add_get("/api/fails", _fail)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/api/fails", headers={"Origin": PAGE})
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        stranger = await client.get("/api/fails", headers={"Origin": "https://other.example"})
        assert "Access-Control-Allow-Origin" not in stranger.headers
