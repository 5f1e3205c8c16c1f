"""Hints on their way between pods: what gathers goes together, in order, and what cannot go is lost."""

import asyncio
from typing import Any

import pytest
from redis.exceptions import ConnectionError as StoreError

from switchboard_signaling.broker.hints import MAX_AT_ONCE, Channel, channel_of
from switchboard_signaling.protocol.effects import Hint, MatchChanged, Proposed


class Store:
    """A store's client that takes one message for each permit."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        self.permits = asyncio.Semaphore(0)
        self.broken = False

    async def evalsha(self, _sha: str, _count: int, channel: str, text: str) -> None:
        await self.permits.acquire()
        if self.broken:
            raise StoreError("gone")
        self.published.append((channel, text))

    async def permit(self, count: int = 1) -> None:
        for _ in range(count):
            self.permits.release()
        for _ in range(10):
            await asyncio.sleep(0)


def changed(number: int) -> MatchChanged:
    return MatchChanged(f"s{number}", "m")


@pytest.fixture
def store() -> Store:
    return Store()


def channel(store: Any, heard: list[Hint]) -> Channel:
    return Channel("here", store, {}, heard.append, lambda: None)


async def test_hints_that_gather_go_together_and_arrive_in_order(store: Store) -> None:
    heard: list[Hint] = []
    here = channel(store, heard)
    here.tell("there", changed(0))
    await store.permit(0)
    for number in (1, 2, 3):
        here.tell("there", changed(number))
    here.tell("elsewhere", Proposed())
    await store.permit(3)
    assert [name for name, _ in store.published] == [channel_of(pod) for pod in ("there", "there", "elsewhere")]
    for _, text in store.published:
        here._take(text)
    assert heard == [changed(0), changed(1), changed(2), changed(3), Proposed()]


async def test_a_message_has_its_bound(store: Store) -> None:
    heard: list[Hint] = []
    here = channel(store, heard)
    hints = [changed(number) for number in range(2 * MAX_AT_ONCE + 1)]
    for hint in hints:
        here.tell("there", hint)
    await store.permit(3)
    assert len(store.published) == 3
    for _, text in store.published:
        here._take(text)
    assert heard == hints


async def test_what_waits_for_a_store_that_is_gone_is_lost_and_what_comes_later_is_not(store: Store) -> None:
    here = channel(store, [])
    here.tell("there", changed(0))
    await store.permit(0)
    here.tell("there", changed(1))
    store.broken = True
    await store.permit()
    store.broken = False
    here.tell("there", changed(2))
    await store.permit()
    assert [text for _, text in store.published] == ['{"type":"changed","sid":"s2","m":"m","closed":null}']


def test_a_hint_of_a_newer_version_spoils_no_other(store: Store) -> None:
    heard: list[Hint] = []
    channel(store, heard)._take('{"type":"of-tomorrow"}\n{"type":"proposed"}')
    assert heard == [Proposed()]
