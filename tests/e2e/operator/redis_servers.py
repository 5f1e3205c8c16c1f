"""Helpers of the tests with real Valkey or Redis servers on this machine."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import RedisError
from tests.ports import free_port

from switchboard_operator.redis.nodes import NodeError

SERVER = shutil.which("valkey-server") or shutil.which("redis-server") or ""
MARKS = [
    pytest.mark.cluster,
    pytest.mark.skipif(not SERVER, reason="needs valkey-server or redis-server: apt-get install redis-server"),
]


def cluster_port() -> int:
    """Return a free port for a node whose bus port, 10000 above it, is free too."""
    return free_port(offsets=(0, 10_000))


async def eventually(attempt: Callable[[], Awaitable[object]]) -> None:
    """Repeat an attempt until it returns a true value; errors count as false."""
    async with asyncio.timeout(20):
        while True:
            try:
                if await attempt():
                    return
            except (NodeError, RedisError, OSError):
                pass
            await asyncio.sleep(0.05)
