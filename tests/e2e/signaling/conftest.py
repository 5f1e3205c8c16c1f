"""The store that the tests run against."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.e2e.signaling import store

STORES = {"single": store.single, "cluster": store.cluster}


@pytest.fixture
async def nodes(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[tuple[str, int]]]:
    """Addresses of an empty store: a cluster, unless the test's parameter says otherwise."""
    async with STORES[getattr(request, "param", "cluster")](tmp_path / "store") as addresses:
        yield addresses
