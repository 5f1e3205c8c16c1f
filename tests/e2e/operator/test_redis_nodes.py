"""Forming a cluster of real servers on this machine, without Kubernetes."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis, RedisCluster
from tests.e2e.operator.redis_servers import MARKS, SERVER, cluster_port, eventually
from tests.ports import free_port

from switchboard_operator.redis import topology
from switchboard_operator.redis.nodes import NodeError, RedisCredentials, execute, observe
from switchboard_operator.redis.topology import SLOTS, NodeAddress, RedisNode, TopologyPlan

pytestmark = MARKS
SHARDS, NODES = 3, 6
KEYS = 500


class Servers:
    """Servers with a folder of their own; by default, three shards of two servers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.resize(SHARDS, 1)

    def resize(self, shards: int, replicas: int) -> None:
        """Change the number of pods, and the addresses of all."""
        self.shards = shards
        self.places = {
            pod: NodeAddress(pod, shard, ordinal, "127.0.0.1", cluster_port())
            for shard in range(shards)
            for ordinal in range(1 + replicas)
            for pod in [f"store-{shard}-{ordinal}"]
        }

    def start_all(self) -> None:
        for pod in self.places:
            self.start(pod)

    def kill_all(self) -> None:
        for pod in list(self.processes):
            self.kill(pod)

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
            "cluster-require-full-coverage": "no",
            "cluster-allow-replica-migration": "no",
            "repl-diskless-sync-delay": "0",
        }
        arguments = [part for key, value in settings.items() for part in (f"--{key}", value)]
        self.processes[pod] = subprocess.Popen([SERVER, *arguments], stdout=subprocess.DEVNULL)

    def kill(self, pod: str) -> None:
        process = self.processes.pop(pod)
        process.kill()
        process.wait(5)

    def empty(self, pod: str) -> None:
        """Kill a server and delete its data."""
        self.kill(pod)
        shutil.rmtree(self.folder / pod)

    async def nodes(self) -> list[RedisNode]:
        """Return the nodes that answer."""
        answers = await asyncio.gather(
            *(observe(place, None) for place in self.places.values()), return_exceptions=True
        )
        for answer in answers:
            assert isinstance(answer, RedisNode | NodeError), answer
        return [answer for answer in answers if isinstance(answer, RedisNode)]

    async def plan(self) -> TopologyPlan:
        """Return the next plan."""
        return topology.plan(await self.nodes(), self.shards, list(self.places))

    async def step(self) -> TopologyPlan:
        """Execute the next plan like the reconciler, and return it."""
        plan = await self.plan()
        for command in plan.commands:
            await execute(self.places[command.pod], None, command)
        return plan

    async def write(self) -> None:
        """Write the keys."""
        async with RedisCluster(host="127.0.0.1", port=next(iter(self.places.values())).port) as client:
            for number in range(KEYS):
                await client.set(f"key-{number}", number)

    async def keys(self) -> int:
        """Return the number of keys of all primaries."""
        return sum(node.keys for node in await self.nodes() if node.primary_id is None)

    async def form(self) -> None:
        """Execute steps until the cluster is formed."""
        async with asyncio.timeout(30):
            while not (plan := await self.step()).formed:
                assert not plan.blocked
                await asyncio.sleep(0.1)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    found = Servers(tmp_path)
    found.start_all()
    yield found
    found.kill_all()


async def test_empty_servers_become_a_cluster(servers: Servers) -> None:
    await servers.form()
    nodes = [await observe(place, None) for place in servers.places.values()]
    assert sum(last - first + 1 for node in nodes for first, last in node.slots) == topology.SLOTS
    assert sum(node.primary_id is not None for node in nodes) == SHARDS
    assert len({node.epoch for node in nodes if node.primary_id is None}) == SHARDS


async def test_the_cluster_forms_if_the_operator_is_killed_after_each_command(servers: Servers) -> None:
    async with asyncio.timeout(30):
        while not (plan := await servers.plan()).formed:
            if plan.commands:
                command = plan.commands[0]
                await execute(servers.places[command.pod], None, command)
            await asyncio.sleep(0.05)


async def test_a_replica_that_lost_its_volume_rejoins(servers: Servers) -> None:
    await servers.form()
    servers.empty("store-1-1")
    servers.start("store-1-1")
    await servers.form()
    newcomer = await observe(servers.places["store-1-1"], None)
    primary = await observe(servers.places["store-1-0"], None)
    assert newcomer.primary_id == primary.id
    assert len(primary.peers) == NODES - 1


async def test_a_killed_primary_is_replaced_and_returns_as_a_replica(servers: Servers) -> None:
    await servers.form()
    servers.kill("store-0-0")

    async def promoted() -> object:
        return (await observe(servers.places["store-0-1"], None)).slots

    await eventually(promoted)
    servers.start("store-0-0")
    await servers.form()
    assert (await observe(servers.places["store-0-0"], None)).primary_id is not None


async def test_primaries_move_off_a_machine_that_has_most_of_them(servers: Servers) -> None:
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
        for command in (await servers.plan()).improvements:
            await execute(servers.places[command.pod], None, command)
        return (await observe(servers.places["store-2-1"], None)).primary_id is None

    await eventually(changed)
    assert not (await servers.plan()).improvements


async def test_a_server_with_foreign_data_is_not_changed(servers: Servers) -> None:
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
    plan = TopologyPlan()

    async def blocked() -> object:
        nonlocal plan
        plan = await servers.step()
        return plan.blocked

    await eventually(blocked)
    assert place.pod in plan.blocked
    assert (await observe(place, None)).keys == 1


@pytest.mark.parametrize(("before", "after"), [(3, 4), (5, 3)])
@pytest.mark.parametrize("replicas", [0, 1])
async def test_kept_volumes_of_another_number_of_shards_keep_their_keys(
    servers: Servers, before: int, after: int, replicas: int
) -> None:
    servers.kill_all()
    servers.resize(before, replicas)
    for pod in servers.places:
        shutil.rmtree(servers.folder / pod, ignore_errors=True)
    servers.start_all()
    await servers.form()
    await servers.write()
    servers.kill_all()

    servers.resize(after, replicas)
    servers.start_all()
    plans: list[TopologyPlan] = []

    async def planned() -> bool:
        plans.append(await servers.step())
        answer = len(await servers.nodes()) == len(servers.places)
        return (plans[-1].blocked != "" or plans[-1].formed) and answer

    await eventually(planned)
    plans += [await servers.step() for _ in range(10)]
    assert plans[-1].blocked.startswith(
        f"The volumes contain a cluster of {before} shards, but spec.shards is {after}."
    )
    assert not any(plan.commands for plan in plans)
    kept = min(before, after)
    assert topology.unserved(await servers.nodes()) >= SLOTS - topology.share(kept - 1, before)[1] - 1
    servers.kill_all()

    servers.resize(before, replicas)
    servers.start_all()
    await servers.form()
    assert await servers.keys() == KEYS


@pytest.mark.parametrize(("missing", "lost"), [("store-2-1", 0), ("store-2-0", 5462)])
async def test_five_of_six_servers_find_each_other_at_new_addresses(servers: Servers, missing: str, lost: int) -> None:
    await servers.form()
    await servers.write()
    servers.kill_all()
    servers.resize(SHARDS, 1)
    for pod in servers.places.keys() - {missing}:
        servers.start(pod)

    async def serving() -> bool:
        plan = await servers.step()
        assert not plan.formed
        nodes = await servers.nodes()
        return plan.waits_for.endswith(f": {missing}.") and len(nodes) == 5 and topology.unserved(nodes) == lost

    await eventually(serving)
    servers.start(missing)
    await servers.form()
    assert await servers.keys() == KEYS
    assert topology.unserved(await servers.nodes()) == 0


async def test_an_error_contains_the_pod_of_the_server(servers: Servers) -> None:
    with pytest.raises(NodeError, match="Pod gone"):
        await observe(NodeAddress("gone", 0, 0, "127.0.0.1", free_port()), None)
    place = servers.places["store-0-0"]
    await servers.form()
    with pytest.raises(NodeError, match="Pod store-0-0"):
        await observe(place, RedisCredentials("nobody", "wrong"))
