"""One connection to a node: replies in order, each within its time limit, whatever the node does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.unit.signaling.valkey.nodes import SILENCE, Node, serving, until

from switchboard_signaling.valkey import pipeline
from switchboard_signaling.valkey.pipeline import CLOSED, Pipeline, Refusal


class Ends:
    """A pipeline to a node of its own, and its callbacks."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.pushed: list[list[Any]] = []
        self.closed: list[Pipeline] = []
        self.pipeline = Pipeline(self.pushed.append, self.closed.append)

    def get(self, key: str) -> "asyncio.Future[Any]":
        return self.pipeline.send(("GET", key))


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    async with serving() as [node]:
        ends = Ends(node)
        await asyncio.get_running_loop().create_connection(lambda: ends.pipeline, *node.address)
        yield ends
        ends.pipeline.close()


async def test_commands_of_one_iteration_share_a_write_and_replies_keep_their_order(ends: Ends) -> None:
    assert await asyncio.gather(*(ends.get(key) for key in "abc")) == ["a", "b", "c"]
    assert ends.node.reads == [3]
    assert ends.pipeline.idle


async def test_an_error_takes_the_place_of_a_reply(ends: Ends) -> None:
    ends.node.answers = iter([b"-ERR no\r\n"])
    reply = await ends.get("a")
    assert (type(reply), str(reply)) == (Refusal, "ERR no")
    assert await ends.get("b") == "b"


async def test_waiting_commands_are_refused_when_the_connection_breaks(ends: Ends) -> None:
    ends.node.answers = iter([SILENCE, SILENCE])
    replies = [ends.get("a"), ends.get("b")]
    await until(lambda: len(ends.node.commands) == 2)
    ends.node.hang_up()
    assert [str(reply).split(":")[0] for reply in await asyncio.gather(*replies)] == ["lost", "lost"]
    assert ends.closed == [ends.pipeline]
    assert str(await ends.get("c")).startswith("lost")


async def test_a_closed_pipeline_refuses_all_commands(ends: Ends) -> None:
    ends.node.answers = iter([SILENCE])
    waiting = ends.get("a")
    ends.pipeline.close()
    assert [await waiting, await ends.get("b")] == [CLOSED, CLOSED]


async def test_commands_above_the_limit_are_refused(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "MAX_PENDING", 1)
    first, second = ends.get("a"), ends.get("b")
    assert [await first, str(await second)] == ["a", "busy: too many commands wait for this node"]


async def test_an_overdue_reply_closes_the_connection(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REPLY_SECONDS", 0.01)
    monkeypatch.setattr(pipeline, "LATE_SECONDS", 0.01)
    ends.node.answers = iter([SILENCE])
    assert str(await ends.get("a")).startswith("timeout: no reply within")
    assert ends.closed == [ends.pipeline]


@pytest.mark.parametrize("text", [b"HTTP/1.1 400 Bad Request\r\n", b"$2\r\n\xff\xff\r\n", b"+one\r\n+two\r\n"])
async def test_an_invalid_reply_closes_the_connection(ends: Ends, text: bytes) -> None:
    ends.node.answers = iter([text])
    await ends.get("a")
    await until(lambda: ends.closed)
    assert str(ends.pipeline.lost).startswith("garbled")


async def test_pushed_messages_go_to_the_owner_and_a_subscription_is_known(ends: Ends) -> None:
    await ends.pipeline.send(("SSUBSCRIBE", "c"))
    assert ends.pipeline.subscribed
    ends.node.push(b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n")
    assert await ends.get("a") == "a"
    assert ends.pushed == [["smessage", "c", "hello"]]
    ends.node.push(b">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n")
    await until(lambda: not ends.pipeline.subscribed)
