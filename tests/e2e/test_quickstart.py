"""`make up` prints a URL, and two pages that open it can call each other."""

import pytest
from tests.browser.call import CallPage, chromium, start_call
from tests.e2e.pods import TURN
from tests.e2e.quickstart import Quickstart, last_url, make_up

from switchboard_cluster import quickstart
from switchboard_crds import names

pytestmark = [pytest.mark.cluster, pytest.mark.browser, pytest.mark.timeout(600)]


def test_make_up_prints_the_url_and_may_be_repeated(switchboard: Quickstart) -> None:
    assert last_url(make_up(switchboard.port)) == switchboard.url


@pytest.mark.parametrize("kind", ["signalingpool", "turnfleet", "rediscluster"])
def test_all_three_kinds_are_ready(switchboard: Quickstart, kind: str) -> None:
    ready, why = quickstart.judge(switchboard.kubectl.json("get", kind, quickstart.POOL))
    assert ready, why


def test_coturn_accepts_its_whole_configuration(switchboard: Quickstart) -> None:
    logs = switchboard.kubectl("logs", f"--selector={TURN}", f"--container={names.COTURN_CONTAINER}", "--tail=-1")
    assert "Coturn Version" in logs
    assert not [line for line in logs.splitlines() if "Bad configuration" in line or "is deprecated" in line]


async def test_a_call_connects_with_video_in_both_directions(switchboard: Quickstart) -> None:
    async with chromium() as browser:
        one = await CallPage.open(browser, switchboard.url)
        other = await CallPage.open(browser, switchboard.url)
        await start_call(one, other)
        for person in (one, other):
            await person.assert_moving()
            assert not person.problems


async def test_a_relay_only_call_uses_a_relay(switchboard: Quickstart) -> None:
    async with chromium() as browser:
        one = await CallPage.open(browser, f"{switchboard.url}/?relay=1")
        other = await CallPage.open(browser, f"{switchboard.url}/?relay=1")
        await start_call(one, other)
        for person in (one, other):
            await person.assert_moving()
            assert await person.path() == "relay"
