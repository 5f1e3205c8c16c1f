"""A real store for a test: Valkey or Redis on free ports of this machine, alone or as a cluster of three."""

import asyncio
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis.asyncio as redis
from redis.crc import key_slot
from redis.exceptions import ReadOnlyError, RedisError, ResponseError
from tests.ports import free_port, free_ports

START_SECONDS = 20.0
POLL_SECONDS = 0.05
SLOTS = 16384
CLUSTERED = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")

Nodes = list[tuple[str, int]]


@asynccontextmanager
async def single(folder: Path) -> AsyncIterator[Nodes]:
    """Run one node; yields its address."""
    port = free_port()
    async with _node(folder, port):
        yield [("127.0.0.1", port)]


@asynccontextmanager
async def guarded(folder: Path, certificates: Path, rights: str) -> AsyncIterator[tuple[str, int]]:
    """Run one node that accepts only the user `app` with the password `secret` by TLS; yields its address."""
    port, tls_port = free_ports(2)
    files = {"--tls-cert-file": "tls.crt", "--tls-key-file": "tls.key", "--tls-ca-cert-file": "ca.crt"}
    options = [word for option, name in files.items() for word in (option, str(certificates / name))]
    async with _node(folder, port, "--tls-port", str(tls_port), *options), AsyncExitStack() as stack:
        client = await _client(stack, port)
        await client.execute_command("ACL SETUSER", "app", "on", ">secret", *rights.split())
        await client.execute_command("ACL SETUSER", "default", "off")
        yield "127.0.0.1", tls_port


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[Nodes]:
    """Run a cluster of three primaries; yields their addresses."""
    async with unformed(folder) as (nodes, buses):
        await form(nodes, buses)
        yield nodes


@asynccontextmanager
async def unformed(folder: Path) -> AsyncIterator[tuple[Nodes, list[int]]]:
    """Run three unconnected nodes in cluster mode without slots; yields addresses and bus ports."""
    ports = free_ports(6)
    nodes, buses = ports[:3], ports[3:]
    async with AsyncExitStack() as stack:
        for port, bus in zip(nodes, buses, strict=True):
            options = (*CLUSTERED, "--cluster-port", str(bus))
            await stack.enter_async_context(_node(folder / str(port), port, *options))
        yield [("127.0.0.1", port) for port in nodes], buses


@dataclass
class Replicated:
    """A cluster of three primaries, each with a replica; slots may be moved, nodes demoted and stopped."""

    processes: dict[int, asyncio.subprocess.Process]
    """By port."""
    start: Callable[[int], Awaitable[asyncio.subprocess.Process]]
    """Start the node of a port."""

    @property
    def nodes(self) -> Nodes:
        """The addresses of all nodes."""
        return [("127.0.0.1", port) for port in self.processes]

    async def owner(self, key: str) -> tuple[int, int]:
        """Return the ports of the primary that serves a key and of its replica, as soon as a running node knows both.

        After a failover nodes learn of the new primary first, and of its new replica a moment later.
        """
        slot, found = key_slot(key.encode()), list[int]()

        async def both_known() -> bool:
            found[:] = _servers(await self._say(self._living, "CLUSTER SLOTS"), slot)
            return len(found) == 2

        await _until(both_known)
        return found[0], found[1]

    async def move(self, key: str) -> None:
        """Move a key's slot with its keys to another primary."""
        slot, (source, _) = key_slot(key.encode()), await self.owner(key)
        others = [await self.owner(name) for name in ("a", "b", "c", "d", "e", "f", "g")]
        target = next(primary for primary, _ in others if primary != source)
        source_id, target_id = [await self._say(port, "CLUSTER MYID") for port in (source, target)]
        await self._say(target, "CLUSTER SETSLOT", slot, "IMPORTING", source_id)
        await self._say(source, "CLUSTER SETSLOT", slot, "MIGRATING", target_id)
        while keys := await self._say(source, "CLUSTER GETKEYSINSLOT", slot, 100):
            await self._say(source, "MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *keys)
        for port in (target, source):
            await self._say(port, "CLUSTER SETSLOT", slot, "NODE", target_id)

    async def hand_over(self, key: str) -> None:
        """Fail over to the replica of a key's primary."""
        primary, replica = await self.owner(key)
        await self._say(replica, "CLUSTER FAILOVER")
        await self._until_served_by(key, replica, primary)

    async def kill(self, key: str) -> None:
        """Kill the primary of a key, and wait for the failover."""
        primary, replica = await self.owner(key)
        self.processes[primary].kill()
        await self.processes.pop(primary).wait()
        await self._until_served_by(key, replica, None)

    async def replace(self, key: str) -> None:
        """Kill the primary of a key, and start it again after the failover."""
        primary, replica = await self.owner(key)
        await self.kill(key)
        self.processes[primary] = await self.start(primary)
        await self._until_served_by(key, replica, primary)

    async def wipe(self) -> None:
        """Delete all data."""
        for port in self.processes:
            with suppress(ReadOnlyError):  # replicas follow
                await self._say(port, "FLUSHALL")

    async def freeze(self, key: str) -> None:
        """Pause the primary of a key until the failover, and resume it as a replica."""
        primary, replica = await self.owner(key)
        process = self.processes.pop(primary)
        process.send_signal(signal.SIGSTOP)
        await self._until_served_by(key, replica, None)
        process.send_signal(signal.SIGCONT)
        self.processes[primary] = process
        await self._until_served_by(key, replica, primary)

    @property
    def _living(self) -> int:
        return next(iter(self.processes))

    async def _until_served_by(self, key: str, port: int, replica: int | None) -> None:
        slot = key_slot(key.encode())

        async def served() -> bool:
            primary, *replicas = _servers(await self._say(port, "CLUSTER SLOTS"), slot)
            if primary != port or (replica is not None and replica not in replicas):
                return False
            return replica is None or (await self._say(replica, "INFO", "replication"))["master_link_status"] == "up"

        await _until(served)

    async def _say(self, port: int, *words: str | int) -> Any:
        async with AsyncExitStack() as stack:
            return await (await _client(stack, port)).execute_command(*words)


def _servers(rows: list[list[Any]], slot: int) -> list[int]:
    """Return the ports of a slot's primary and its replicas from the reply of CLUSTER SLOTS."""
    return next([int(one[1]) for one in servers] for first, last, *servers in rows if first <= slot <= last)


@asynccontextmanager
async def replicated(folder: Path) -> AsyncIterator[Replicated]:
    """Run three primaries, each with a replica."""
    ports = free_ports(12)
    async with AsyncExitStack() as stack:
        buses = dict(zip(ports[:6], ports[6:], strict=True))

        async def start(port: int) -> asyncio.subprocess.Process:
            options = (*CLUSTERED, "--cluster-port", str(buses[port]), "--repl-diskless-sync-delay", "0")
            return await stack.enter_async_context(_node(folder / str(port), port, *options))

        found = Replicated({port: await start(port) for port in buses}, start)
        await form(found.nodes[:3], ports[6:9])
        clients = [await _client(stack, port) for port in ports[:6]]
        for client, primary in zip(clients[3:], clients[:3], strict=True):
            name = await primary.execute_command("CLUSTER MYID")
            await client.execute_command("CLUSTER MEET", "127.0.0.1", ports[0], ports[6])

            async def follows(client: "redis.Redis" = client, name: str = name) -> bool:
                try:
                    await client.execute_command("CLUSTER REPLICATE", name)
                except ResponseError:
                    return False  # it does not know its primary yet
                return True

            await _until(follows)

        async def in_sync() -> bool:
            states = [await client.info("replication") for client in clients[3:]]
            views = [await client.execute_command("CLUSTER SLOTS") for client in clients]
            return all(state["master_link_status"] == "up" for state in states) and all(
                len(view) == 3 and all(len(row) == 4 for row in view) for view in views
            )

        await _until(in_sync)
        yield found


async def form(nodes: Nodes, buses: list[int]) -> None:
    """Make nodes a cluster of primaries that share the slots."""
    await claim(nodes, SLOTS // 3, SLOTS // 3)
    await introduce(nodes, buses)


async def claim(nodes: Nodes, *shares: int) -> None:
    """Assign slots to the nodes: this many to each, the rest to the last."""
    async with AsyncExitStack() as stack:
        first = 0
        for (_, port), share in zip(nodes, [*shares, SLOTS - sum(shares)], strict=True):
            await (await _client(stack, port)).execute_command("CLUSTER ADDSLOTSRANGE", first, first + share - 1)
            first += share


async def introduce(nodes: Nodes, buses: list[int]) -> None:
    """Connect nodes that own all slots."""
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
    """Return the number of a node's connections besides this one."""
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
async def _node(folder: Path, port: int, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
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
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _says(info: object, name: str, value: str) -> bool:
    return info.get(name) == value if isinstance(info, dict) else f"{name}:{value}" in str(info)


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process's state can only be polled
            await asyncio.sleep(POLL_SECONDS)
