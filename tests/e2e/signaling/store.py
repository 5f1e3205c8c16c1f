"""A real store for a test: Valkey or Redis on free ports of this machine, alone or as a cluster of three."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import redis.asyncio as redis
from redis.exceptions import RedisError

START_SECONDS = 20.0
POLL_SECONDS = 0.05
SLOTS = 16384

Nodes = list[tuple[str, int]]


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on just now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@asynccontextmanager
async def single(folder: Path) -> AsyncIterator[Nodes]:
    """Run one node; gives its address."""
    [port] = free_ports(1)
    async with _node(folder, port):
        yield [("127.0.0.1", port)]


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Nodes]:
    """Run a cluster of three primaries; gives their addresses."""
    async with unformed(folder) as (nodes, buses):
        await form(nodes, buses)
        yield nodes


@asynccontextmanager
async def unformed(folder: Path) -> AsyncIterator[tuple[Nodes, list[int]]]:
    """Run three nodes in cluster mode without slots, strangers to each other; gives addresses and bus ports."""
    ports = free_ports(6)
    nodes, buses = ports[:3], ports[3:]
    async with AsyncExitStack() as stack:
        for port, bus in zip(nodes, buses, strict=True):
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "2000")
            await stack.enter_async_context(_node(folder / str(port), port, *options))
        yield [("127.0.0.1", port) for port in nodes], buses


async def form(nodes: Nodes, buses: list[int]) -> None:
    """Make nodes a cluster of primaries that share the slots."""
    await claim(nodes, SLOTS // 3, SLOTS // 3)
    await introduce(nodes, buses)


async def claim(nodes: Nodes, *shares: int) -> None:
    """Give each node its slots, so many to each but the last, which gets the rest."""
    async with AsyncExitStack() as stack:
        first = 0
        for (_, port), share in zip(nodes, [*shares, SLOTS - sum(shares)], strict=True):
            await (await _client(stack, port)).execute_command("CLUSTER ADDSLOTSRANGE", first, first + share - 1)
            first += share


async def introduce(nodes: Nodes, buses: list[int]) -> None:
    """Let nodes that own all slots get to know each other."""
    async with AsyncExitStack() as stack:
        clients = [await _client(stack, port) for _, port in nodes]
        for client in clients:
            await client.execute_command("CLUSTER MEET", *nodes[0], buses[0])

        async def formed() -> bool:
            states = [await client.execute_command("CLUSTER INFO") for client in clients]
            return all(
                _says(state, "cluster_state", "ok") and _says(state, "cluster_known_nodes", "3") for state in states
            )

        await _until(formed)


async def visitors(node: tuple[str, int]) -> int:
    """Return how many connections other than this one a node has."""
    async with AsyncExitStack() as stack:
        return len(await (await _client(stack, node[1])).client_list()) - 1


async def wipe(nodes: Nodes) -> None:
    """Delete all data of the store."""
    async with AsyncExitStack() as stack:
        for _, port in nodes:
            await (await _client(stack, port)).flushall()


async def _client(stack: AsyncExitStack, port: int) -> "redis.Redis":
    client = redis.Redis(host="127.0.0.1", port=port, decode_responses=True)
    stack.push_async_callback(client.aclose)
    return client


@asynccontextmanager
async def _node(folder: Path, port: int, *options: str) -> AsyncIterator[None]:
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    assert program, "no valkey-server and no redis-server. Remedy: apt-get install redis-server"
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - a test's own folder, at once
    with (folder / "store.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"),
            *options,
            stdout=log,
        )
    try:
        async with AsyncExitStack() as stack:
            client = await _client(stack, port)

            async def answers() -> bool:
                try:
                    return bool(await client.ping())
                except (RedisError, OSError):
                    return False

            await _until(answers)
        yield
    finally:
        process.kill()
        await process.wait()


def _says(info: object, name: str, value: str) -> bool:
    return info.get(name) == value if isinstance(info, dict) else f"{name}:{value}" in str(info)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process's state can only be asked for
            await asyncio.sleep(POLL_SECONDS)
