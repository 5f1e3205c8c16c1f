"""The cluster that end-to-end tests share."""

import os
import sys
from collections.abc import Iterator

import pytest
from tests.e2e.cluster.leftovers import leftovers
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl
from tests.e2e.quickstart import Quickstart

from switchboard_cluster.cluster import need
from switchboard_cluster.layout import Paths

NODES = 3


@pytest.fixture(scope="session")
def machine() -> None:
    """Fail instead of skipping where no cluster can run, so that missing tests are noticed."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.fail('these tests need Linux and root; exclude them with: pytest -m "not cluster"', pytrace=False)


@pytest.fixture(scope="session")
def cluster(machine: None) -> Iterator[Embedded]:
    """The checkout's own cluster of three nodes; afterwards it runs only if it did before."""
    found = Embedded(Paths.of_checkout())
    ran_before = found.run("status")["running"]
    found.run("up", "--nodes", str(NODES))
    yield found
    if not ran_before:
        slot = need(found.paths).slot
        found.run("down")
        assert leftovers(slot, found.paths) == []


@pytest.fixture(scope="session")
def switchboard(cluster: Embedded) -> Quickstart:
    """Switchboard on the cluster, installed by `make up`."""
    return Quickstart.up(cluster)


@pytest.fixture
def namespace(cluster: Embedded, request: pytest.FixtureRequest) -> Iterator[Kubectl]:
    """kubectl in a namespace for one test."""
    name = request.node.originalname.removeprefix("test_").replace("_", "-")[:60].strip("-")
    yield from temporary_namespace(cluster.kubectl, name)


def temporary_namespace(kubectl: Kubectl, name: str) -> Iterator[Kubectl]:
    """Create a namespace, yield kubectl in it, and delete it; the leftovers of a failed run are deleted first."""
    kubectl("delete", "namespace", name, "--ignore-not-found", timeout=120)
    kubectl("create", "namespace", name)
    yield kubectl.within(name)
    kubectl("delete", "namespace", name, "--wait=false")
