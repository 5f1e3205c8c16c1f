"""Autoscaling on a real API server, with pods that report their sessions."""

from typing import Any

import pytest
from tests.e2e.operator.conftest import Start
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster

SPEC: dict[str, Any] = {
    "redisRef": {"name": "store"},
    "replicas": 1,
    "autoscaling": {"minReplicas": 2, "maxReplicas": 5, "targetSessionsPerPod": 100},
}


def test_a_pool_scales_with_its_load_and_keeps_its_pods_without_samples(
    start: Start, pool: Pool, redis: Resource
) -> None:
    replica = start("operator")
    pool.apply(**SPEC)
    until(
        lambda: pool.serves() and len(pool.items("pods")) == 2,
        "the minimum of pods is ready, regardless of spec.replicas",
    )
    assert pool.condition("ScalingActive")["reason"] == "Auto"
    for fake in pool.fakes():
        fake.sessions, fake.capacity = 170, 200
    until(lambda: pool.serves() and len(pool.items("pods")) >= 4, "340 sessions get four pods or more")
    status = pool.live()["status"]
    assert " needs " in status["scalingDecision"]
    replica.kill()
    for fake in pool.fakes():
        fake.sessions = 0
    replica = start("operator")
    until(
        lambda: "history is shorter than" in pool.live()["status"]["scalingDecision"],
        "the new operator starts without history",
    )
    for fake in pool.fakes():
        fake.answers = False
    until(lambda: pool.condition("ScalingActive")["reason"] == "NoSamples", "no pod answers")
    assert pool.live()["status"]["desiredReplicas"] == status["desiredReplicas"]
    assert len(pool.items("pods")) == status["desiredReplicas"]
