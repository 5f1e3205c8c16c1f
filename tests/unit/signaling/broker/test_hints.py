"""Hints between pods: waiting ones are sent together, in order, and undeliverable ones are lost."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.signaling.valkey.nodes import until

from switchboard_signaling.broker import hints
from switchboard_signaling.broker.hints import DEAF_AFTER, MAX_AT_ONCE, MAX_UNSENT, Channel, channel_of
from switchboard_signaling.session.hints import Hint, MatchChanged, Proposed
from switchboard_signaling.valkey.cluster import ErrorReports
from switchboard_signaling.valkey.errors import ValkeyUnavailableError


class Store:
    """A store that accepts one message per permit."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []
        self.permits = asyncio.Semaphore(0)
        self.broken = False
        self.reported: list[str] = []
        self.reports = ErrorReports(self.reported.append)
        self.subscriptions: list[tuple[str, Callable[[str], None], Callable[[], None]]] = []

    async def listen(self, channel: str, received: Callable[[str], None], lost: Callable[[], None]) -> None:
        if self.broken:
            raise ValkeyUnavailableError("gone")
        self.subscriptions.append((channel, received, lost))

    async def call(self, key: str, *words: Any) -> None:
        await self.permits.acquire()
        if self.broken:
            raise ValkeyUnavailableError("gone")
        name, channel, text = words
        assert (name, channel) == ("SPUBLISH", key)
        self.published.append((channel, text.decode()))

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


def channel(store: Any, received: list[Hint]) -> Channel:
    return Channel("here", store, received.append)


async def test_waiting_hints_are_sent_together_and_arrive_in_order(store: Store) -> None:
    received: list[Hint] = []
    here = channel(store, received)
    here.send_hint("there", changed(0))
    await store.permit(0)
    for number in (1, 2, 3):
        here.send_hint("there", changed(number))
    here.send_hint("elsewhere", Proposed())
    await store.permit(3)
    assert [name for name, _ in store.published] == [channel_of(pod) for pod in ("there", "elsewhere", "there")]
    for _, text in store.published:
        here._take(text)
    assert received == [changed(0), Proposed(), changed(1), changed(2), changed(3)]


async def test_a_message_has_a_bounded_number_of_hints(store: Store) -> None:
    received: list[Hint] = []
    here = channel(store, received)
    many = [changed(number) for number in range(2 * MAX_AT_ONCE + 1)]
    for hint in many:
        here.send_hint("there", hint)
    await store.permit(3)
    assert len(store.published) == 3
    for _, text in store.published:
        here._take(text)
    assert received == many


async def test_hints_for_an_unavailable_store_are_lost_and_later_ones_are_not(store: Store) -> None:
    here = channel(store, [])
    here.send_hint("there", changed(0))
    await store.permit(0)
    here.send_hint("there", changed(1))
    store.broken = True
    await store.permit()
    store.broken = False
    here.send_hint("there", changed(2))
    await store.permit()
    assert [text for _, text in store.published] == [
        '{"type":"changed","session_id":"s2","match_id":"m","closed":null}'
    ]
    assert store.reported == ["hints-lost"]


def test_a_hint_of_a_newer_version_does_not_affect_others(store: Store) -> None:
    received: list[Hint] = []
    channel(store, received)._take('{"type":"of-tomorrow"}\n{"type":"proposed"}')
    assert received == [Proposed()]


async def test_hints_beyond_the_bound_are_lost(store: Store) -> None:
    here = channel(store, [])
    for number in range(MAX_UNSENT + 1):
        here.send_hint("there", changed(number))
    assert store.reported == ["hints-lost"]
    await here.close()


async def test_a_channel_subscribes_again_when_its_subscription_is_lost(store: Store) -> None:
    received: list[Hint] = []
    here = channel(store, received)
    store.broken = True
    start = asyncio.create_task(here.start())
    await until(lambda: "not-subscribed" in store.reported)
    store.broken = False
    await asyncio.wait_for(start, 5)
    [(name, hear, lost)] = store.subscriptions
    assert name == channel_of("here")
    hear('{"type":"proposed"}')
    assert received == [Proposed()]
    lost()
    await until(lambda: len(store.subscriptions) == 2)
    assert "subscription-moved" in store.reported
    await here.close()


async def test_a_pod_without_its_own_echoes_subscribes_again_and_is_deaf(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints, "ECHO_SECONDS", 0.001)
    here = channel(store, [])
    await here.start()
    await store.permit(DEAF_AFTER)
    await until(lambda: here.deaf)
    await until(lambda: len(store.subscriptions) > 1)
    assert {name for name, _ in store.published} == {channel_of("here")}
    store.subscriptions[-1][1](store.published[-1][1])
    assert not here.deaf
    await here.close()


async def test_a_hint_that_fails_does_not_affect_others(store: Store) -> None:
    received: list[Hint] = []

    def take(hint: Hint) -> None:
        if hint == changed(0):
            raise KeyError("a fault of ours")
        received.append(hint)

    here = Channel("here", store, take)
    for number in (0, 1):
        here.send_hint("there", changed(number))
    await store.permit(2)
    for _, text in store.published:
        here._take(text)
    assert received == [changed(1)]
    assert store.reported == ["hint-failed"]
