"""Pages of another origin than the pool's: allowed ones make calls, others get an error that explains why not."""

import secrets
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.browser.call import CallPage, chromium
from tests.browser.elsewhere import application
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server

pytestmark = pytest.mark.browser

VERSION = version("switchboard-signaling")
SDK = Path(__file__).resolve().parents[2] / "sdk" / "src"
DEVICES = {"permissions": ["camera", "microphone"]}


async def test_pages_of_an_allowed_origin_check_fetch_ice_servers_and_call(tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    async with application() as origin, turn_server(tmp_path, secret) as turn:
        settings = ice_directory(tmp_path / "directory.json", secret, turn.url())
        async with (
            signaling_server(tmp_path / "server.log", ALLOWED_ORIGINS=origin, **settings) as pool,
            chromium() as browser,
        ):
            url = f"{origin}/?pool={pool.url}&sdk={pool.url}/web/sdk/{VERSION}&relay=1"
            one, other = [await CallPage.visit(browser, url, **DEVICES) for _ in range(2)]
            for person in (one, other):
                await person.until("globalThis.calls?.snapshot.signaling === 'online'")

            checks = await one.page.evaluate("check()")
            [server] = await one.page.evaluate("calls.fetchIceServers()")

            assert checks == {"camera": True, "microphone": True, "signaling": True, "udp": True, "relay": True}
            assert server["urls"] == [turn.url()]
            assert server["credential"]

            for person in (one, other):
                await person.page.evaluate("calls.join()")
            for person in (one, other):
                await person.wait_for_state("connected")
                await person.assert_moving()
                assert person.problems == []


async def test_other_origins_cannot_load_the_sdk(tmp_path: Path) -> None:
    async with (
        application() as origin,
        signaling_server(tmp_path / "server.log", ALLOWED_ORIGINS="https://app.example") as pool,
        chromium() as browser,
    ):
        person = await CallPage.visit(browser, f"{origin}/?pool={pool.url}&sdk={pool.url}/web/sdk", **DEVICES)

        await person.sees("#words", "The SDK cannot be loaded: ")
        assert [text for text in person.problems if "blocked by CORS policy" in text and origin in text]


async def test_a_copy_of_the_sdk_reports_that_its_origin_is_not_allowed(tmp_path: Path) -> None:
    async with (
        application(SDK) as origin,
        signaling_server(tmp_path / "server.log", ALLOWED_ORIGINS="https://app.example") as pool,
        chromium() as browser,
    ):
        person = await CallPage.visit(browser, f"{origin}/?pool={pool.url}&sdk=/sdk", **DEVICES)

        await person.sees("#words", "This website is not allowed to make calls here.")
        assert await person.page.evaluate("calls.snapshot.problem.code") == "origin-refused"
        refused = await person.page.evaluate("calls.fetchIceServers().then(() => null, (error) => error.name)")
        assert refused == "TypeError"
