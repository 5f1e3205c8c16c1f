"""Forming a cluster of real servers on this machine, without Kubernetes."""

import asyncio
import random
import shutil
import socket
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from tests.e2e.apiserver import free_port

from switchboard_operator.redis import topology
from switchboard_operator.redis.nodes import Credentials, NodeError, execute, observe
from switchboard_operator.redis.topology import Place, Plan

SERVER = shutil.which("valkey-server") or shutil.which("redis-server")
pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(SERVER is None, reason="needs valkey-server or redis-server: apt-get install redis-server"),
]
SHARDS, NODES = 3, 6


class Servers:
    """Six servers, each with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.places = {
            pod: Place(pod, shard, ordinal, "127.0.0.1", _port())
            for shard in range(SHARDS)
            for ordinal in range(2)
            for pod in [f"store-{shard}-{ordinal}"]
        }

    def start(self, pod: str, *, alone: bool = False) -> None:
        folder = self.folder / pod
        folder.mkdir(exist_ok=True)
        settings = {
            "port": str(self.places[pod].port),
            "bind": "127.0.0.1",
            "dir": str(folder),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "cluster-enabled": "no" if alone else "yes",
            "cluster-node-timeout": "1000",
            "cluster-allow-replica-migration": "no",
            "repl-diskless-sync-delay": "0",
        }
        arguments = [part for key, value in settings.items() for part in (f"--{key}", value)]
        assert SERVER is not None
        self.processes[pod] = subprocess.Popen([SERVER, *arguments], stdout=subprocess.DEVNULL)

    def kill(self, pod: str) -> None:
        process = self.processes.pop(pod)
        process.kill()
        process.wait(5)

    def empty(self, pod: str) -> None:
        """Kill a server and take its data away."""
        self.kill(pod)
        shutil.rmtree(self.folder / pod)

    async def look(self) -> Plan:
        """Return the next step."""
        answers = await asyncio.gather(
            *(observe(place, None) for place in self.places.values()), return_exceptions=True
        )
        nodes = [answer for answer in answers if isinstance(answer, topology.Node)]
        for answer in answers:
            assert isinstance(answer, topology.Node | NodeError), answer
        return topology.plan(nodes, SHARDS, NODES)

    async def form(self) -> None:
        """Do what the plan says until the cluster is formed, as the reconciler does."""
        async with asyncio.timeout(30):
            while not (plan := await self.look()).formed:
                assert not plan.blocked
                for command in plan.commands:
                    await execute(self.places[command.pod], None, command)
                await asyncio.sleep(0.1)


def _port() -> int:
    """Return a port below those that the system hands out, free together with its bus port, 10000 above."""
    while True:
        port = random.randrange(10000, 22000)
        try:
            with socket.socket() as client, socket.socket() as bus:
                client.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10000))
        except OSError:
            continue
        return port


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    found = Servers(tmp_path)
    for pod in found.places:
        found.start(pod)
    yield found
    for pod in list(found.processes):
        found.kill(pod)


async def eventually(attempt: Callable[[], Awaitable[object]]) -> None:
    """Return once the attempt returns something true; one that fails is made again."""
    async with asyncio.timeout(20):
        while True:
            try:
                if await attempt():
                    return
            except (NodeError, RedisError, OSError):
                pass
            await asyncio.sleep(0.05)


async def test_empty_servers_become_a_cluster(servers: Servers) -> None:
    await servers.form()
    nodes = [await observe(place, None) for place in servers.places.values()]
    assert sum(last - first + 1 for node in nodes for first, last in node.slots) == topology.SLOTS
    assert sum(node.primary_id is not None for node in nodes) == SHARDS
    assert len({node.epoch for node in nodes if node.primary_id is None}) == SHARDS


async def test_an_operator_that_dies_after_each_command_loses_nothing(servers: Servers) -> None:
    async with asyncio.timeout(30):
        while not (plan := await servers.look()).formed:
            if plan.commands:
                command = plan.commands[0]
                await execute(servers.places[command.pod], None, command)
            await asyncio.sleep(0.05)


async def test_a_replica_that_lost_its_volume_is_taken_in_again(servers: Servers) -> None:
    await servers.form()
    servers.empty("store-1-1")
    servers.start("store-1-1")
    await servers.form()
    newcomer = await observe(servers.places["store-1-1"], None)
    primary = await observe(servers.places["store-1-0"], None)
    assert newcomer.primary_id == primary.id
    assert len(primary.peers) == NODES - 1


async def test_a_primary_that_died_is_replaced_and_comes_back_as_a_replica(servers: Servers) -> None:
    await servers.form()
    servers.kill("store-0-0")

    async def promoted() -> object:
        return (await observe(servers.places["store-0-1"], None)).slots

    await eventually(promoted)
    servers.start("store-0-0")
    await servers.form()
    assert (await observe(servers.places["store-0-0"], None)).primary_id is not None


async def test_primaries_leave_a_machine_that_would_take_most_of_them_along(servers: Servers) -> None:
    await servers.form()
    machines = {
        "store-0-0": "a",
        "store-0-1": "c",
        "store-1-0": "b",
        "store-1-1": "a",
        "store-2-0": "b",
        "store-2-1": "c",
    }
    servers.places = {pod: replace(place, machine=machines[pod]) for pod, place in servers.places.items()}

    async def changed() -> bool:
        for command in (await servers.look()).improves:
            await execute(servers.places[command.pod], None, command)
        return (await observe(servers.places["store-2-1"], None)).primary_id is None

    await eventually(changed)
    assert not (await servers.look()).improves


async def test_a_server_with_data_is_left_alone(servers: Servers) -> None:
    await servers.form()
    place = servers.places["store-2-1"]
    servers.empty(place.pod)
    servers.start(place.pod, alone=True)

    async def write() -> object:
        async with Redis(host=place.host, port=place.port) as client:
            return await client.set("precious", "1")

    await eventually(write)
    servers.kill(place.pod)
    servers.start(place.pod)
    plan = Plan()

    async def blocked() -> object:
        nonlocal plan
        plan = await servers.look()
        for command in plan.commands:
            await execute(servers.places[command.pod], None, command)
        return plan.blocked

    await eventually(blocked)
    assert place.pod in plan.blocked
    assert (await observe(place, None)).keys == 1


async def test_a_server_that_does_not_answer_or_refuses_is_named(servers: Servers) -> None:
    with pytest.raises(NodeError, match="Pod gone"):
        await observe(Place("gone", 0, 0, "127.0.0.1", free_port()), None)
    place = servers.places["store-0-0"]
    await servers.form()
    with pytest.raises(NodeError, match="Pod store-0-0"):
        await observe(place, Credentials("nobody", "wrong"))
