"""Calls while the networks below them change or degrade."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser.call import CallPage, Recording, chromium, start_call
from tests.browser.lan import HOST, Home, lan
from tests.browser.network import Link
from tests.browser.server import signaling_server
from tests.browser.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Took = Callable[[str, float], None]
MBIT = 1_000_000 / 8
"""Bytes per second."""
INTERRUPTED = "The connection is interrupted"
TOO_SLOW = "The network is too slow for your partner's video."


async def height(person: CallPage) -> int:
    """Return the height of the remote video in pixels."""
    return int(await person.page.evaluate("document.getElementById('remote').videoHeight"))


async def is_reduced(person: CallPage) -> bool:
    """Return whether the remote video is small, or replaced by a note that explains why."""
    noted = await person.page.locator("#video-note", has_text=TOO_SLOW).is_visible()
    return noted or 0 < await height(person) <= 180


@pytest.mark.cluster
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
@pytest.mark.parametrize("both_up", [False, True], ids=["the other comes up", "both are up"])
async def test_a_call_continues_over_another_network(tmp_path: Path, took: Took, both_up: bool) -> None:
    with lan(tmp_path, ada=("wifi0", "cell0"), ben=("eth0",)) as (ada, ben):
        ada.interface("cell0", up=both_up)
        for name, freeze in (await call_over_two_networks(ada, ben, tmp_path, both_up=both_up)).items():
            took(f"no video for {name}", freeze)
            assert freeze < 15


async def call_over_two_networks(ada: Home, ben: Home, folder: Path, *, both_up: bool) -> dict[str, float]:
    """Disconnect the first of Ada's networks, connect the second unless it is up, and return both longest freezes."""
    async with signaling_server(folder / "server.log", host=HOST) as server:
        trusted = f"--unsafely-treat-insecure-origin-as-secure={server.url}"
        async with (
            chromium(trusted, executable=ada.browser) as first,
            chromium(trusted, executable=ben.browser) as second,
        ):
            one, other = await CallPage.open(first, server.url), await CallPage.open(second, server.url)
            await start_call(one, other)
            for person in (one, other):
                await person.assert_moving()
            recordings = [await Recording.start(person) for person in (one, other)]

            ada.interface("wifi0", up=False)
            if not both_up:
                await one.until("!navigator.onLine")
                ada.interface("cell0", up=True)

            for person in (one, other):
                await person.until("performance.now() - recording.began > 2000")
                await person.assert_moving()
                await person.wait_for_state("connected")
                await person.sees("#link", "Online")
                await person.assert_moving()
            return {
                home.name: await recording.longest_freeze()
                for home, recording in zip((ada, ben), recordings, strict=True)
            }


async def test_low_bandwidth_reduces_the_video_until_it_recovers(tmp_path: Path, took: Took) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await link.set(uploadThroughput=2 * MBIT, downloadThroughput=2 * MBIT)
        await start_call(one, other)
        await other.until("document.getElementById('remote').videoHeight >= 360", 60)
        recording = await Recording.start(other)

        await link.set(uploadThroughput=0.15 * MBIT, downloadThroughput=0.15 * MBIT)
        took("video that fits 150 kbit/s", await until(lambda: is_reduced(other), "reduced video", 60))

        await link.set(uploadThroughput=2 * MBIT, downloadThroughput=2 * MBIT)

        async def is_restored() -> bool:
            return await height(other) >= 360 and not await is_reduced(other)

        took("360p again at 2 Mbit/s", await until(is_restored, "restored video", 150))
        await other.assert_moving()
        assert await other.state() == "connected"
        assert not any(INTERRUPTED in text for text in await recording.texts())


async def test_packet_loss_lowers_the_grade_and_keeps_the_video(tmp_path: Path, took: Took) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await start_call(one, other)
        await other.page.click("#show-panel")
        await other.until("document.getElementById('grade').dataset.grade === 'excellent'")
        recording = await Recording.start(other)

        await link.set(packetLoss=10)

        async def is_poor() -> bool:
            return await other.page.locator("#grade").get_attribute("data-grade") in ("poor", "bad")

        took("the grade poor or bad", await until(is_poor, "the grade poor or bad"))
        await other.until("parseFloat(document.getElementById('stats-loss').textContent) > 3")
        for person in (one, other):
            await person.assert_moving()
            assert await person.state() == "connected"
        assert not any(INTERRUPTED in text for text in await recording.texts())
