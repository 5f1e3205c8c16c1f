"""The shared statistics in the store agree with those in memory: the same operations have the same results."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.signaling import store

from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.analytics.totals import Live
from switchboard_signaling.broker.interface import Broker
from switchboard_signaling.broker.memory import MemoryBroker
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.broker.shared_stats import MAX_LISTED, ListName, SharedStats, SharedStatsFullError
from switchboard_signaling.session.records import ReadSession, TouchSession
from switchboard_signaling.valkey.cluster import ClusterClient
from switchboard_signaling.wire.intents import Idle

Nodes = list[tuple[str, int]]
LEASE = 0.2


async def counts(shared_stats: SharedStats) -> list[Any]:
    for number in (1, 1, 2):
        await shared_stats.count(number, {"connected": 2, "setup_ms/500": 1}, Live(number, 2, 1))
    await shared_stats.count(3, {}, Live(3, 2, 1))
    return [*await shared_stats.totals()]


async def calls(shared_stats: SharedStats) -> list[Any]:
    await shared_stats.keep("m", "a", {"setupMs": 100.5, "path": "relay", "reports": 3})
    await shared_stats.keep("m", "b", {"path": 'ü"'})
    await shared_stats.keep("m", "a", {"seconds": 9.0, "path": "direct"})
    return [await shared_stats.kept("m"), await shared_stats.kept("other")]


async def lists(shared_stats: SharedStats) -> list[Any]:
    async def read(which: ListName, version: int) -> Any:
        found = await shared_stats.listed(which, version)
        return found and (found.version, {name: round(seconds / 10) for name, seconds in found.seconds.items()})

    seen = []
    for which in MAX_LISTED:
        seen += [await read(which, 0)]
        await shared_stats.add(which, "subject:ada b", 100)
        seen += [await read(which, 0), await read(which, 1)]
        await shared_stats.add(which, "subject:eve", 200)
        await shared_stats.add(which, "subject:eve", 300)
        await shared_stats.remove(which, "subject:ada b")
        await shared_stats.remove(which, "nobody")
        seen += [await read(which, 1)]
    return seen


async def events(shared_stats: SharedStats) -> list[Any]:
    for event in (Event("one", "{1}"), Event("two", "{2}"), Event("one", "{3}")):
        await shared_stats.put(event)
    seen = [await shared_stats.take(LEASE, 1), await shared_stats.take(LEASE, 5), await shared_stats.take(LEASE, 5)]
    await shared_stats.settle("one", None)
    await shared_stats.put(Event("one", "{1}"))
    await asyncio.sleep(LEASE)  # the lease is measured by the store's clock
    seen += [await shared_stats.take(LEASE, 5)]
    await shared_stats.settle("two", 30)
    await shared_stats.settle("unknown", 30)
    await asyncio.sleep(LEASE)
    return [*seen, await shared_stats.take(LEASE, 5)]


async def full(shared_stats: SharedStats) -> list[Any]:
    await shared_stats.add("blocks", "one", 10)
    await shared_stats.add("blocks", "one", 20)
    await shared_stats.put(Event("one", "{}"))
    await shared_stats.put(Event("one", "{}"))
    refused = []
    for act in (shared_stats.add("blocks", "two", 10), shared_stats.put(Event("two", "{}"))):
        try:
            await act
        except SharedStatsFullError:
            refused.append(True)
    return refused


@pytest.mark.parametrize("nodes", ["single", "cluster"], indirect=True)
async def test_the_same_operations_have_the_same_results(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    async def results(broker: Broker, acts: Callable[[SharedStats], Awaitable[list[Any]]]) -> list[Any]:
        await broker.start(lambda _hint: None)
        try:
            return await acts(broker.shared_stats)
        finally:
            await broker.close()

    for acts in (counts, calls, lists, events, full):
        if acts is full:
            monkeypatch.setitem(MAX_LISTED, "blocks", 1)
            monkeypatch.setattr("switchboard_signaling.broker.redis_shared_stats.MAX_EVENTS", 1)
            monkeypatch.setattr("switchboard_signaling.analytics.outbox.MAX_EVENTS", 1)
        await store.wipe(nodes)
        expected = await results(MemoryBroker("pod", time.monotonic), acts)
        assert await results(RedisBroker("pod", "tests/pool", ClusterClient(nodes)), acts) == expected, acts.__name__


@pytest.mark.parametrize("nodes", ["single"], indirect=True)
async def test_pods_add_to_the_same_totals(nodes: Nodes, tmp_path: Path) -> None:
    one, two = (RedisBroker(pod, "tests/pool", ClusterClient(nodes)) for pod in ("one", "two"))
    for broker in (one, two):
        await broker.start(lambda _hint: None)
        await broker.shared_stats.count(1, {"connected": 1}, Live(1, 1, 0))
    total, lives = await one.shared_stats.totals()
    assert (total["connected"], set(lives)) == (2, {"one", "two"})
    touch = TouchSession("sid", 1, "x", Idle(), "i", "one")
    await one.ask(touch)
    record = await two.ask(ReadSession("sid"))
    assert record is not None
    assert await two.ask(ReadSession("nobody")) is None
    for broker in (one, two):
        await broker.close()
