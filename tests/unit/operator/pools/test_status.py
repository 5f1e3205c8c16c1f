from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.examples import pod, pool
from tests.unit.operator.pools.pods import by_name, out, replica_set, serving, starting

from switchboard_operator.images import Images
from switchboard_operator.pools import status
from switchboard_operator.pools.drain import Steps
from switchboard_operator.pools.plan import Plan
from switchboard_operator.pools.replicas import ReplicaDecision
from switchboard_operator.pools.snapshot import Observed, PodSnapshot
from switchboard_operator.pools.state import Figures, PoolState

SHOW = {"name": "show", "cron": "0 25 * * *", "durationSeconds": 60, "minReplicas": 2}
BROKEN = pod(containerStatuses=[{"name": "signaling", "state": {"waiting": {"reason": "ErrImagePull"}}}])
OLD = serving("old", revision="old")
NOW = datetime(2026, 1, 1, 0, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 1, 0, 3, tzinfo=UTC)


DECIDED = ReplicaDecision(2, "because")
FIGURES = Figures(0, 0, "")
NOTHING = Steps()


def state(
    *pods: PodSnapshot,
    decision: ReplicaDecision = DECIDED,
    steps: Steps = NOTHING,
    figures: Figures = FIGURES,
    last_move: datetime | None = None,
    in_canary: bool = False,
    failure: str | None = None,
) -> PoolState:
    current = replica_set(*(one for one in pods if one.replica_set == "new"))
    older = replica_set(*(one for one in pods if one.replica_set == "old"), name="old")
    observed = Observed("new", by_name(current, older), failure=failure)
    return PoolState(observed, Plan(decision, steps, last_move, in_canary), figures)


@pytest.mark.parametrize(
    ("pods", "seen", "fields", "now", "holds", "reason"),
    [
        ([serving("a"), serving("b")], [], {}, NOW, True, "Ready"),
        ([serving("a"), serving("b")], [BROKEN], {}, NOW, True, "Ready"),
        ([serving("a"), starting("b")], [], {}, NOW, False, "Starting"),
        ([serving("a"), starting("b")], [], {}, LATER, False, "PodNotReady"),
        ([serving("a"), serving("b"), OLD], [], {}, LATER, False, "RollingOut"),
        ([starting("a"), OLD], [], {}, LATER, False, "PodNotReady"),
        ([serving("a"), starting("b")], [BROKEN], {}, NOW, False, "ImagePull"),
        ([serving("a")], [], {"failure": "exceeded quota: pods"}, NOW, False, "PodCreationFailed"),
    ],
)
def test_the_condition_for_serving_pods(
    pods: list[PodSnapshot], seen: list[Any], fields: dict[str, Any], now: datetime, holds: bool, reason: str
) -> None:
    fact = status.pods_ready(pool(), state(*pods, **fields), seen, now)
    assert (fact.holds, fact.reason) == (holds, reason)
    assert fact.in_progress is (reason in {"Starting", "RollingOut"})


def test_a_paused_rollout_is_reported_while_outdated_pods_remain() -> None:
    paused = pool(rollout={"paused": True})
    fact = status.pods_ready(paused, state(serving("a"), OLD), [], NOW)
    assert (fact.reason, fact.in_progress) == ("RolloutPaused", True)
    assert status.pods_ready(paused, state(serving("a")), [], NOW).reason == "Starting"


def test_a_canary_is_reported_with_its_duration_or_its_failure() -> None:
    tried = pool(rollout={"canary": {"minReadySeconds": 60}})
    fact = status.pods_ready(tried, state(serving("n"), OLD, in_canary=True), [], NOW)
    assert (fact.holds, fact.reason, fact.in_progress) == (False, "Canary", True)
    assert "1 canary pod is ready" in fact.message
    assert "Ready for 60 s" in fact.message
    fact = status.pods_ready(tried, state(serving("n", restarts=2), OLD, in_canary=True), [], NOW)
    assert (fact.holds, fact.reason, fact.in_progress) == (False, "CanaryRestarted", False)
    assert "Canary pod n restarted" in fact.message
    assert "Remedy: read `kubectl logs --previous`" in fact.message
    paused = pool(rollout={"canary": {}, "paused": True})
    assert status.pods_ready(paused, state(serving("n"), OLD, in_canary=True), [], NOW).reason == "RolloutPaused"


def test_a_pod_that_is_not_ready_is_reported_with_the_remedy() -> None:
    alone = status.pods_ready(pool(), state(starting("b")), [], LATER).message
    assert "Pod web/b" in alone
    assert alone.endswith("Remedy: read its logs with `kubectl logs`")
    replacing = status.pods_ready(pool(), state(starting("b"), OLD), [], LATER).message
    assert replacing.endswith("apply the previous spec")


def test_a_refusal_is_reported_with_the_remedy() -> None:
    fact = status.pods_ready(pool(), state(failure="exceeded quota: pods"), [], NOW)
    assert "exceeded quota: pods. Remedy" in fact.message


def test_no_pods_before_the_redis_is_known() -> None:
    assert status.waiting().in_progress is True


def test_the_fields_count_the_pods_of_all_revisions() -> None:
    seen = state(serving("a"), starting("b"), out("c"), OLD, figures=Figures(7, 200, "load needs 2 pods"))
    found = status.fields(pool(), Images("signaling:1", "signaling:0"), "abc", seen)
    assert (found["replicas"], found["readyReplicas"], found["drainingReplicas"]) == (4, 3, 1)
    assert (found["sessions"], found["sessionCapacity"], found["scalingDecision"]) == (7, 200, "load needs 2 pods")
    assert (found["desiredReplicas"], found["updatedReplicas"]) == (2, 3)
    assert "lastMoveTime" not in found
    assert status.fields(pool(), Images("", ""), "", state(last_move=NOW))["lastMoveTime"] == "2026-01-01T00:01:00Z"
    assert (found["image"], found["defaultImage"]) == ("signaling:1", "signaling:0")
    assert (found["revision"], found["serviceName"]) == ("abc", "calls-signaling")
    assert "switchboard.dev/signalingpool=calls" in found["selector"].split(",")


@pytest.mark.parametrize(
    ("steps", "holds", "reason", "words"),
    [
        (Steps(), True, "Drained", "No pod"),
        (Steps(draining=(out("a"),)), False, "Draining", "Draining pod a."),
        (Steps(draining=tuple(out(name) for name in "abcde")), False, "Draining", "a, b, c and 2 more"),
        (Steps(draining=(out("a"),), unplaceable=3), False, "InsufficientCapacity", "Remedy: raise spec.replicas"),
        (
            Steps(draining=(out("a"),), overdue=(out("a"),)),
            False,
            "TimedOut",
            "Draining pod a still holds sessions after 600 s.",
        ),
    ],
)
def test_the_condition_for_draining_pods(steps: Steps, holds: bool, reason: str, words: str) -> None:
    fact = status.drained(pool(), state(steps=steps))
    assert (fact.holds, fact.reason) == (holds, reason)
    assert words in fact.message


@pytest.mark.parametrize(
    ("spec", "no_metrics", "holds", "reason", "words"),
    [
        ({}, False, False, "Manual", "spec.replicas sets the number of pods."),
        (
            {"autoscaling": {"mode": "Manual", "maxReplicas": 9}},
            False,
            False,
            "Manual",
            "spec.replicas sets the number of pods.",
        ),
        ({"autoscaling": {"maxReplicas": 9}}, False, True, "Auto", "(1 to 9 pods); spec.replicas is ignored"),
        ({"autoscaling": {"maxReplicas": 9}}, True, False, "NoSamples", "scale-down is suspended"),
        ({"autoscaling": {"maxReplicas": 9, "schedules": [SHOW]}}, False, False, "InvalidSchedule", "Bad hour"),
    ],
)
def test_the_condition_for_autoscaling(
    spec: dict[str, Any], no_metrics: bool, holds: bool, reason: str, words: str
) -> None:
    fact = status.scaling(pool(**spec), state(decision=ReplicaDecision(2, "because", no_metrics)))
    assert (fact.holds, fact.reason) == (holds, reason)
    assert words in fact.message


def test_sessions_are_durable_with_redis_only() -> None:
    assert status.durable(pool()).holds is False
    assert status.durable(pool(redisRef={"name": "store"})).holds is True
