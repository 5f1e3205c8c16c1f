"""What goes wrong during a call, and what the person sees of it."""

import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route
from tests.browser.call import CallPage, Diary, chromium, meet
from tests.browser.laptop import laptop
from tests.browser.network import Link
from tests.browser.pool import ice_directory
from tests.browser.server import Server, signaling_server
from tests.browser.tab import tab
from tests.browser.turn import turn_server
from tests.unit.signaling.jwts import secret_dir, token

pytestmark = pytest.mark.browser

Took = Callable[[str, float], None]
FRAMES = "document.getElementById('remote').getVideoPlaybackQuality().totalVideoFrames"
MEETING_SECONDS = 16
"""For two pages to load, sign in and meet on a busy machine, before their first sign-in expires."""


async def test_a_call_goes_on_while_the_server_is_out_of_reach(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await meet(one, other)
        server.process.send_signal(signal.SIGSTOP)
        try:
            for person in (one, other):
                await person.sees("#banner", "Reconnecting to the server. The call continues.")
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


async def test_a_call_whose_connection_is_replaced_while_it_is_measured_is_watched_on(tmp_path: Path) -> None:
    slow_statistics = """
      const measure = RTCPeerConnection.prototype.getStats;
      RTCPeerConnection.prototype.getStats = function () {
        top.measured = (top.measured ?? 0) + 1;
        return new Promise((done) => setTimeout(() => done(measure.call(this)), 400));
      };"""
    another = "document.querySelectorAll('iframe').length === 1 && document.querySelector('iframe') !== globalThis.old"
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await one.page.add_init_script(slow_statistics)
        await one.page.reload()
        await one.ready()
        await meet(one, other)

        for _ in range(3):
            await one.page.evaluate("globalThis.old = document.querySelector('iframe')")
            await one.page.evaluate("dispatchEvent(new Event('online'))")
            await one.until(another)

        seen = await one.page.evaluate("measured")
        await one.until(f"measured > {seen + 3}")


async def test_a_network_too_bad_for_a_picture_leaves_the_sound_and_says_so(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await meet(one, other)

        await link.set(packetLoss=40)

        await other.sees("#video-note", "The network is too slow for your partner's video.", 60)
        await one.sees("#banner", "your partner only hears you")
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
        await left.sees("#detail", "The other person moved on")
        await third.look_for_partner()

        for person in (one, third):
            await person.wait_for_state("connected")
            await person.assert_moving()
        assert await left.state() == "idle"


async def test_a_busy_pool_says_so_and_lets_in_whoever_waited(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", CAPACITY="1") as server, chromium() as browser:
        first = await CallPage.open(browser, server.url)
        second = await CallPage.visit(browser, server.url, permissions=["camera", "microphone"])
        await second.sees("#detail", "The service is full right now.")

        await first.page.close()

        await second.ready()
        assert "All places" not in await second.page.locator("#detail").inner_text()


async def test_a_relay_that_dies_interrupts_the_call_until_it_is_back(tmp_path: Path, took: Took) -> None:
    secret = secrets.token_hex(16)
    async with chromium() as browser, turn_server(tmp_path, secret) as turn:
        settings = ice_directory(tmp_path / "directory.json", secret, turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
            await meet(*people)
            for person in people:
                await person.assert_moving()

            await turn.kill()
            for person in people:
                await person.sees("#headline", "The connection is interrupted")
                await person.sees("#link", "Online")
            back = time.monotonic()
            async with turn_server(tmp_path, secret, turn.port):
                for person in people:
                    await person.wait_for_state("connected", 60)
                    await person.assert_moving()
                    assert await person.path() == "relay"
                took("moving pictures after the relay was back", time.monotonic() - back)


async def test_a_relay_that_is_replaced_elsewhere_is_asked_for(tmp_path: Path, took: Took) -> None:
    secret, directory = secrets.token_hex(16), tmp_path / "directory.json"
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with chromium() as browser, turn_server(first, secret) as one_turn:
        settings = ice_directory(directory, secret, one_turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
            await meet(*people)
            for person in people:
                await person.assert_moving()

            await one_turn.kill()
            for person in people:
                await person.sees("#headline", "The connection is interrupted")
            async with turn_server(second, secret) as another_turn:
                ice_directory(directory, secret, another_turn.url())
                known = time.monotonic()
                for person in people:
                    await person.wait_for_state("connected", 60)
                    await person.assert_moving()
                    assert await person.path() == "relay"
                took("moving pictures after the pool knew another relay", time.monotonic() - known)


async def test_another_relay_takes_over_from_one_that_dies(tmp_path: Path, took: Took) -> None:
    secret = secrets.token_hex(16)
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with (
        turn_server(first, secret) as one_turn,
        turn_server(second, secret) as another_turn,
        chromium() as browser,
    ):
        settings = ice_directory(tmp_path / "directory.json", secret, one_turn.url(), another_turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
            await meet(*people)
            for person in people:
                await person.assert_moving()
            diaries = [await Diary.of(person) for person in people]

            await one_turn.kill()
            for person in people:
                await person.until("performance.now() - diary.began > 2000")
                await person.wait_for_state("connected", 60)
                await person.assert_moving()
                assert await person.path() == "relay"

            for diary in diaries:
                took("no moving picture for", await diary.longest_standstill())


async def test_a_tab_in_the_background_keeps_its_call(tmp_path: Path, took: Took) -> None:
    async with (
        signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server,
        chromium() as browser,
        tab(server.url, tmp_path / "profile") as one,
    ):
        other = await CallPage.open(browser, server.url)
        await one.until("document.querySelector('#start:enabled') !== null")
        await one.evaluate("document.getElementById('start').click()")
        await other.look_for_partner()
        await other.wait_for_state("connected")
        diary = await Diary.of(other)

        await one.hide()
        server.process.send_signal(signal.SIGSTOP)
        try:
            await one.says("#banner", "Reconnecting to the server. The call continues.")
        finally:
            server.process.send_signal(signal.SIGCONT)
        await one.says("#link", "Online")
        await other.sees("#link", "Online")
        await other.page.click("#show-chat")
        await other.page.fill("#text", "Are you there?")
        await other.page.press("#text", "Enter")
        await one.says("#lines", "Are you there?")
        await other.assert_moving()
        assert not any("The connection is interrupted" in said for said in await diary.said())

        shown = time.monotonic()
        await one.show()
        await one.until("document.body.dataset.state === 'connected'")
        before = await one.evaluate(FRAMES)
        await one.until(f"{FRAMES} > {before}")
        took("moving pictures after the tab was shown", time.monotonic() - shown)


async def signed_in(browser: Browser, server: Server, give: Callable[[], str]) -> CallPage:
    """Open the page as an application would embed it whose people are signed in: `give` is asked for their JWT."""

    async def with_token(route: Route) -> None:
        answer = await route.fetch()
        text = await answer.text()
        embedded = text.replace("new Switchboard()", "new Switchboard({ token: (wish) => giveToken(wish) })")
        assert embedded != text
        await route.fulfill(response=answer, body=embedded)

    context = await browser.new_context(permissions=["camera", "microphone"])
    await context.route("**/web/app.js", with_token)
    person = CallPage.of(await context.new_page())
    await person.page.expose_function("giveToken", lambda _wish: give())
    await person.page.goto(server.url)
    await person.ready()
    return person


async def test_a_sign_in_that_expires_is_renewed_unseen_or_asked_for_while_the_call_goes_on(
    tmp_path: Path, took: Took
) -> None:
    settings = {"AUTH_TYPE": "SharedSecret", "AUTH_SECRET_DIR": str(secret_dir(tmp_path / "secrets"))}
    async with signaling_server(tmp_path / "server.log", **settings) as server, chromium() as browser:
        one = await signed_in(browser, server, lambda: token(sub="ada", exp=int(time.time()) + MEETING_SECONDS))
        expiring = [token(sub="ben", exp=int(time.time()) + MEETING_SECONDS)]
        other = await signed_in(browser, server, lambda: expiring[-1])
        await meet(one, other)
        diary = await Diary.of(one)
        expiring.append("")

        await other.sees("#banner", "This page could not sign you in. Sign in again.")
        for person in (one, other):
            await person.assert_moving()

        signed = time.monotonic()
        expiring.append(token(sub="ben"))
        await other.sees_no("#banner")
        await other.sees("#link", "Online")
        took("online after signing in again", time.monotonic() - signed)
        assert await other.state() == "connected"
        await one.assert_moving()
        assert not any("sign" in said.lower() for said in await diary.said())
