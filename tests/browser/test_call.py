"""Calls between two pages."""

import secrets
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from tests.browser.call import CallPage, chromium, start_call
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server
from tests.browser.waiting import until

pytestmark = pytest.mark.browser


async def test_a_call_connects_with_video_in_both_directions(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)

        await start_call(one, other)

        for person in (one, other):
            await person.assert_moving()
            assert person.problems == []


async def test_the_page_shows_that_the_other_person_left(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)

        await one.page.click("#leave")

        await other.wait_for_state("idle")
        assert "The other person left." in await other.page.locator("#detail").inner_text()


async def test_a_reload_resumes_the_call(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)

        await one.page.reload()

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_relay_only_call_uses_the_turn_server_of_the_pool(tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    async with turn_server(tmp_path, secret) as turn:
        settings = ice_directory(tmp_path / "directory.json", secret, turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as pod, chromium() as browser:
            one = await CallPage.open(browser, f"{pod.url}/?relay=1")
            other = await CallPage.open(browser, f"{pod.url}/?relay=1")

            await start_call(one, other)

            for person in (one, other):
                await person.assert_moving()
                assert await person.path() == "relay"


async def test_both_pages_report_the_call_to_the_pool(tmp_path: Path) -> None:
    async with (
        signaling_server(tmp_path / "server.log") as server,
        chromium() as browser,
        ClientSession(server.url) as http,
    ):
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)

        async def stats() -> dict[str, Any]:
            async with http.get("/api/webrtc/stats") as answer:
                found: dict[str, Any] = await answer.json()
                return found

        async def reported() -> bool:
            return (await stats())["score"]["count"] >= 2

        await until(reported, "a report of each side")
        found = await stats()
        assert (found["connected"], found["failed"], found["relayedShare"]) == (2, 0, 0)
        assert found["setupMs"]["count"] == 2


async def test_a_relay_only_call_without_a_relay_fails_within_the_connection_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTION_TIMEOUT", "3000")
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
        for person in people:
            await person.join_queue()

        for person in people:
            await person.sees("#detail", "this service has no relay", 15)
            await person.wait_for_state("failed")
