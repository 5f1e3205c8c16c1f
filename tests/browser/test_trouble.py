"""What goes wrong during a call, and what the person sees of it."""

import signal
from pathlib import Path

import pytest
from tests.browser.call import CallPage, chromium, meet
from tests.browser.laptop import laptop
from tests.browser.network import Link
from tests.browser.server import signaling_server

pytestmark = pytest.mark.browser


async def test_a_call_goes_on_while_the_server_is_out_of_reach(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await meet(one, other)
        server.process.send_signal(signal.SIGSTOP)
        try:
            for person in (one, other):
                await person.sees("#banner", "Reconnecting to the server. The call goes on.")
                await person.assert_moving()
        finally:
            server.process.send_signal(signal.SIGCONT)

        for person in (one, other):
            await person.sees_no("#banner")
            await person.sees("#link", "Online")
            assert await person.state() == "connected"


async def test_a_call_outlives_a_restart_of_the_server(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "current").write_bytes(b"0123456789abcdef" * 4)
    settings = {"KEY_DIR": str(keys), "STOP_SECONDS": "1"}
    async with chromium() as browser:
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
            await meet(one, other)
            port = int(server.url.rsplit(":", 1)[1])
        async with signaling_server(tmp_path / "server.log", port, **settings):
            for person in (one, other):
                await person.sees("#link", "Online")
            await one.page.click("#show-chat")
            await one.page.fill("#text", "Are you there?")
            await one.page.press("#text", "Enter")

            await other.sees("#lines", "Are you there?")
            for person in (one, other):
                await person.wait_for_state("connected")
                await person.assert_moving()


async def test_media_that_falls_silent_comes_back_by_another_connection(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await meet(one, other)
        for person in (one, other):
            await person.assert_moving()

        await link.set(packetLoss=100)
        for person in (one, other):
            await person.sees("#headline", "The connection is interrupted")
        await link.set()

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_network_too_bad_for_a_picture_leaves_the_sound_and_says_so(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await meet(one, other)

        await link.set(packetLoss=40)

        await other.sees("#picture", "The network is too slow for your partner's picture.", 60)
        await one.sees("#banner", "your partner only hears you for now")
        assert await other.state() == "connected"


async def test_a_network_that_goes_and_comes_back_brings_the_call_back(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await meet(one, other)
        for person in (one, other):
            await person.assert_moving()

        await link.set(offline=True)
        for person in (one, other):
            await person.sees("#headline", "The connection is interrupted")
        await link.set()

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_laptop_that_was_closed_finds_its_call_again(tmp_path: Path) -> None:
    async with (
        signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server,
        chromium() as browser,
        laptop() as (lid, another_browser),
    ):
        one, other = await CallPage.open(another_browser, server.url), await CallPage.open(browser, server.url)
        await meet(one, other)

        with lid.closed():
            await other.sees("#headline", "Your partner's connection is interrupted")

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_second_tab_is_a_person_of_its_own(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one = await CallPage.open(browser, server.url)
        # A tab that was opened by another one begins with a copy of its storage.
        async with one.page.expect_popup() as popup:
            await one.page.evaluate("window.open(location.href)")
        other = CallPage.of(await popup.value)
        await other.ready()

        await meet(one, other)

        for person in (one, other):
            await person.sees("#link", "Online")
            await person.assert_moving()


async def test_whoever_presses_next_meets_somebody_else(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, left, third = [await CallPage.open(browser, server.url) for _ in range(3)]
        await meet(one, left)

        await one.page.click("#next")
        await left.sees("#detail", "Your partner moved on.")
        await third.look_for_partner()

        for person in (one, third):
            await person.wait_for_state("connected")
            await person.assert_moving()
        assert await left.state() == "idle"


async def test_a_busy_pool_says_so_and_lets_in_whoever_waited(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", CAPACITY="1") as server, chromium() as browser:
        first = await CallPage.open(browser, server.url)
        second = await CallPage.visit(browser, server.url, permissions=["camera", "microphone"])
        await second.sees("#detail", "All places are taken just now.")

        await first.page.close()

        await second.ready()
        assert "All places" not in await second.page.locator("#detail").inner_text()
