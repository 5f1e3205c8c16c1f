"""The broker on a shared store: what its callers see if the store is unavailable."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from switchboard_signaling.analytics.outbox import Event
from switchboard_signaling.analytics.totals import Live
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.broker.redis import RedisBroker
from switchboard_signaling.broker.shared_stats import SharedStats
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    Question,
    ReadMatch,
    ReadSession,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.valkey.cluster import ErrorReports
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.wire.intents import Idle


class Away:
    """The client of a store that does not answer."""

    reports = ErrorReports()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def call(self, *_call: Any) -> Any:
        raise ValkeyUnavailableError("away")

    run = listen = call


QUESTIONS = (
    TouchSession("s", 1, "a", Idle(1), "i", "pod"),
    ReadSession("s"),
    TouchMatch("m", "s", 1, 1, "i", "pod", named=False),
    EndMatch("m", "s", "ended"),
    ReadMatch("m"),
    Enqueue(Ticket("s/t", "s", "sub", "i", "pod"), "m"),
    Cancel("s/t"),
    Announced("s/t", "pod"),
)
ENTRIES: dict[str, Callable[[SharedStats], Coroutine[Any, Any, object]]] = {
    "count": lambda shared_stats: shared_stats.count(1, {"matches": 1}, Live()),
    "totals": lambda shared_stats: shared_stats.totals(),
    "keep": lambda shared_stats: shared_stats.keep("m", "a", {}),
    "kept": lambda shared_stats: shared_stats.kept("m"),
    "add": lambda shared_stats: shared_stats.add("blocks", "session:s", 1.0),
    "remove": lambda shared_stats: shared_stats.remove("blocks", "session:s"),
    "listed": lambda shared_stats: shared_stats.listed("blocks", 0),
    "put": lambda shared_stats: shared_stats.put(Event("e", "{}")),
    "take": lambda shared_stats: shared_stats.take(1.0, 1),
    "settle": lambda shared_stats: shared_stats.settle("e", None),
}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: type(question).__name__)
async def test_a_question_to_an_unavailable_store_raises_the_broker_s_error(question: Question) -> None:
    with pytest.raises(BrokerUnavailableError, match="away"):
        await RedisBroker("pod", "ns/pool", Away()).ask(question)


async def test_mailboxes_of_an_unavailable_store_raise_the_broker_s_error() -> None:
    broker = RedisBroker("pod", "ns/pool", Away())
    with pytest.raises(BrokerUnavailableError, match="away"):
        await broker.proposals()
    with pytest.raises(BrokerUnavailableError, match="away"):
        await broker.ask(Enqueue(Ticket("s/t", "s", "sub", "i", "pod", mode="chess"), "m"))
    with pytest.raises(BrokerUnavailableError, match="away"):
        await broker.proposals()


@pytest.mark.parametrize("entry", ENTRIES)
async def test_shared_stats_of_an_unavailable_store_raise_the_broker_s_error(entry: str) -> None:
    with pytest.raises(BrokerUnavailableError, match="away"):
        await ENTRIES[entry](RedisBroker("pod", "ns/pool", Away()).shared_stats)
