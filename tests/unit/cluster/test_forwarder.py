"""The forwarder, with servers on loopback addresses in place of nodes."""

import asyncio
import contextlib
import itertools
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from switchboard_cluster import forwarder
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.forwarder import Address, Balancer, Forwarder

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def node(address: str, ready: str = "True") -> dict[str, Any]:
    listed = [{"type": "Hostname", "address": "node"}, {"type": "InternalIP", "address": address}]
    return {"status": {"addresses": listed, "conditions": [{"type": "Ready", "status": ready}]}}


def service(**port: int) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": "pool"}, "spec": {"ports": [{"port": 80, **port}]}}


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ([node("10.0.0.1"), node("10.0.0.2", "Unknown")], [("10.0.0.1", 30080)]),
        ([node("10.0.0.1", "False"), node("10.0.0.2", "Unknown")], [("10.0.0.1", 30080), ("10.0.0.2", 30080)]),
        ([{"status": {}}], []),
        ([], []),
    ],
    ids=["ready nodes only", "all, if none is ready", "no address yet", "no nodes"],
)
def test_a_service_answers_on_the_ready_nodes(nodes: list[dict[str, Any]], found: list[Address]) -> None:
    assert forwarder.addresses(service(nodePort=30080), nodes) == found


def test_a_service_without_a_node_port_is_refused() -> None:
    with pytest.raises(ClusterError, match="ns/pool has no NodePort"):
        forwarder.addresses(service(), [node("10.0.0.1")])


A, B, C = ("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)


def test_connections_are_distributed_round_robin() -> None:
    balancer = Balancer([A, B, C])
    firsts = [balancer.order(0.0)[0] for _ in range(6)]
    assert sorted(firsts) == sorted([A, B, C] * 2)
    assert firsts[:3] == firsts[3:]


def test_a_target_that_failed_is_tried_last_for_a_while() -> None:
    balancer = Balancer([A, B, C])
    balancer.failed(B, 0.0)
    assert all(balancer.order(forwarder.PENALTY - 0.1)[-1] == B for _ in range(3))
    assert any(balancer.order(forwarder.PENALTY + 0.1)[0] == B for _ in range(3))


def test_a_target_that_answers_again_has_no_penalty() -> None:
    balancer = Balancer([A, B])
    balancer.failed(B, 0.0)
    balancer.answered(B)
    assert {balancer.order(0.0)[0] for _ in range(2)} == {A, B}


def test_without_targets_there_is_no_order() -> None:
    assert Balancer().order(0.0) == []


@pytest.mark.parametrize(
    ("listing", "who"),
    [
        ('LISTEN 0 100 127.0.0.1:8080 0.0.0.0:* users:(("python3",pid=12,fd=6))', "python3 (process 12)"),
        ("LISTEN 0 100 127.0.0.1:8080 0.0.0.0:*", None),
        ("", None),
    ],
)
def test_the_process_that_holds_a_port_is_found(listing: str, who: str | None) -> None:
    assert forwarder.holder(listing) == who


def test_a_port_in_use_raises_an_error_with_its_process_and_another_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError) as caught:
            forwarder.listen(port)
    assert caught.value.code == "port-in-use"
    assert f"(process {os.getpid()})" in caught.value.message
    assert f"--port {port + 1}" in caught.value.remedy


def test_a_port_that_is_in_use_on_ipv6_only_is_refused() -> None:
    try:
        taken = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with taken, pytest.raises(ClusterError, match="is in use by"):
        forwarder.listen(taken.getsockname()[1])


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read to the end, and then send everything back."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


async def start(handler: Handler, host: str) -> tuple[asyncio.Server, Address]:
    server = await asyncio.start_server(handler, host, 0)
    return server, server.sockets[0].getsockname()[:2]


@asynccontextmanager
async def forwarding(resolve: Callable[[], Sequence[Address]]) -> AsyncIterator[Address]:
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(Forwarder(resolve).run([listening]))
    try:
        yield listening.getsockname()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        listening.close()


async def ask(address: Address, what: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(what)
    writer.write_eof()
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


async def test_an_answer_after_the_clients_half_close_arrives() -> None:
    server, address = await start(echo, "127.0.0.2")
    async with server, forwarding(lambda: [address]) as local:
        assert await ask(local, b"hello") == b"hello"


async def test_data_larger_than_all_buffers_arrives_complete() -> None:
    server, address = await start(echo, "127.0.0.2")
    sent = os.urandom(3_000_000)
    async with server, forwarding(lambda: [address]) as local:
        assert await ask(local, sent) == sent


async def test_a_stalled_reader_stalls_the_writer() -> None:
    """Data in flight is bounded by the buffers of asyncio and of the kernel."""
    resume, all_read, received = asyncio.Event(), asyncio.Event(), 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await resume.wait()
        while chunk := await reader.read(65536):
            received += len(chunk)
        all_read.set()
        writer.close()

    server, address = await start(slow, "127.0.0.2")
    async with server, forwarding(lambda: [address]) as local:
        _, writer = await asyncio.open_connection(*local)
        sent = await write_until_it_stalls(writer, 100_000_000)
        assert sent < 100_000_000
        resume.set()
        writer.write_eof()
        async with asyncio.timeout(20):
            await all_read.wait()
        assert received == sent
        writer.close()


async def write_until_it_stalls(writer: asyncio.StreamWriter, most: int) -> int:
    sent = 0
    while sent < most:
        writer.write(bytes(65536))
        sent += 65536
        try:
            async with asyncio.timeout(0.5):
                await writer.drain()
        except TimeoutError:
            break
    return sent


async def test_a_shutdown_closes_idle_connections() -> None:
    arrived = asyncio.Event()

    async def idle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await echo(reader, writer)

    server, address = await start(idle, "127.0.0.2")
    async with server:
        async with forwarding(lambda: [address]) as local:
            reader, writer = await asyncio.open_connection(*local)
            await arrived.wait()
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_connections_spread_over_the_nodes() -> None:
    hits: list[str] = []

    def counting(name: str) -> Handler:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            hits.append(name)
            await echo(reader, writer)

        return handler

    servers = [await start(counting(host), host) for host in ("127.0.0.2", "127.0.0.3")]
    async with forwarding(lambda: [address for _, address in servers]) as local:
        for _ in range(4):
            await ask(local, b"x")
    for server, _ in servers:
        server.close()
    assert sorted(hits) == ["127.0.0.2"] * 2 + ["127.0.0.3"] * 2


async def test_a_node_that_refuses_connections_is_skipped() -> None:
    gone, refusing = await start(echo, "127.0.0.3")
    gone.close()
    await gone.wait_closed()
    server, address = await start(echo, "127.0.0.2")
    async with server, forwarding(lambda: [refusing, address]) as local:
        assert [await ask(local, b"x") for _ in range(4)] == [b"x"] * 4


async def test_a_silent_node_delays_only_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    server, address = await start(echo, "127.0.0.2")
    silent = ("127.0.0.3", 9)
    tried = []
    connect = asyncio.open_connection

    async def connecting(host: str, port: int, **kwargs: int) -> Any:
        if (host, port) == silent:
            tried.append(silent)
            await asyncio.Event().wait()
        return await connect(host, port, **kwargs)

    monkeypatch.setattr(forwarder.asyncio, "open_connection", connecting)
    async with server, forwarding(lambda: [silent, address]) as local:
        began = asyncio.get_running_loop().time()
        for _ in range(6):
            reader, writer = await connect(*local)
            writer.write_eof()
            await reader.read()
            writer.close()
        took = asyncio.get_running_loop().time() - began
    assert tried == [silent]
    assert took < forwarder.CONNECT_TIMEOUT + 1


async def test_a_client_waits_until_the_service_returns() -> None:
    known: list[Address] = []
    async with forwarding(lambda: list(known)) as local:
        answer = asyncio.create_task(ask(local, b"patience"))
        server, address = await start(echo, "127.0.0.2")
        known.append(address)
        async with server:
            assert await answer == b"patience"


async def test_a_client_is_disconnected_if_no_node_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "CONNECT_DEADLINE", 0.2)
    async with forwarding(list) as local:
        assert await ask(local, b"hello") == b""


async def test_an_aborted_connection_is_closed_on_both_sides() -> None:
    async def slam(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server, address = await start(slam, "127.0.0.2")
    async with server, forwarding(lambda: [address]) as local:
        reader, writer = await asyncio.open_connection(*local)
        writer.write(b"x")
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()


async def test_the_known_nodes_stay_in_use_without_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarder, "REFRESH", 0.01)
    server, address = await start(echo, "127.0.0.2")
    calls = itertools.count()
    asked_again = asyncio.Event()
    loop = asyncio.get_running_loop()

    def resolve() -> list[Address]:
        if next(calls) == 0:
            return [address]
        loop.call_soon_threadsafe(asked_again.set)
        raise ClusterError("api-unreachable", "the API server does not answer", "")

    async with server, forwarding(resolve) as local:
        async with asyncio.timeout(20):
            await asked_again.wait()
        assert await ask(local, b"x") == b"x"


async def test_a_service_without_a_node_port_stops_the_forwarder() -> None:
    def resolve() -> list[Address]:
        raise ClusterError("no-node-port", "the Service has no NodePort", "")

    with pytest.raises(ClusterError, match="no NodePort"):
        await Forwarder(resolve).run([])
