from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.examples import pool

from switchboard_crds.signaling_pool import PoolAutoscaling, SignalingPool
from switchboard_operator.pools.autoscaling.model import PodLoad
from switchboard_operator.pools.replicas import NO_SAMPLE, ReplicaDecision, advance, decide, read_schedules
from switchboard_operator.pools.samples import Load, PoolObservation

EVENING = 1_782_928_800.0  # 2026-07-01 20:00 in Berlin
SHOW = {"name": "show", "cron": "0 20 * * *", "timeZone": "Europe/Berlin", "durationSeconds": 3600, "minReplicas": 6}


def scaled(desired: int = 3, **autoscaling: Any) -> SignalingPool:
    """Return a pool whose pods should hold 100 sessions, of which so many were wanted so far."""
    auto = {"maxReplicas": 9, "targetSessionsPerPod": 100, **autoscaling}
    return pool(replicas=4, redisRef={"name": "store"}, autoscaling=auto, status={"desiredReplicas": desired})


def pods(*sessions: int | None) -> tuple[PodLoad, ...]:
    return tuple(PodLoad(f"pod-{index}", True, 900.0, count) for index, count in enumerate(sessions))


def observed(*sessions: int | None, seconds: int = 0) -> list[PoolObservation]:
    """Return the observations of pods that held so many sessions all the time."""
    return [
        PoolObservation(2.0 * step, pods(*sessions), EVENING + 2 * step, capacity=150)
        for step in range(seconds // 2 + 1)
    ]


def decided(asked: SignalingPool, observations: list[PoolObservation]) -> ReplicaDecision:
    """Return the decision after the observations."""
    return decide(asked, advance(asked, Load(), observations))


def test_without_autoscaling_the_spec_sets_the_replicas() -> None:
    assert decided(pool(replicas=3, redisRef={"name": "store"}), []) == ReplicaDecision(3, "spec.replicas is 3.")


def test_in_mode_auto_the_load_sets_the_replicas() -> None:
    assert decided(scaled(), observed(140, 140, 132)) == ReplicaDecision(
        5, "load needs 5 pods (412 sessions, 100 per pod)"
    )


def test_in_mode_manual_the_spec_sets_the_replicas_and_the_decision_is_reported() -> None:
    found = decided(scaled(mode="Manual", schedules=[SHOW]), observed(140, 140, 132))
    why = "spec.replicas is 4; mode Auto would choose 6: schedule show needs 6 pods (0 20 * * * Europe/Berlin)"
    assert found == ReplicaDecision(4, why)
    assert decided(scaled(mode="Manual"), observed(90, 90, 90, seconds=100)).why.endswith(
        "Auto would choose 3: load needs 3 pods (270 sessions, 100 per pod)"
    )


@pytest.mark.parametrize(("desired", "wanted"), [(0, 2), (3, 3), (20, 9)])
def test_before_the_first_observation_the_replicas_do_not_change(desired: int, wanted: int) -> None:
    assert decided(scaled(desired, minReplicas=2), []) == ReplicaDecision(wanted, NO_SAMPLE)


def test_a_restarted_operator_does_not_scale_down_before_its_history_is_complete() -> None:
    found = decided(scaled(desired=7), observed(10, 10, 10))
    assert (found.desired, found.why) == (
        7,
        "load needs 1 pod (30 sessions, 100 per pod); history is shorter than 60 s",
    )
    assert decided(scaled(desired=7), observed(10, 10, 10, seconds=60)).desired < 7


def test_an_observation_is_processed_once() -> None:
    asked, seen = scaled(), observed(140, 140, 132)
    load = advance(asked, Load(), seen)
    assert advance(asked, load, seen) is load
    seen.append(PoolObservation(2.0, pods(140, 140, 132), EVENING + 2, capacity=150))
    assert advance(asked, load, seen).history.t == 2.0


def test_a_decision_can_be_read_repeatedly() -> None:
    asked = scaled()
    load = advance(asked, Load(), observed(140, 140, 132))
    before = replace(load)
    assert decide(asked, load) == decide(asked, load)
    assert load == before


def test_observations_have_no_effect_until_autoscaling_is_enabled() -> None:
    seen = observed(140, 140, 132)
    assert advance(pool(), Load(), seen) == Load()
    assert advance(scaled(), Load(), seen).desired == 5, "then what was seen before counts too"


@pytest.mark.parametrize(
    ("bounds", "desired", "why"),
    [
        ({"minReplicas": 7}, 7, "load needs 5 pods (412 sessions, 100 per pod); min 7"),
        ({"maxReplicas": 2}, 2, "load needs 5 pods (412 sessions, 100 per pod); max 2"),
        ({"minReplicas": 5, "maxReplicas": 5}, 5, "load needs 5 pods (412 sessions, 100 per pod)"),
    ],
)
def test_changed_bounds_apply_before_the_next_observation(bounds: dict[str, int], desired: int, why: str) -> None:
    load = advance(scaled(), Load(), observed(140, 140, 132))
    assert decide(scaled(**bounds), load) == ReplicaDecision(desired, why)


def test_the_decision_uses_the_settings() -> None:
    assert (
        decided(scaled(bufferSessions=150), observed(140)).why
        == "buffer needs 3 pods (140 sessions + 150 buffer, 100 per pod)"
    )
    held = observed(10, 10, 10, seconds=80)
    assert "history is shorter than 90 s" in decided(scaled(scaleDown={"stabilizationWindowSeconds": 90}), held).why
    assert decided(scaled(minReplicas=5), observed(10)).desired == 5
    assert decided(scaled(maxReplicas=2, desired=2), observed(140, 140)).why.endswith("max 2")


def test_pods_without_any_sample_do_not_count_as_empty() -> None:
    found = decided(scaled(), observed(None, None, None, seconds=100))
    assert (found.desired, found.no_metrics) == (3, True)
    assert decided(scaled(), observed(seconds=100)).no_metrics is False, "where there is none, none is silent"


def test_missing_samples_are_also_detected_in_mode_manual() -> None:
    assert decided(scaled(mode="Manual"), observed(None, seconds=10)).no_metrics


def test_a_silent_pod_counts_as_full_for_scaling_down() -> None:
    assert decided(scaled(), observed(20, 20, None, seconds=100)).desired == 2, "150 sessions of capacity"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"cron": "0 25 * * *"}, "spec.autoscaling.schedules[0].cron '0 25 * * *' is invalid: Bad hour"),
        ({"timeZone": "Mars"}, "spec.autoscaling.schedules[0].timeZone 'Mars' must be an IANA time zone"),
    ],
)
def test_an_invalid_schedule_is_named_and_skipped(change: dict[str, str], problem: str | None) -> None:
    auto = PoolAutoscaling.model_validate({"maxReplicas": 9, "schedules": [{**SHOW, **change}]})
    found, problems = read_schedules(auto)
    assert [item.min_pods for item in found] == ([] if problem else [6])
    assert [text.startswith(problem) for text in problems] == ([True] if problem else [])
