"""Calls over the quickstart while pods, relays and the store are replaced or fail."""

import base64
import operator
import time
from collections.abc import Callable

import pytest
from tests.browser.call import CallPage, Recording, chromium, start_call
from tests.e2e.kubectl import Object, all_ready, ready
from tests.e2e.pods import SIGNALING, TURN, kill, name_of, primaries, replaced, signaling_pods
from tests.e2e.processes import kill as kill_process
from tests.e2e.quickstart import Quickstart

from switchboard_cluster import quickstart
from switchboard_crds import names

pytestmark = [pytest.mark.cluster, pytest.mark.browser, pytest.mark.timeout(600)]

Took = Callable[[str, float], None]
RECONNECTING = "Reconnecting to the server"
INTERRUPTED = "The connection is interrupted"
NOTICEABLE_SECONDS = 5.0
"""Maximum time without video until the page must explain it."""
EXAMPLE_PROXY = "192.0.2.1/32"
"""An address for documentation (RFC 5737): a setting that replaces pods without any other effect."""


async def chat(writer: CallPage, reader: CallPage, text: str) -> None:
    """Send a chat message, and wait until the other page shows it."""
    if not await writer.page.locator("#chat").is_visible():
        await writer.page.click("#show-chat")
    await writer.page.fill("#text", text)
    await writer.page.press("#text", "Enter")
    await reader.sees("#lines", text)


async def test_a_call_connects(switchboard: Quickstart, took: Took) -> None:
    signaling_pods(switchboard)
    async with chromium() as browser:
        one, other = [await CallPage.open(browser, switchboard.url) for _ in range(2)]
        began = time.monotonic()
        await start_call(one, other)
        took("from the button to the call on both pages", time.monotonic() - began)
        for person in (one, other):
            await person.assert_moving()
        await chat(one, other, "Good morning")


async def test_a_call_continues_when_a_signaling_pod_is_killed(switchboard: Quickstart, took: Took) -> None:
    before = [name_of(pod) for pod in signaling_pods(switchboard)]
    async with chromium() as browser:
        one, other = [await CallPage.open(browser, switchboard.url) for _ in range(2)]
        await start_call(one, other)
        recordings = [await Recording.start(person) for person in (one, other)]
        for number, pod in enumerate(before, 1):
            killed = time.monotonic()
            kill(switchboard, pod)
            await chat(one, other, f"Are you there? {number}")
            await chat(other, one, f"I am. {number}")
            for person in (one, other):
                await person.sees("#link", "Online")
            took(f"both online with chat after pod {number} was killed", time.monotonic() - killed)
            switchboard.kubectl.wait_for("pods", replaced({pod}, 2), "another pod", timeout=120, selector=SIGNALING)
        for person, recording in zip((one, other), recordings, strict=True):
            assert await person.state() == "connected"
            assert not any(INTERRUPTED in text for text in await recording.texts())
            await person.assert_moving()


async def test_a_rollout_of_the_signaling_pods_is_not_visible_in_the_call(switchboard: Quickstart, took: Took) -> None:
    def roll_out(*proxies: str) -> float:
        """Replace all pods by a change of their settings, and return the seconds that it took."""
        before = {name_of(pod) for pod in signaling_pods(switchboard)}
        began = time.monotonic()
        patch = f'{{"spec": {{"trustedProxies": {list(proxies)}}}}}'.replace("'", '"')
        switchboard.kubectl("patch", "signalingpool", quickstart.POOL, "--type=merge", f"--patch={patch}")
        switchboard.kubectl.wait_for("pods", replaced(before, 2), "other pods", timeout=240, selector=SIGNALING)
        return time.monotonic() - began

    async with chromium() as browser:
        one, other = [await CallPage.open(browser, switchboard.url) for _ in range(2)]
        await start_call(one, other)
        recordings = [await Recording.start(person) for person in (one, other)]
        try:
            took("the rollout", roll_out(EXAMPLE_PROXY))
            await chat(one, other, "Are you there?")
        finally:
            roll_out()
        await chat(other, one, "I am.")
        for person, recording in zip((one, other), recordings, strict=True):
            await person.sees("#link", "Online")
            await person.assert_moving()
            texts = await recording.texts()
            assert not any(RECONNECTING in text or INTERRUPTED in text for text in texts), texts


async def test_a_call_explains_its_interruption_and_recovers_when_its_relay_restarts(
    switchboard: Quickstart, took: Took
) -> None:
    crash_relays(switchboard)  # the kubelet restarts a container at once after the first crash, and later after 10 s
    async with chromium() as browser:
        one, other = [await CallPage.open(browser, f"{switchboard.url}/?relay=1") for _ in range(2)]
        await start_call(one, other)
        for person in (one, other):
            await person.assert_moving()
            assert await person.path() == "relay"
        recordings = [await Recording.start(person) for person in (one, other)]
        crash_relays(switchboard)
        restarted = time.monotonic()
        for who, person, recording in zip(("one", "the other"), (one, other), recordings, strict=True):
            explained = await recording.seconds_until(INTERRUPTED)
            took(f"the explanation on {who} page", explained)
            assert explained < NOTICEABLE_SECONDS
            await person.wait_for_state("connected", 90)
            await person.assert_moving()
            assert await person.path() == "relay"
            took(f"video on {who} page after the restart of the relays", time.monotonic() - restarted)
            took(f"no video on {who} page", await recording.longest_freeze())


def crash_relays(switchboard: Quickstart) -> None:
    """Kill all coturn processes, and wait until they have been restarted in the same pods."""
    before = switchboard.kubectl.json("get", "pods", f"--selector={TURN}")["items"]
    for pod in before:
        assert kill_process(f"--listening-ip={pod['status']['podIP']}") == 1

    def restarted(pods: list[Object]) -> bool:
        return all_ready(len(before))(pods) and all(map(operator.gt, restarts(pods), restarts(before)))

    switchboard.kubectl.wait_for("pods", restarted, "coturn has been restarted", timeout=120, selector=TURN)
    switchboard.kubectl.wait_for(f"turnfleet {quickstart.POOL}", ready, "the fleet is ready", timeout=120)


def restarts(pods: list[Object]) -> list[int]:
    """Return the number of restarts of coturn per pod."""
    found = []
    for pod in sorted(pods, key=name_of):
        containers = {one["name"]: one["restartCount"] for one in pod["status"]["containerStatuses"]}
        found.append(containers[names.COTURN_CONTAINER])
    return found


def wipe(switchboard: Quickstart) -> None:
    """Delete all data of the pools in the store, during concurrent writes."""
    secret: Object = switchboard.kubectl.json("get", "secret", f"{quickstart.POOL}-redis-client")
    user, password = (base64.b64decode(secret["data"][name]).decode() for name in ("username", "password"))
    script = f"""export REDISCLI_AUTH={password}; cli="valkey-cli --user {user}"
        $cli --scan | while read -r key; do $cli unlink "$key"; done"""
    for pod in primaries(switchboard):
        switchboard.kubectl("exec", pod, "--", "sh", "-c", script)


async def test_a_call_continues_when_the_store_is_wiped(switchboard: Quickstart, took: Took) -> None:
    signaling_pods(switchboard)
    switchboard.kubectl.wait_for(f"rediscluster {quickstart.POOL}", ready, "the store is ready", timeout=180)
    async with chromium() as browser:
        one, other = [await CallPage.open(browser, switchboard.url) for _ in range(2)]
        await start_call(one, other)
        recordings = [await Recording.start(person) for person in (one, other)]

        wipe(switchboard)
        wiped = time.monotonic()
        await chat(one, other, "Are you there?")
        await chat(other, one, "I am.")
        took("chat in both directions after the store was wiped", time.monotonic() - wiped)

        third, fourth = [await CallPage.open(browser, switchboard.url) for _ in range(2)]
        await start_call(third, fourth)
        for person, recording in zip((one, other), recordings, strict=True):
            assert await person.state() == "connected"
            assert not any(INTERRUPTED in text for text in await recording.texts())
            await person.assert_moving()
            await person.sees("#link", "Online")
