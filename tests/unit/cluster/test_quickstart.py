"""The chart values of `make up`, and the readiness of its pool."""

from typing import Any

import pytest

from switchboard_cluster import quickstart
from switchboard_cluster.backends import Backend, TargetCluster


def pool(*conditions: dict[str, Any], generation: int = 2) -> dict[str, Any]:
    return {"metadata": {"generation": generation}, "status": {"conditions": list(conditions)}}


def ready(status: str, generation: int = 2) -> dict[str, Any]:
    return {"type": "Ready", "status": status, "message": "1 of 2 pods", "observedGeneration": generation}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (pool(ready("True")), (True, "1 of 2 pods")),
        (pool(ready("False")), (False, "1 of 2 pods")),
        (pool(ready("True", generation=1)), (False, "the operator has not reconciled the change yet")),
        (pool({"type": "Applied", "status": "True", "message": ""}), (False, "the operator has not reconciled it yet")),
        ({"metadata": {"generation": 1}}, (False, "the operator has not reconciled it yet")),
    ],
)
def test_a_pool_is_ready_if_its_condition_is_true_for_the_current_generation(
    found: dict[str, Any], expected: tuple[bool, str]
) -> None:
    assert quickstart.judge(found) == expected


def test_the_chart_values_contain_the_built_images() -> None:
    images = {name: f"docker.io/switchboard/{name}:1" for name in quickstart.IMAGES}
    values = quickstart.values(TargetCluster(Backend.EMBEDDED, [], [], images, ["10.200.0.0/16"]))
    assert {name: values[name]["image"] for name in quickstart.IMAGES} == images
    assert values["quickstart"]["enabled"] is True


def test_relays_may_reach_the_clusters_own_network() -> None:
    images = dict.fromkeys(quickstart.IMAGES, "x")
    values = quickstart.values(TargetCluster(Backend.EMBEDDED, [], [], images, ["10.200.0.0/16"]))
    assert values["quickstart"]["turn"]["allowedPeers"] == ["10.200.0.0/16"]
