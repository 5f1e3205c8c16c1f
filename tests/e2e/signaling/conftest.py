"""The store that the tests run against."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from tests.e2e.signaling import store

STORES = {"single": store.single, "cluster": store.cluster}


@pytest.fixture
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[tuple[str, int]]]:
    """Addresses of an empty store: a cluster, unless the test's parameter says otherwise."""
    async with STORES[getattr(request, "param", "cluster")](tmp_path / "store") as addresses:
        yield addresses


# Hypothesis calls plain functions: where it asks, the store lives on a loop of the test's own.


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for the test."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def stored(request: pytest.FixtureRequest, runner: asyncio.Runner, tmp_path: Path) -> Iterator[store.Nodes]:
    """Addresses of an empty store on that loop: a single node, unless the test's parameter says otherwise."""
    context = STORES[getattr(request, "param", "single")](tmp_path / "store")
    nodes = runner.run(context.__aenter__())
    try:
        yield nodes
    finally:
        runner.run(context.__aexit__(None, None, None))


@pytest.fixture
def node(stored: store.Nodes) -> Iterator["redis.Redis"]:
    """That single node."""
    [(host, port)] = stored
    with redis.Redis(host=host, port=port, decode_responses=True) as client:
        yield client
