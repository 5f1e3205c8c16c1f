"""Failures of signaling, Valkey and TURN pods, and their effect on clients."""

import asyncio
import itertools

import pytest
from tests.browser.call import CallPage, chromium, start_call
from tests.e2e.kubectl import Object, ready
from tests.e2e.pods import REDIS, SIGNALING, TURN, kill, name_of, primaries, replaced, replication, signaling_pods
from tests.e2e.quickstart import Quickstart

from switchboard_cluster import quickstart
from switchboard_crds import names
from switchboard_signaling.client.connection import Client
from switchboard_signaling.client.core import MatchReady, PeerMessageReceived
from switchboard_signaling.wire import messages

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


def pod_url(pod: Object) -> str:
    return f"ws://{pod['status']['podIP']}:{names.HTTP_PORT}/ws"


async def exchange(one: Client, other: Client, text: str) -> None:
    """Send a message in each direction, and fail unless both arrive."""
    for sender, receiver in ((one, other), (other, one)):
        await sender.say(messages.Offer(match_id="", from_="", to="", seq=0, sdp=text))
        received = await receiver.wait_for(PeerMessageReceived, 30)
        assert isinstance(received.frame, messages.Offer)
        assert received.frame.sdp == text


async def test_clients_on_different_pods_are_matched_and_exchange_messages(switchboard: Quickstart) -> None:
    first, second = signaling_pods(switchboard)
    async with Client(pod_url(first)) as one, Client(pod_url(second)) as other:
        await asyncio.gather(one.join(), other.join())
        first_match, second_match = await asyncio.gather(one.wait_for(MatchReady, 30), other.wait_for(MatchReady, 30))
        assert first_match.match_id == second_match.match_id
        await exchange(one, other, "v=0 hello")


async def test_a_match_survives_the_pod_of_one_of_its_clients(switchboard: Quickstart) -> None:
    first, second = signaling_pods(switchboard)
    pods = itertools.chain([pod_url(first)], itertools.repeat(pod_url(second)))
    async with Client(lambda: next(pods)) as one, Client(pod_url(second)) as other:
        await asyncio.gather(one.join(), other.join())
        await asyncio.gather(one.wait_for(MatchReady, 30), other.wait_for(MatchReady, 30))
        kill(switchboard, name_of(first))
        await exchange(one, other, "v=0 still here")
    switchboard.kubectl.wait_for(
        "pods", replaced({name_of(first)}, 2), "another signaling pod", timeout=120, selector=SIGNALING
    )


@pytest.mark.browser
async def test_a_call_continues_while_all_signaling_pods_are_replaced(switchboard: Quickstart) -> None:
    before = {name_of(pod) for pod in signaling_pods(switchboard)}
    async with chromium() as browser:
        one = await CallPage.open(browser, switchboard.url)
        other = await CallPage.open(browser, switchboard.url)
        await start_call(one, other)
        kill(switchboard, *before)
        for person in (one, other):
            await person.assert_moving()
        switchboard.kubectl.wait_for("pods", replaced(before, 2), "new signaling pods", timeout=120, selector=SIGNALING)
        for person in (one, other):
            await person.wait_for_state("connected", 60)
            await person.assert_moving()
        third = await CallPage.open(browser, switchboard.url)
        fourth = await CallPage.open(browser, switchboard.url)
        await start_call(third, fourth)


async def test_clients_are_matched_after_a_valkey_primary_was_killed(switchboard: Quickstart) -> None:
    first, second = signaling_pods(switchboard)
    found = primaries(switchboard)
    assert len(found) == 3, replication(switchboard, f"{quickstart.POOL}-redis-0-0")
    kill(switchboard, found[0])
    async with Client(pod_url(first)) as one, Client(pod_url(second)) as other:
        await asyncio.gather(one.join(), other.join())
        await asyncio.gather(one.wait_for(MatchReady, 90), other.wait_for(MatchReady, 90))
        await exchange(one, other, "v=0 after the failover")
    switchboard.kubectl.wait_for(f"rediscluster {quickstart.POOL}", ready, "the cluster is ready", timeout=180)


def test_a_deleted_valkey_primary_hands_its_shard_over_before_it_exits(switchboard: Quickstart) -> None:
    leaving = primaries(switchboard)[0]
    shard = leaving.rpartition("-")[0]
    pods = switchboard.kubectl.json("get", "pods", f"--selector={REDIS}")["items"]
    (replica,) = (name_of(pod) for pod in pods if name_of(pod).startswith(shard) and name_of(pod) != leaving)
    switchboard.kubectl("delete", "pod", leaving)  # returns once the pod is deleted
    assert "role:master" in replication(switchboard, replica)
    assert "Manual failover user request" in switchboard.kubectl("logs", replica)
    switchboard.kubectl.wait_for(f"rediscluster {quickstart.POOL}", ready, "the cluster is ready", timeout=180)


@pytest.mark.browser
async def test_relayed_calls_work_after_coturn_was_killed(switchboard: Quickstart) -> None:
    before = {name_of(pod) for pod in switchboard.kubectl.json("get", "pods", f"--selector={TURN}")["items"]}
    kill(switchboard, *before)
    switchboard.kubectl.wait_for("pods", replaced(before, len(before)), "another coturn", timeout=120, selector=TURN)
    switchboard.kubectl.wait_for(f"turnfleet {quickstart.POOL}", ready, "the fleet is ready", timeout=120)
    async with chromium() as browser:
        one = await CallPage.open(browser, f"{switchboard.url}/?relay=1")
        other = await CallPage.open(browser, f"{switchboard.url}/?relay=1")
        await start_call(one, other)
        for person in (one, other):
            assert await person.path() == "relay"
