"""The store's client on a real cluster: it follows changes of slots and nodes, and hints continue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.signaling.store import Replicated, guarded, replicated
from tests.unit.signaling.valkey.nodes import until

from switchboard_cluster.pki import Authority, Subject
from switchboard_operator.redis.objects import _ACLS, CLIENT_USER
from switchboard_signaling.analytics.totals import Live
from switchboard_signaling.broker.hints import channel_of
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.session.hints import Hint, MatchChanged
from switchboard_signaling.session.records import TouchSession
from switchboard_signaling.valkey.access import FileCredentials, tls_context
from switchboard_signaling.valkey.cluster import ClusterClient, ErrorReports
from switchboard_signaling.wire.intents import Idle

BUSY = 8
"""Sessions that are touched continuously; their records are in different slots."""


@dataclass
class Two:
    """Two pods; the first continuously sends hints to the second and touches sessions."""

    cluster: Replicated
    one: RedisBroker
    two: RedisBroker
    sent: int = 0
    received: set[int] = field(default_factory=set)
    touched: int = 0
    failed: int = 0
    noted: set[str] = field(default_factory=set)

    @property
    def channel(self) -> str:
        return channel_of("two")

    def hear(self, hint: Hint) -> None:
        if isinstance(hint, MatchChanged):
            self.received.add(int(hint.match_id))

    async def talk(self) -> None:
        while True:
            self.sent += 1
            self.one.send_hint("two", MatchChanged("s", str(self.sent)))
            await asyncio.sleep(0.005)

    async def touch(self, session_id: str) -> None:
        n = 0
        while True:
            n += 1
            try:
                await self.one.ask(TouchSession(session_id, n, f"a{n}", Idle(n), "i", "one"))
                self.touched += 1
            except BrokerUnavailableError:
                self.failed += 1
                await asyncio.sleep(0.05)

    async def goes_on(self) -> None:
        """Wait until hints sent from now on are received and sessions are touched."""
        sent, touched = self.sent, self.touched
        await until(lambda: self.touched > touched + 10 * BUSY and len([n for n in self.received if n > sent]) > 20)


@asynccontextmanager
async def two(cluster: Replicated) -> AsyncIterator[Two]:
    noted: set[str] = set()
    one, other = (
        RedisBroker(pod, "tests/pool", ClusterClient(cluster.nodes, reports=ErrorReports(noted.add)))
        for pod in ("one", "two")
    )
    pods = Two(cluster, one, other, noted=noted)
    await one.start(lambda _hint: None)
    await other.start(pods.hear)
    tasks = [asyncio.create_task(pods.talk())]
    tasks += [asyncio.create_task(pods.touch(f"s{number}")) for number in range(BUSY)]
    try:
        yield pods
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for broker in (one, other):
            await broker.close()


async def test_hints_and_sessions_continue_through_changes_of_the_cluster(tmp_path: Path) -> None:
    async with replicated(tmp_path) as cluster, two(cluster) as pods:
        await pods.goes_on()

        await cluster.move(pods.channel)
        await pods.goes_on()
        await cluster.move("{s:s1}")
        await pods.goes_on()
        await cluster.hand_over(pods.channel)
        await pods.goes_on()
        assert pods.failed == 0, "a planned operation fails no question"
        assert {"MOVED", "subscription-moved"} <= pods.noted

        await cluster.freeze(pods.channel)
        await pods.goes_on()
        await cluster.kill(pods.channel)
        await pods.goes_on()
        assert not pods.two.deaf


async def test_a_pod_connects_by_tls_as_the_operators_user(tmp_path: Path) -> None:
    for name in ("certificates", "foreign"):
        Authority(tmp_path / name).issue(Subject("tls", "valkey", hosts=("valkey",)))
    (tmp_path / "username").write_text("app")
    (tmp_path / "password").write_text("wrong")
    touch = TouchSession("s", 1, "a", Idle(), "i", "pod")
    async with guarded(tmp_path / "store", tmp_path / "certificates", _ACLS[CLIENT_USER]) as node:
        noted: list[str] = []
        credentials, tls = FileCredentials(tmp_path), tls_context(tmp_path / "certificates")
        pod = RedisBroker("pod", "tests/pool", ClusterClient([node], credentials, tls, ErrorReports(noted.append)))
        start = asyncio.create_task(pod.start(lambda _hint: None))
        await until(lambda: "WRONGPASS" in noted)
        (tmp_path / "password").write_text("secret")
        await start
        assert await pod.ask(touch)
        await pod.shared_stats.count(1, {"connected": 1}, Live(1, 1, 0))
        assert await pod.proposals() == []
        await pod.close()

        stranger = ClusterClient([node], credentials, tls_context(tmp_path / "foreign"), ErrorReports(noted.append))
        waiting = asyncio.create_task(stranger.start())
        await until(lambda: "unreachable" in noted)
        waiting.cancel()
        await stranger.close()
