"""What the tests with real Valkey or Redis servers on this machine share."""

import asyncio
import random
import shutil
import socket
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import RedisError

from switchboard_operator.redis.nodes import NodeError

SERVER = shutil.which("valkey-server") or shutil.which("redis-server") or ""
MARKS = [
    pytest.mark.cluster,
    pytest.mark.skipif(not SERVER, reason="needs valkey-server or redis-server: apt-get install redis-server"),
]
_given: set[int] = set()


def cluster_port() -> int:
    """Return a port below those that the system hands out, free together with its bus port, 10000 above.

    No port is returned twice: servers start later, so two could be given the same free one.
    """
    while True:
        port = random.randrange(10000, 22000)
        if {port, port + 10000} & _given:
            continue
        try:
            with socket.socket() as client, socket.socket() as bus:
                client.bind(("127.0.0.1", port))
                bus.bind(("127.0.0.1", port + 10000))
        except OSError:
            continue
        _given.update((port, port + 10000))
        return port


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
