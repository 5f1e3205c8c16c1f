"""The store's client against failing nodes: each call ends with a reply or an error within its time limit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.signaling.valkey.nodes import SILENCE, SINGLE, Node, serving, until

from switchboard_signaling.valkey import cluster, pipeline
from switchboard_signaling.valkey.cluster import ClusterClient, ErrorReports
from switchboard_signaling.valkey.errors import ValkeyUnavailableError
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.valkey.slots import classify


class Caller:
    """A client, and the errors that it counted."""

    def __init__(self, *seeds: Node) -> None:
        self.reported: list[str] = []
        self.client = ClusterClient([node.address for node in seeds], reports=ErrorReports(self.reported.append))

    async def get(self, key: str = "k") -> str:
        found: str = await self.client.call(key, "GET", key)
        return found


@pytest.fixture
async def nodes() -> AsyncIterator[list[Node]]:
    async with serving(2) as nodes:
        nodes[0].owns_all(nodes[1])
        nodes[1].slots = nodes[0].slots
        yield nodes


@pytest.fixture
async def caller(nodes: list[Node]) -> AsyncIterator[Caller]:
    caller = Caller(nodes[0])
    await caller.client.start()
    yield caller
    await caller.client.close()


async def test_calls_of_one_step_share_a_write(nodes: list[Node], caller: Caller) -> None:
    assert await asyncio.gather(*(caller.get(f"k{number}") for number in range(50))) == [f"k{n}" for n in range(50)]
    assert nodes[0].reads[-1] == 50
    assert nodes[0].connections == 1


async def test_a_single_node_owns_all_slots(nodes: list[Node]) -> None:
    nodes[1].slots = SINGLE
    alone = Caller(nodes[1])
    await alone.client.start()
    assert await alone.get() == "k"
    await alone.client.close()


async def test_the_client_authenticates(nodes: list[Node]) -> None:
    client = ClusterClient([nodes[0].address], lambda: ("app", "secret"), name="shop")
    await client.start()
    assert nodes[0].said[0] == ["HELLO", "3", "AUTH", "app", "secret", "SETNAME", "shop"]
    await client.close()


async def test_moved_is_followed_and_remembered(nodes: list[Node], caller: Caller) -> None:
    one, two = nodes
    one.answers = iter([b"-MOVED 7629 127.0.0.1:%d\r\n" % two.port])
    two.owns_all(one)
    one.slots = two.slots
    assert [await caller.get(), await caller.get()] == ["k", "k"]
    assert (len(one.commands), len(two.commands)) == (1, 2)
    assert caller.reported == ["MOVED"]


async def test_ask_is_followed_once_and_announced_to_the_other_node(nodes: list[Node], caller: Caller) -> None:
    one, two = nodes
    one.answers = iter([b"-ASK 7629 127.0.0.1:%d\r\n" % two.port])
    assert [await caller.get(), await caller.get()] == ["k", "k"]
    assert two.commands == [["ASKING"], ["GET", "k"]]
    assert one.commands == [["GET", "k"], ["GET", "k"]]
    assert caller.reported == ["ASK"]


@pytest.mark.parametrize(
    "error", ["TRYAGAIN later", "CLUSTERDOWN down", "LOADING wait", "READONLY no", "MASTERDOWN no"]
)
async def test_a_transient_error_is_retried(nodes: list[Node], caller: Caller, error: str) -> None:
    nodes[0].answers = iter([f"-{error}\r\n".encode()] * 3)
    assert await caller.get() == "k"
    assert caller.reported == [error.split()[0]] * 3


async def test_a_permanent_error_fails_at_once(nodes: list[Node], caller: Caller) -> None:
    nodes[0].answers = iter([b"-NOPERM you may not\r\n"])
    with pytest.raises(ValkeyUnavailableError, match="NOPERM"):
        await caller.get()
    assert caller.reported == ["NOPERM"]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    (tmp_path / "first.lua").write_text("return ARGV[1]")
    return Script(tmp_path, "first")


async def test_a_script_that_a_node_does_not_know_is_sent_to_it(
    nodes: list[Node], caller: Caller, script: Script
) -> None:
    nodes[0].answers = iter([b"-NOSCRIPT none\r\n"])
    assert await caller.client.run(script, ["{q:p}:tickets"], [1, 2.5]) == "2.5"
    arguments = ["1", "{q:p}:tickets", "1", "2.5"]
    assert nodes[0].commands == [["EVALSHA", script.sha, *arguments], ["EVAL", script.text, *arguments]]


async def test_a_script_is_sent_to_the_new_owner_of_its_slot(nodes: list[Node], caller: Caller, script: Script) -> None:
    one, two = nodes
    one.answers = iter([b"-ASK 7629 127.0.0.1:%d\r\n" % two.port])
    two.answers = iter([b"-NOSCRIPT none\r\n"])
    assert await caller.client.run(script, ["k"], [1]) == "1"
    assert [words[0] for words in two.commands] == ["ASKING", "EVALSHA", "ASKING", "EVAL"]


async def test_an_interrupted_call_is_retried(nodes: list[Node], caller: Caller) -> None:
    await caller.get()
    nodes[0].answers = iter([SILENCE])
    call = asyncio.create_task(caller.get())
    await until(lambda: len(nodes[0].commands) == 2)
    nodes[0].hang_up()
    assert await call == "k"
    assert caller.reported == ["lost"]


async def test_a_silent_node_is_given_up(nodes: list[Node], caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "REPLY_SECONDS", 0.05)
    nodes[0].answers = iter([SILENCE] * 3)
    calls = [asyncio.create_task(caller.get()) for _ in range(3)]
    assert await asyncio.gather(*calls) == ["k", "k", "k"]
    assert set(caller.reported) == {"timeout"}
    assert nodes[0].connections == 2


async def test_no_call_exceeds_its_time_limit(
    nodes: list[Node], caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "CALL_SECONDS", 0.2)
    nodes[0].answers = iter([b"-CLUSTERDOWN down\r\n"] * 1000)
    with pytest.raises(ValkeyUnavailableError, match="no reply to GET within"):
        await caller.get()


async def test_calls_above_the_limit_of_waiting_calls_are_counted(
    nodes: list[Node], caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "MAX_PENDING", 2)
    monkeypatch.setattr(cluster, "CALL_SECONDS", 0.1)
    nodes[0].answers = iter([SILENCE] * 2)
    calls = [asyncio.create_task(caller.get()) for _ in range(2)]
    await until(lambda: len(nodes[0].commands) == 2)
    with pytest.raises(ValkeyUnavailableError):
        await caller.get()
    assert set(caller.reported) == {"busy"}
    for call in calls:
        call.cancel()


async def test_a_node_with_another_protocol_is_disconnected(nodes: list[Node], caller: Caller) -> None:
    nodes[0].answers = iter([b"HTTP/1.1 400 Bad Request\r\n"])
    assert await caller.get() == "k"
    assert caller.reported == ["garbled"]
    nodes[0].push(b"+unasked\r\n")
    await until(lambda: caller.reported == ["garbled", "garbled"])
    assert await caller.get() == "k"


async def test_a_replica_that_was_promoted_is_found(nodes: list[Node], caller: Caller) -> None:
    """Its primary is gone permanently: the known nodes report its successor."""
    one, two = nodes
    one.slots = b"-LOADING wait\r\n"
    one.answers = iter([b"-CLUSTERDOWN down\r\n"] * 1000)
    two.owns_all(one)
    assert await caller.get() == "k"
    assert two.commands == [["GET", "k"]]


async def test_connections_to_nodes_that_left_are_closed(nodes: list[Node], caller: Caller) -> None:
    one, two = nodes
    one.answers = iter([b"-MOVED 7629 127.0.0.1:%d\r\n" % two.port])
    two.owns_all(one)
    one.slots = two.slots
    await caller.get()
    assert set(caller.client._open) == {one.address, two.address}
    one.owns_all()
    two.slots = one.slots
    two.answers = iter([b"-CLUSTERDOWN down\r\n"])
    await caller.get()
    await until(lambda: list(caller.client._open) == [one.address])


async def test_a_stranger_at_a_node_s_old_address_is_not_trusted(nodes: list[Node], caller: Caller) -> None:
    one, two = nodes
    two.slots = SINGLE
    one.answers = iter([b"-CLUSTERDOWN down\r\n"] * 4)
    assert await caller.get() == "k"
    assert two.commands == []


async def test_start_waits_for_the_store(nodes: list[Node]) -> None:
    one, two = nodes
    one.slots = b"*0\r\n"  # it has not joined a cluster yet
    waiting = Caller(one)
    start = asyncio.create_task(waiting.client.start())
    await until(lambda: len(one.said) > 2)
    assert not start.done()
    one.owns_all(two)
    await start
    assert await waiting.get() == "k"
    await waiting.client.close()


async def test_a_subscription_receives_messages_and_reports_its_loss(nodes: list[Node], caller: Caller) -> None:
    received: list[str] = []
    lost = asyncio.Event()
    await caller.client.listen("c", received.append, lost.set)
    nodes[0].push(b">3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n")
    assert await caller.get() == "k"
    assert received == ["hello"]
    nodes[0].push(b">3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n")
    await asyncio.wait_for(lost.wait(), 5)

    lost.clear()
    await caller.client.listen("c", received.append, lost.set)
    nodes[0].hang_up()
    await asyncio.wait_for(lost.wait(), 5)


async def test_a_subscription_follows_its_slot(nodes: list[Node], caller: Caller) -> None:
    one, two = nodes
    one.answers = iter([b"-MOVED 1 127.0.0.1:%d\r\n" % two.port])
    await caller.client.listen("c", lambda _text: None, lambda: None)
    assert two.commands == [["SSUBSCRIBE", "c"]]


async def test_a_cancelled_call_affects_no_other(nodes: list[Node], caller: Caller) -> None:
    calls = [asyncio.create_task(caller.get(key)) for key in ("a", "b", "c")]
    await asyncio.sleep(0)
    calls[1].cancel()
    assert [await calls[0], await calls[2]] == ["a", "c"]
    assert await caller.get() == "k"


def test_errors_are_all_counted_and_logged_once_per_second(capsys: pytest.CaptureFixture[str]) -> None:
    counted: list[str] = []
    reports = ErrorReports(counted.append)
    for _ in range(5):
        reports.record(classify("CLUSTERDOWN down", ("h", 1)), ("h", 1))
    assert counted == ["CLUSTERDOWN"] * 5
    assert capsys.readouterr().out.count("CLUSTERDOWN down") == 1
