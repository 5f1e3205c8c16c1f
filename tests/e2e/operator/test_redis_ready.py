"""The readiness probe of a node with real servers on this machine."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from tests.e2e.operator.redis_servers import MARKS, SERVER, cluster_port, eventually
from tests.unit.operator.examples import KEYS, cluster

from switchboard_operator.redis import objects

pytestmark = MARKS
PASSWORD = KEYS.redis_password(objects.OPERATOR_USER, cluster().metadata.uid)


class Server:
    """A server with the operator's settings and users, and its own port and folder."""

    def __init__(self, folder: Path) -> None:
        self.port = cluster_port()
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        for name, text in objects.server_files(cluster(), KEYS).items():
            moved = text.replace("/etc/switchboard/redis", str(folder)).replace(" /data", f" {self.data}")
            (folder / name).write_text(moved)
        with (folder / "users.acl").open("a") as users:
            users.write("user test on nopass ~* +@all\n")
        cli = shutil.which("valkey-cli") or shutil.which("redis-cli")
        (folder / "valkey-cli").write_text(f'#!/bin/sh\nexec {cli} -p {self.port} "$@"\n')
        (folder / "valkey-cli").chmod(0o755)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        own = ["--port", str(self.port), "--bind", "127.0.0.1", "--cluster-enabled", "no"]
        command = [SERVER, str(self.folder / "valkey.conf"), *own, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(5)
            self.process = None

    async def info(self) -> dict[str, object]:
        async with Redis(port=self.port, username=objects.OPERATOR_USER, password=PASSWORD) as client:
            found: dict[str, object] = await client.info()
            return found

    async def command(self, *words: str | int) -> object:
        """Send a CLUSTER command as the operator."""
        async with Redis(port=self.port, username=objects.OPERATOR_USER, password=PASSWORD) as client:
            return await client.execute_command("CLUSTER", *words)  # type: ignore[no-untyped-call]

    async def ready(self) -> bool:
        """Run the probe."""
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        probe = await asyncio.create_subprocess_exec("sh", str(self.folder / "ready.sh"), env=environment)
        return await asyncio.wait_for(probe.wait(), 10) == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "one")
    yield found
    found.stop()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    found = Server(tmp_path / "other")
    yield found
    found.stop()


async def test_a_server_is_ready_once_it_answers(server: Server) -> None:
    assert not await server.ready()
    server.start()
    await eventually(server.ready)


async def test_a_loading_server_is_not_ready(server: Server) -> None:
    server.start("--enable-debug-command", "yes")

    async def filled() -> object:
        async with Redis(port=server.port, username="test", password="any") as client:
            await client.execute_command("DEBUG", "POPULATE", 200, "key", 4096)  # type: ignore[no-untyped-call]
            return await client.bgrewriteaof()

    async def written() -> bool:
        return any(file.stat().st_size > 5000 for file in server.data.glob("appendonlydir/*.base.rdb"))

    await eventually(filled)
    await eventually(written)
    server.stop()
    server.start("--key-load-delay", "100000", "--loading-process-events-interval-bytes", "1024")

    async def loading() -> object:
        return (await server.info())["loading"] == 1

    await eventually(loading)
    assert (await server.info())["async_loading"] == 0
    assert not await server.ready()
    assert await loading()
    server.stop()
    server.start()
    await eventually(server.ready)
    assert (await server.info())["db0"] == {"keys": 200, "expires": 0, "avg_ttl": 0}


async def test_a_replica_is_ready_while_it_is_linked_to_its_primary(server: Server, other: Server) -> None:
    server.start("--replicaof", f"127.0.0.1 {other.port}")

    async def disconnected() -> object:
        return (await server.info())["master_link_status"] == "down"

    await eventually(disconnected)
    assert not await server.ready()
    other.start()
    await eventually(server.ready)
    other.stop()
    await eventually(disconnected)
    assert not await server.ready()


async def both_form(server: Server, other: Server) -> None:
    """Start two nodes: the first owns all slots, and they know each other."""
    for one in (server, other):
        one.start("--cluster-enabled", "yes")
        await eventually(one.info)
    await server.command("ADDSLOTSRANGE", 0, 16383)
    await server.command("MEET", "127.0.0.1", other.port)


async def test_a_node_that_knows_no_other_is_not_ready(server: Server, other: Server) -> None:
    server.start("--cluster-enabled", "yes")
    await eventually(server.info)
    assert not await server.ready()
    await server.command("ADDSLOTSRANGE", 0, 16383)
    assert not await server.ready()
    other.start("--cluster-enabled", "yes")
    await eventually(other.info)
    await server.command("MEET", "127.0.0.1", other.port)
    await eventually(server.ready)


async def test_an_empty_node_is_ready_only_once_it_is_a_replica(server: Server, other: Server) -> None:
    await both_form(server, other)
    await eventually(server.ready)
    primary = bytes(await server.command("MYID")).decode()  # type: ignore[call-overload]

    async def acquainted() -> bool:
        return primary in str(await other.command("NODES"))

    await eventually(acquainted)
    assert not await other.ready()

    async def replicates() -> object:
        return await other.command("REPLICATE", primary)

    await eventually(replicates)
    await eventually(other.ready)


async def test_a_node_with_the_users_of_an_earlier_operator_stays_ready(server: Server, other: Server) -> None:
    users = server.folder / "users.acl"
    users.write_text(users.read_text().replace(" +cluster|nodes\n", "\n"))
    await both_form(server, other)
    await eventually(server.ready)
