"""Two pods and one store: clients are matched across pods, and no fault of one pod or the store ends a match."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.browser.server import Server, signaling_server
from tests.e2e.signaling import store

from switchboard_signaling.client import Client
from switchboard_signaling.client.core import (
    Ended,
    MatchReady,
    Move,
    Online,
    PeerMessageReceived,
    PeerPresenceChanged,
    QueuePosition,
)
from switchboard_signaling.wire.messages import Offer

Nodes = list[tuple[str, int]]


@dataclass
class Pods:
    """Two pods; `living` are those that a Service would offer to new sockets."""

    one: Server
    two: Server
    living: list[Server] = field(default_factory=list)

    def socket_url(self, preferred: Server) -> str:
        """Return the URL for a client that prefers this pod."""
        pod = preferred if preferred in self.living else self.living[0]
        return pod.url.replace("http", "ws") + "/ws"


@asynccontextmanager
async def two_pods(nodes: Nodes, folder: Path, **settings: str) -> AsyncIterator[Pods]:
    """Run two pods of one pool on a store."""
    key_dir = folder / "key"
    key_dir.mkdir()
    (key_dir / "current").write_bytes(b"k" * 32)
    shared = {
        "REDIS_NODES": ",".join(f"{host}:{port}" for host, port in nodes),
        "KEY_DIR": str(key_dir),
        "POOL": "tests/pool",
        "STOP_SECONDS": "4",
        **settings,
    }
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(signaling_server(folder / "one.log", POD="one", **shared))
        two = await stack.enter_async_context(signaling_server(folder / "two.log", POD="two", **shared))
        yield Pods(one, two, [one, two])


@asynccontextmanager
async def pair(pods: Pods) -> AsyncIterator[tuple[Client, Client]]:
    """Connect a client to each pod and match them."""
    async with Client(lambda: pods.socket_url(pods.one)) as one, Client(lambda: pods.socket_url(pods.two)) as two:
        await one.join()
        await one.wait_for(QueuePosition)
        await two.join()
        met = [await client.wait_for(MatchReady) for client in (one, two)]
        assert met[0].match_id == met[1].match_id
        assert {met[0].role, met[1].role} == {"polite", "impolite"}
        yield one, two


async def tell(speaker: Client, listener: Client, text: str) -> None:
    """Fail unless a message reaches the other client, once."""
    await speaker.say(Offer(match_id="", from_="", to="", seq=0, sdp=text))
    said = await listener.wait_for(PeerMessageReceived, seconds=20)
    assert isinstance(said.frame, Offer)
    assert said.frame.sdp == text


async def test_pods_that_start_before_their_store_is_formed_wait_for_it(tmp_path: Path) -> None:
    async with store.unformed(tmp_path / "store") as (nodes, buses):

        async def meet() -> None:
            async with two_pods(nodes, tmp_path) as pods, pair(pods) as (one, two):
                await tell(one, two, "v=0 at last")

        meeting = asyncio.create_task(meet())
        # On a busy machine a pod may first look when the store is already formed, which is fine too.
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while "store_not_reached" not in _text(tmp_path / "one.log"):  # noqa: ASYNC110 - another process's
                    await asyncio.sleep(0.05)
        await store.form(nodes, buses)
        await meeting


async def test_pods_that_find_a_half_formed_store_discover_the_rest(tmp_path: Path) -> None:
    async with store.unformed(tmp_path / "store") as (nodes, buses):
        await store.claim(nodes, 1, 8191)  # the first node, which pods ask first, knows only one slot

        async def meet() -> None:
            async with two_pods(nodes[:1], tmp_path) as pods, pair(pods) as (one, two):
                await tell(one, two, "v=0 at last")

        meeting = asyncio.create_task(meet())
        async with asyncio.timeout(20):
            while not await store.visitors(nodes[0]):  # noqa: ASYNC110 - another process's state can only be polled
                await asyncio.sleep(0.05)
        await store.introduce(nodes, buses)
        await meeting


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("nodes", ["single", "cluster"], indirect=True)
async def test_clients_on_different_pods_meet_and_talk(nodes: Nodes, tmp_path: Path) -> None:
    async with two_pods(nodes, tmp_path) as pods, pair(pods) as (one, two):
        await tell(one, two, "from one")
        await tell(two, one, "from two")

        await one.leave()

        ended = await two.wait_for(Ended)
        assert (ended.reason, ended.requeued) == ("user", False)


async def test_a_killed_pod_ends_no_match(nodes: Nodes, tmp_path: Path) -> None:
    async with two_pods(nodes, tmp_path) as pods, pair(pods) as (one, two):
        pods.living.remove(pods.one)
        pods.one.process.kill()

        await one.wait_for(Online)

        await tell(one, two, "after the death of my pod")
        await tell(two, one, "I received you")


async def test_a_draining_pod_moves_its_clients(nodes: Nodes, tmp_path: Path) -> None:
    async with two_pods(nodes, tmp_path) as pods, pair(pods) as (one, two):
        pods.living.remove(pods.one)
        pods.one.process.send_signal(signal.SIGTERM)

        await one.wait_for(Move)
        await one.wait_for(Online)

        await tell(one, two, "from my new pod")
        await tell(two, one, "found you there")
        assert await asyncio.wait_for(pods.one.process.wait(), 8) == 0


async def test_a_wiped_store_ends_no_match(nodes: Nodes, tmp_path: Path) -> None:
    async with two_pods(nodes, tmp_path, HEARTBEAT_SECONDS="1") as pods, pair(pods) as (one, two):
        await store.wipe(nodes)

        await tell(one, two, "what store?")
        await two.drop()
        await two.wait_for(Online)
        await tell(two, one, "still here")
        await two.leave()
        assert (await one.wait_for(Ended)).reason == "user"


async def test_a_waiting_client_keeps_its_queue_order_after_a_wipe(nodes: Nodes, tmp_path: Path) -> None:
    async with (
        two_pods(nodes, tmp_path, HEARTBEAT_SECONDS="1") as pods,
        Client(lambda: pods.socket_url(pods.one)) as first,
        Client(lambda: pods.socket_url(pods.one)) as second,
        Client(lambda: pods.socket_url(pods.two)) as third,
    ):
        await first.join({"lang": "de"}, {"lang": "de"})
        await first.wait_for(QueuePosition)
        await second.join({"lang": "fr"}, {"lang": "fr"})
        await second.wait_for(QueuePosition)
        await store.wipe(nodes)

        await third.join({"lang": "fr"}, {"lang": "fr"})

        assert (await third.wait_for(MatchReady)).match_id == (await second.wait_for(MatchReady)).match_id
        await second.leave()
        await first.leave()


async def test_a_client_that_vanishes_is_away_and_then_lost(nodes: Nodes, tmp_path: Path) -> None:
    settings = {"HEARTBEAT_SECONDS": "1", "RESUME_WINDOW_SECONDS": "4"}
    async with two_pods(nodes, tmp_path, **settings) as pods, pair(pods) as (one, two):
        await one.vanish()

        assert (await two.wait_for(PeerPresenceChanged)).state == "away"
        assert (await two.wait_for(Ended)).reason == "peer-lost"


@pytest.mark.parametrize("drops", [1, 3])
async def test_a_dropped_socket_is_resumed_without_losing_a_message(nodes: Nodes, tmp_path: Path, drops: int) -> None:
    async with two_pods(nodes, tmp_path) as pods, pair(pods) as (one, two):
        for turn in range(drops):
            await one.drop()
            await two.say(Offer(match_id="", from_="", to="", seq=0, sdp=f"turn {turn}"))
            await one.wait_for(Online)

        for turn in range(drops):
            said = await one.wait_for(PeerMessageReceived, seconds=20)
            assert isinstance(said.frame, Offer)
            assert said.frame.sdp == f"turn {turn}"
