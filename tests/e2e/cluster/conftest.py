"""A separate cluster for the tests that kill nodes and restart the control plane."""

from collections.abc import Iterator

import pytest
from tests.e2e.cluster.leftovers import leftovers
from tests.e2e.conftest import NODES
from tests.e2e.embedded import Embedded

from switchboard_cluster import layout
from switchboard_cluster.cluster import need
from switchboard_cluster.layout import Paths


@pytest.fixture(scope="session")
def cluster(machine: None) -> Iterator[Embedded]:
    """A cluster of three nodes with a home of its own, which all users can read."""
    found = Embedded(Paths(layout.checkout_root() / "build" / "tests" / "cluster"))
    try:
        found.run("up", "--nodes", str(NODES))
        slot = need(found.paths).slot
        yield found
    finally:
        found.run("down")
    assert leftovers(slot, found.paths) == []
