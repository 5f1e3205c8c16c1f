from typing import Any

import pytest
from tests.unit.operator.examples import pod, pool

from switchboard_operator.pools import status
from switchboard_operator.pools.rollout import RevisionState

BROKEN = pod(containerStatuses=[{"name": "signaling", "state": {"waiting": {"reason": "ErrImagePull"}}}])
OLD = RevisionState("old", 1, 1, 1)


def current(ready: int) -> RevisionState:
    return RevisionState("new", 2, 2, ready)


@pytest.mark.parametrize(
    ("ready", "older", "pods", "failure", "holds", "reason"),
    [
        (2, [], [], None, True, "Serving"),
        (2, [], [BROKEN], None, True, "Serving"),
        (1, [], [], None, False, "Starting"),
        (2, [OLD], [], None, False, "RollingOut"),
        (1, [], [BROKEN], None, False, "ImagePull"),
        (1, [], [], "exceeded quota: pods", False, "PodsRefused"),
    ],
)
def test_whether_all_pods_serve(
    ready: int, older: list[RevisionState], pods: list[Any], failure: str | None, holds: bool, reason: str
) -> None:
    fact = status.pods_ready(2, current(ready), older, pods, failure)
    assert (fact.holds, fact.reason) == (holds, reason)
    assert fact.in_progress is (reason in {"Starting", "RollingOut"})


def test_a_refusal_is_passed_on_with_the_remedy() -> None:
    assert "exceeded quota: pods. Remedy" in status.pods_ready(2, current(0), [], [], "exceeded quota: pods").message


def test_no_pods_before_the_redis_is_known() -> None:
    assert status.waiting().in_progress is True


def test_the_fields_count_the_pods_of_all_revisions() -> None:
    found = status.fields(pool(), "signaling:1", "abc", [current(1), OLD])
    assert (found["replicas"], found["readyReplicas"]) == (3, 2)
    assert (found["image"], found["revision"], found["service"]) == ("signaling:1", "abc", "calls-signaling")
    assert "switchboard.dev/signalingpool=calls" in found["selector"].split(",")


def test_sessions_are_durable_with_redis_only() -> None:
    assert status.durable(pool()).holds is False
    assert status.durable(pool(redisRef={"name": "store"})).holds is True
