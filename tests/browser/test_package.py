"""The packed npm package in the applications of its README."""

from pathlib import Path

import pytest
from tests.browser.applications import POOL, build, serving
from tests.browser.call import CallPage, chromium
from tests.browser.server import signaling_server

pytestmark = pytest.mark.browser


async def test_the_quick_starts_call_each_other_as_a_plain_page_and_built_with_vite_and_react(tmp_path: Path) -> None:
    project = build(tmp_path)
    async with serving(project) as (server, replacements):
        origin = f"http://localhost:{server.port}"
        async with (
            signaling_server(tmp_path / "server.log", ALLOWED_ORIGINS=origin) as pool,
            chromium() as browser,
        ):
            replacements[POOL] = pool.url.replace("http", "ws", 1) + "/ws"
            pages = [
                await CallPage.visit(browser, f"{origin}/{path}", permissions=["camera", "microphone"])
                for path in ("plain.html", "react/index.html")
            ]
            for page in pages:
                await page.sees("#status", "idle")
                await page.page.click("#join")
            for page in pages:
                await page.sees("#status", "connected")
                await page.assert_moving()
            plain, react = pages
            await react.page.click("#leave")
            await plain.sees("#status", "The other person left. Find someone else.")
            assert [page.problems for page in pages] == [[], []]
