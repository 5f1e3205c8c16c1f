"""What a person sees of a call while the networks under it change, and for how long."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.browser.call import CallPage, Diary, chromium, meet
from tests.browser.lan import HOST, Home, lan
from tests.browser.network import Link
from tests.browser.server import signaling_server
from tests.browser.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

Took = Callable[[str, float], None]
MBIT = 1_000_000 / 8
"""Bytes a second."""
INTERRUPTED = "The connection is interrupted"
TOO_SLOW = "The network is too slow for your partner's video."


async def lines(person: CallPage) -> int:
    """Return how many lines the partner's picture has."""
    return int(await person.page.evaluate("document.getElementById('remote').videoHeight"))


async def sees_less(person: CallPage) -> bool:
    """Return whether the partner's picture is small, or there is none and the page says why."""
    told = await person.page.locator("#video-note", has_text=TOO_SLOW).is_visible()
    return told or 0 < await lines(person) <= 180


@pytest.mark.cluster
@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
@pytest.mark.parametrize("both_up", [False, True], ids=["the other comes up", "both are up"])
async def test_another_network_carries_the_call_on(tmp_path: Path, took: Took, both_up: bool) -> None:
    with lan(tmp_path, ada=("wifi0", "cell0"), ben=("eth0",)) as (ada, ben):
        ada.interface("cell0", up=both_up)
        for who, stood in (await call_over_two_networks(ada, ben, tmp_path, both_up=both_up)).items():
            took(f"{who} saw no moving picture for", stood)
            assert stood < 15


async def call_over_two_networks(ada: Home, ben: Home, folder: Path, *, both_up: bool) -> dict[str, float]:
    """Take the first of Ada's networks away, and bring the second unless it is up.

    Return for how many seconds each of them saw no moving picture.
    """
    async with signaling_server(folder / "server.log", host=HOST) as server:
        trusted = f"--unsafely-treat-insecure-origin-as-secure={server.url}"
        async with (
            chromium(trusted, executable=ada.browser) as hers,
            chromium(trusted, executable=ben.browser) as his,
        ):
            one, other = await CallPage.open(hers, server.url), await CallPage.open(his, server.url)
            await meet(one, other)
            for person in (one, other):
                await person.assert_moving()
            diaries = [await Diary.of(person) for person in (one, other)]

            ada.interface("wifi0", up=False)
            if not both_up:
                await one.until("!navigator.onLine")
                ada.interface("cell0", up=True)

            for person in (one, other):
                await person.until("performance.now() - diary.began > 2000")
                await person.assert_moving()
                await person.wait_for_state("connected")
                await person.sees("#link", "Online")
                await person.assert_moving()
            return {who: await diary.longest_standstill() for who, diary in zip(("she", "he"), diaries, strict=True)}


async def test_bandwidth_that_falls_and_comes_back_costs_size_and_not_the_call(tmp_path: Path, took: Took) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await link.set(uploadThroughput=2 * MBIT, downloadThroughput=2 * MBIT)
        await meet(one, other)
        await other.until("document.getElementById('remote').videoHeight >= 360", 60)
        diary = await Diary.of(other)

        await link.set(uploadThroughput=0.15 * MBIT, downloadThroughput=0.15 * MBIT)
        took("a picture that fits 150 kbit/s", await until(lambda: sees_less(other), "less of a picture", 60))

        await link.set(uploadThroughput=2 * MBIT, downloadThroughput=2 * MBIT)

        async def sees_more() -> bool:
            return await lines(other) >= 360 and not await sees_less(other)

        took("360 lines again at 2 Mbit/s", await until(sees_more, "a larger picture again", 150))
        await other.assert_moving()
        assert await other.state() == "connected"
        assert not any(INTERRUPTED in said for said in await diary.said())


async def test_a_lossy_network_is_shown_and_the_picture_stays(tmp_path: Path, took: Took) -> None:
    async with signaling_server(tmp_path / "server.log") as server, chromium() as browser:
        one, other = await CallPage.open(browser, server.url), await CallPage.open(browser, server.url)
        link = await Link.of(one)
        await meet(one, other)
        await other.page.click("#show-panel")
        await other.until("document.getElementById('grade').dataset.grade === 'excellent'")
        diary = await Diary.of(other)

        await link.set(packetLoss=10)

        async def warned() -> bool:
            return await other.page.locator("#grade").get_attribute("data-grade") in ("poor", "bad")

        took("the connection shown as poor", await until(warned, "a grade that says so"))
        await other.until("parseFloat(document.getElementById('number-loss').textContent) > 3")
        for person in (one, other):
            await person.assert_moving()
            assert await person.state() == "connected"
        assert not any(INTERRUPTED in said for said in await diary.said())
