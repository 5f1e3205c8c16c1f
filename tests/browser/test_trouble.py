"""Faults during a call: what the page shows, and how the call recovers."""

import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route
from tests.browser.call import CallPage, Recording, chromium, start_call
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
FULL = "The service is full right now."
SETUP_SECONDS = 16
"""Enough for two pages to load, sign in and connect on a busy machine before their first token expires."""


async def test_a_call_continues_while_the_server_is_unreachable(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)
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


async def test_a_call_survives_a_restart_of_the_server(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "current").write_bytes(b"0123456789abcdef" * 4)
    settings = {"KEY_DIR": str(keys), "STOP_SECONDS": "1"}
    async with chromium() as browser:
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
            await start_call(one, other)
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


async def test_media_recovers_after_total_packet_loss(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await start_call(one, other)
        for person in (one, other):
            await person.assert_moving()

        await link.set(packetLoss=100)
        for person in (one, other):
            await person.sees("#headline", "The connection is interrupted")
        await link.set()

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_connection_that_is_replaced_during_a_measurement_is_still_measured(tmp_path: Path) -> None:
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
        await start_call(one, other)

        for _ in range(3):
            await one.page.evaluate("globalThis.old = document.querySelector('iframe')")
            await one.page.evaluate("dispatchEvent(new Event('online'))")
            await one.until(another)

        before = await one.page.evaluate("measured")
        await one.until(f"measured > {before + 3}")


async def test_a_network_too_bad_for_video_keeps_the_audio_and_shows_a_note(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await start_call(one, other)

        await link.set(packetLoss=40)

        await other.sees("#video-note", "The network is too slow for your partner's video.", 60)
        await one.sees("#banner", "your partner only hears you")
        assert await other.state() == "connected"


async def test_a_call_recovers_when_the_network_returns(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await start_call(one, other)
        for person in (one, other):
            await person.assert_moving()

        await link.set(offline=True)
        for person in (one, other):
            await person.sees("#headline", "The connection is interrupted")
        await link.set()

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_call_recovers_after_the_laptop_was_closed(tmp_path: Path) -> None:
    async with (
        signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server,
        chromium() as browser,
        laptop() as (lid, another_browser),
    ):
        one, other = await CallPage.open(another_browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)

        with lid.closed():
            await other.sees("#headline", "Your partner's connection is interrupted")

        for person in (one, other):
            await person.wait_for_state("connected")
            await person.assert_moving()


async def test_a_second_tab_has_a_session_of_its_own(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one = await CallPage.open(browser, server.url)
        # A tab that another tab opens starts with a copy of its session storage.
        async with one.page.expect_popup() as popup:
            await one.page.evaluate("window.open(location.href)")
        other = CallPage.of(await popup.value)
        await other.ready()

        await start_call(one, other)

        for person in (one, other):
            await person.sees("#link", "Online")
            await person.assert_moving()


async def test_the_next_call_is_with_another_person(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, left, third = [await CallPage.open(browser, server.url) for _ in range(3)]
        await start_call(one, left)

        await one.page.click("#next")
        await left.sees("#detail", "The other person moved on")
        await third.join_queue()

        for person in (one, third):
            await person.wait_for_state("connected")
            await person.assert_moving()
        assert await left.state() == "idle"


async def test_a_page_waits_while_the_pool_is_full_and_then_starts(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log", CAPACITY="1") as server, chromium() as browser:
        first = await CallPage.open(browser, server.url)
        second = await CallPage.visit(browser, server.url, permissions=["camera", "microphone"])
        await second.sees("#detail", FULL)

        await first.page.close()

        await second.ready()
        assert FULL not in await second.page.locator("#detail").inner_text()


async def test_a_call_recovers_when_its_relay_restarts(tmp_path: Path, took: Took) -> None:
    secret = secrets.token_hex(16)
    async with chromium() as browser, turn_server(tmp_path, secret) as turn:
        settings = ice_directory(tmp_path / "directory.json", secret, turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
            await start_call(*people)
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
                took("video after the restart of the relay", time.monotonic() - back)


async def test_a_call_recovers_over_a_relay_at_a_new_address(tmp_path: Path, took: Took) -> None:
    secret, directory = secrets.token_hex(16), tmp_path / "directory.json"
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    async with chromium() as browser, turn_server(first, secret) as one_turn:
        settings = ice_directory(directory, secret, one_turn.url())
        async with signaling_server(tmp_path / "server.log", **settings) as server:
            people = [await CallPage.open(browser, f"{server.url}/?relay=1") for _ in range(2)]
            await start_call(*people)
            for person in people:
                await person.assert_moving()

            await one_turn.kill()
            for person in people:
                await person.sees("#headline", "The connection is interrupted")
            async with turn_server(second, secret) as another_turn:
                ice_directory(directory, secret, another_turn.url())
                listed = time.monotonic()
                for person in people:
                    await person.wait_for_state("connected", 60)
                    await person.assert_moving()
                    assert await person.path() == "relay"
                took("video after the pool listed another relay", time.monotonic() - listed)


async def test_a_call_fails_over_to_another_relay(tmp_path: Path, took: Took) -> None:
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
            await start_call(*people)
            for person in people:
                await person.assert_moving()
            recordings = [await Recording.start(person) for person in people]

            await one_turn.kill()
            for person in people:
                await person.until("performance.now() - recording.began > 2000")
                await person.wait_for_state("connected", 60)
                await person.assert_moving()
                assert await person.path() == "relay"

            for recording in recordings:
                took("no video", await recording.longest_freeze())


async def test_a_background_tab_keeps_its_call(tmp_path: Path, took: Took) -> None:
    async with (
        signaling_server(tmp_path / "server.log", HEARTBEAT_SECONDS="1") as server,
        chromium() as browser,
        tab(server.url, tmp_path / "profile") as one,
    ):
        other = await CallPage.open(browser, server.url)
        await one.until("document.querySelector('#start:enabled') !== null")
        await one.evaluate("document.getElementById('start').click()")
        await other.join_queue()
        await other.wait_for_state("connected")
        recording = await Recording.start(other)

        await one.hide()
        server.process.send_signal(signal.SIGSTOP)
        try:
            await one.sees("#banner", "Reconnecting to the server. The call continues.")
        finally:
            server.process.send_signal(signal.SIGCONT)
        await one.sees("#link", "Online")
        await other.sees("#link", "Online")
        await other.page.click("#show-chat")
        await other.page.fill("#text", "Are you there?")
        await other.page.press("#text", "Enter")
        await one.sees("#lines", "Are you there?")
        await other.assert_moving()
        assert not any("The connection is interrupted" in text for text in await recording.texts())

        shown = time.monotonic()
        await one.show()
        await one.until("document.body.dataset.state === 'connected'")
        before = await one.evaluate(FRAMES)
        await one.until(f"{FRAMES} > {before}")
        took("video after the tab was shown", time.monotonic() - shown)


async def signed_in(browser: Browser, server: Server, jwt: Callable[[], str]) -> CallPage:
    """Open the page with the SDK's option `token`, whose callback returns `jwt()`."""

    async def with_token(route: Route) -> None:
        answer = await route.fetch()
        text = await answer.text()
        embedded = text.replace("new Switchboard()", "new Switchboard({ token: () => fetchToken() })")
        assert embedded != text
        await route.fulfill(response=answer, body=embedded)

    context = await browser.new_context(permissions=["camera", "microphone"])
    await context.route("**/web/app.js", with_token)
    person = CallPage.of(await context.new_page())
    await person.page.expose_function("fetchToken", jwt)
    await person.page.goto(server.url)
    await person.ready()
    return person


async def test_an_expired_token_is_renewed_or_the_user_is_asked_to_sign_in_while_the_call_continues(
    tmp_path: Path, took: Took
) -> None:
    settings = {"AUTH_TYPE": "SharedSecret", "AUTH_SECRET_DIR": str(secret_dir(tmp_path / "secrets"))}
    async with signaling_server(tmp_path / "server.log", **settings) as server, chromium() as browser:
        one = await signed_in(browser, server, lambda: token(sub="ada", exp=int(time.time()) + SETUP_SECONDS))
        expiring = [token(sub="ben", exp=int(time.time()) + SETUP_SECONDS)]
        other = await signed_in(browser, server, lambda: expiring[-1])
        await start_call(one, other)
        recording = await Recording.start(one)
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
        assert not any("sign" in text.lower() for text in await recording.texts())
