"""Failures of the operator itself, on an API server of their own."""

from collections.abc import Iterator

import pytest
from tests.e2e.apiserver import ApiServer
from tests.e2e.operator.conftest import RELEASE, SYSTEM, Replica, Start, installed
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with installed(tmp_path_factory.mktemp("failure")) as server:
        yield server


def test_the_leader_exits_after_a_definition_is_deleted_and_another_replica_leads(start: Start, api: ApiServer) -> None:
    leader = start("operator-1")
    until(leader.leads, "the first leads")
    api.kubectl("delete", "crd", "turnfleets.switchboard.dev")
    assert leader.process.wait(30) == 1
    assert "Task kopf failed" in leader.log.read_text()
    assert api.get("-n", SYSTEM, "lease", RELEASE)["spec"].get("holderIdentity") is None
    other: Replica = start("operator-2")
    until(other.leads, "the second leads")
