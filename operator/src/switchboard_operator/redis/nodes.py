"""Observes nodes and sends them CLUSTER commands. The only importer of the redis library."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from switchboard_crds import names
from switchboard_operator.redis import topology
from switchboard_operator.redis.topology import (
    AddSlots,
    Command,
    Failover,
    Forget,
    KnownNode,
    Meet,
    NodeAddress,
    RedisNode,
    Replicate,
    SetEpoch,
)

TIMEOUT: Final = 3.0
"""Seconds for a node to answer; a healthy node answers in milliseconds."""


class NodeError(Exception):
    """A node did not answer, or rejected a command."""


@dataclass(frozen=True)
class RedisCredentials:
    """The operator's user on the nodes."""

    username: str
    password: str


async def observe(place: NodeAddress, credentials: RedisCredentials | None) -> RedisNode:
    """Return the state of a node. Raises NodeError."""
    async with _connection(place, credentials) as client:
        table = await _ask(place, client, "CLUSTER", "NODES")
        info = await _ask(place, client, "CLUSTER", "INFO")
        keys = await _ask(place, client, "DBSIZE")
    node = parse(place, _text(table))
    fields = dict(entry.split(":", 1) for entry in _text(info).splitlines() if ":" in entry)
    return replace(
        node,
        keys=int(keys),
        epoch=int(fields.get("cluster_my_epoch", 0)),
        served=int(fields.get("cluster_slots_ok", 0)) if fields.get("cluster_state", "").strip() == "ok" else 0,
    )


async def execute(place: NodeAddress, credentials: RedisCredentials | None, command: Command) -> None:
    """Send a command to a node. Raises NodeError."""
    async with _connection(place, credentials) as client:
        await _ask(place, client, "CLUSTER", *arguments(command))


def arguments(command: Command) -> tuple[str | int, ...]:
    """Return the arguments of CLUSTER for a command (https://valkey.io/commands/#cluster)."""
    match command:
        case SetEpoch(_, epoch):
            return "SET-CONFIG-EPOCH", epoch
        case AddSlots(_, (first, last)):
            return "ADDSLOTSRANGE", first, last
        case Meet(_, address):
            host, _, port = address.rpartition(":")
            bus = int(port) + names.REDIS_BUS_PORT - names.REDIS_PORT
            return "MEET", host, port, bus
        case Replicate(_, primary_id):
            return "REPLICATE", primary_id
        case Forget(_, gone):
            return "FORGET", gone
        case Failover():
            return ("FAILOVER",)


def parse(place: NodeAddress, table: str) -> RedisNode:
    """Return a node from its CLUSTER NODES table (https://valkey.io/commands/cluster-nodes/)."""
    peers: dict[str, KnownNode] = {}
    me: tuple[str, str | None, topology.Ranges] | None = None
    for line in table.splitlines():
        if not line:
            continue
        identity, address, flags, primary, _, _, _, _, *slots = line.split()
        kinds = flags.split(",")
        if "myself" in kinds:
            me = identity, None if primary == "-" else primary, tuple(_ranges(slots))
        else:
            peers[identity] = KnownNode(
                address.split("@")[0],
                "handshake" in kinds,
                "fail" in kinds or "noaddr" in kinds,
                tuple(_ranges(slots)),
            )
    if me is None:
        raise NodeError(f"Pod {place.pod}: CLUSTER NODES does not list the node itself")
    identity, primary_id, ranges = me
    return RedisNode(place, identity, slots=ranges, primary_id=primary_id, peers=peers)


def _ranges(slots: list[str]) -> Iterator[topology.Range]:
    for item in slots:
        if not item.startswith("["):  # a slot that is being migrated
            first, _, last = item.partition("-")
            yield int(first), int(last or first)


def _text(answer: Any) -> str:
    return answer.decode() if isinstance(answer, bytes) else str(answer)


@asynccontextmanager
async def _connection(place: NodeAddress, credentials: RedisCredentials | None) -> AsyncIterator[Redis]:
    client = Redis(
        host=place.host,
        port=place.port,
        username=credentials.username if credentials else None,
        password=credentials.password if credentials else None,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        protocol=2,
        driver_info=None,
        retry=Retry(NoBackoff(), 0),
        single_connection_client=True,
    )
    try:
        async with asyncio.timeout(3 * TIMEOUT):
            yield client
    except TimeoutError as error:
        raise NodeError(f"Pod {place.pod} at {place.host}:{place.port} did not answer in time") from error
    except (RedisError, OSError) as error:
        raise NodeError(f"Pod {place.pod} at {place.host}:{place.port}: {error}") from error
    finally:
        await client.aclose()


async def _ask(place: NodeAddress, client: Redis, *command: str | int) -> Any:
    try:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]
    except RedisError as error:
        raise NodeError(f"Pod {place.pod}, {' '.join(map(str, command[:2]))}: {error}") from error
