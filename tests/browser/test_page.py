"""The call page's texts, chat, statistics, checks and accessibility."""

import secrets
from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.browser.call import CallPage, chromium, start_call
from tests.browser.pool import ice_directory
from tests.browser.server import signaling_server
from tests.browser.turn import turn_server
from tools.npm import npm_packages

pytestmark = pytest.mark.browser

ALLOW_WITHOUT_PROMPT = "--use-fake-ui-for-media-stream"
SERIOUS = ("serious", "critical")


async def test_the_page_explains_blocked_devices_and_starts_once_they_are_allowed(tmp_path: Path) -> None:
    async with (
        signaling_server(tmp_path / "server.log") as server,
        chromium(without=(ALLOW_WITHOUT_PROMPT,)) as browser,
    ):
        person = await CallPage.visit(browser, server.url)

        await person.sees("#headline", "The browser does not allow this page to use your camera and microphone.")
        await person.sees("#detail", "Allow them in the address bar")

        await person.page.context.grant_permissions(["camera", "microphone"])
        await person.page.click("#solve")
        await person.ready()
        await person.sees("#headline", "Ready when you are")


async def test_a_person_without_a_camera_receives_video(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await one.page.add_init_script(
            """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getUserMedia = async (constraints) => {
              if (constraints.video) throw new DOMException("", "NotFoundError");
              return open(constraints);
            };"""
        )
        await one.page.reload()
        await one.ready()
        await one.sees("#detail", "No camera was found.")

        await start_call(one, other)

        await other.sees("#video-note", "Your partner has no camera.")
        await one.until("document.getElementById('remote').videoWidth > 0")


async def test_the_page_shows_that_the_other_camera_is_off(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)
        await other.assert_moving()

        await one.page.keyboard.press("v")
        await other.sees("#video-note", "Your partner's camera is off.")
        await one.page.keyboard.press("v")

        await other.sees_no("#video-note")
        await other.assert_moving()


async def test_chat_messages_reach_the_other_page(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)

        await one.page.click("#show-chat")
        await one.page.keyboard.type("Good morning <b>")
        await one.page.keyboard.press("Enter")

        await other.sees("#lines", "Partner: Good morning <b>")
        await one.sees("#lines", "You: Good morning <b>")


async def test_the_panel_shows_statistics(tmp_path: Path) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        await start_call(one, other)
        await one.page.click("#show-panel")

        await expect(one.page.locator("#stats-received")).to_contain_text("bit/s", timeout=10_000)
        await expect(one.page.locator("#stats-rtt")).to_contain_text("ms", timeout=10_000)
        await expect(one.page.locator("#stats dd").nth(2)).to_contain_text("\N{MULTIPLICATION SIGN}", timeout=10_000)

        await one.page.select_option("#video-quality", "low")
        await other.until("[1, 2].includes(Math.ceil(document.getElementById('remote').videoHeight / 90))")


async def test_the_checks_before_a_call_pass(tmp_path: Path) -> None:
    secret = secrets.token_hex(16)
    async with turn_server(tmp_path, secret) as turn:
        settings = ice_directory(tmp_path / "directory.json", secret, turn.url())
        async with (
            signaling_server(tmp_path / "server.log", **settings) as pod,
            chromium() as browser,
        ):
            person = await CallPage.open(browser, pod.url)

            await person.page.click("#check")

            for check in ("camera", "microphone", "signaling", "udp", "relay"):
                await expect(person.page.locator(f"[data-check={check}]")).to_have_attribute("data-ok", "true")


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_the_page_is_accessible(tmp_path: Path, scheme: str) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        people = [
            await CallPage.visit(
                browser, server.url, permissions=["camera", "microphone"], color_scheme=scheme, bypass_csp=True
            )
            for _ in range(2)
        ]
        one, other = people
        for person in people:
            await person.ready()

        assert await serious(one) == []
        await one.page.click("#check")
        assert await serious(one) == []
        await one.page.keyboard.press("Escape")
        await start_call(one, other)
        await one.page.click("#show-panel")
        await one.page.click("#show-chat")
        assert await serious(one) == []
        await one.page.click("#leave")
        await other.sees("#detail", "The other person left.")
        assert await serious(other) == []


async def test_a_page_without_a_token_asks_the_user_to_sign_in(tmp_path: Path) -> None:
    keys = tmp_path / "secrets"
    keys.mkdir()
    (keys / "current").write_text(secrets.token_hex(32))
    settings = {"AUTH_TYPE": "SharedSecret", "AUTH_SECRET_DIR": str(keys)}
    async with signaling_server(tmp_path / "server.log", **settings) as server, chromium() as browser:
        person = await CallPage.visit(browser, server.url, permissions=["camera", "microphone"])

        await person.sees("#headline", "You must sign in to make calls here.")
        await expect(person.page.locator("#solve")).to_have_text("Sign in")


async def serious(person: CallPage) -> list[str]:
    """Return axe-core's serious and critical violations as text."""
    await person.page.add_script_tag(path=npm_packages() / "axe-core" / "axe.min.js")
    found = await person.page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
