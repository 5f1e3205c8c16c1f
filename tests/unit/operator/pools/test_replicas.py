from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.examples import pool

from switchboard_crds.signaling_pool import PoolAutoscaling, SignalingPool
from switchboard_operator.pools.autoscaling.model import PodLoad
from switchboard_operator.pools.replicas import NO_SAMPLE, Decision, decide, read_schedules
from switchboard_operator.pools.samples import PoolObservation, SampleHistory

EVENING = 1_782_928_800.0  # 2026-07-01 20:00 in Berlin
SHOW = {"name": "show", "cron": "0 20 * * *", "timeZone": "Europe/Berlin", "durationSeconds": 3600, "replicas": 6}


def scaled(desired: int = 3, **autoscaling: Any) -> SignalingPool:
    """Return a pool whose pods should hold 100 sessions, of which so many were wanted so far."""
    auto = {"maxReplicas": 9, "targetSessionsPerPod": 100, **autoscaling}
    return pool(replicas=4, redisRef={"name": "store"}, autoscaling=auto, status={"desiredReplicas": desired})


def pods(*sessions: int | None) -> tuple[PodLoad, ...]:
    return tuple(PodLoad(f"pod-{index}", True, 900.0, count) for index, count in enumerate(sessions))


def history(*sessions: int | None, seconds: int = 0) -> SampleHistory:
    """Return what is known of pods that held so many sessions all the time."""
    found = SampleHistory()
    for step in range(seconds // 2 + 1):
        found.add(PoolObservation(2.0 * step, pods(*sessions), EVENING + 2 * step, capacity=150), [])
    return found


def test_without_autoscaling_the_spec_decides() -> None:
    assert decide(pool(replicas=3, redisRef={"name": "store"}), SampleHistory()) == Decision(3, "spec.replicas is 3.")


def test_in_auto_the_load_decides() -> None:
    assert decide(scaled(), history(140, 140, 132)) == Decision(5, "load wants 5 (412 sessions / 100)")


def test_by_hand_the_spec_decides_and_it_is_said_what_the_load_wants() -> None:
    found = decide(scaled(mode="Manual", schedules=[SHOW]), history(140, 140, 132))
    why = "spec.replicas is 4; Auto would have 6: schedule show wants 6 (0 20 * * * Europe/Berlin)"
    assert found == Decision(4, why)
    assert decide(scaled(mode="Manual"), history(90, 90, 90, seconds=100)).why.endswith(
        "Auto would have 3: load wants 3 (270 sessions / 100)"
    )


@pytest.mark.parametrize(("desired", "wanted"), [(0, 2), (3, 3), (20, 9)])
def test_before_the_first_observation_there_are_as_many_as_before(desired: int, wanted: int) -> None:
    assert decide(scaled(desired, minReplicas=2), SampleHistory()) == Decision(wanted, NO_SAMPLE)


def test_after_a_start_of_the_operator_nothing_goes_before_the_history_is_whole() -> None:
    found = decide(scaled(desired=7), history(10, 10, 10))
    assert (found.desired, found.why) == (7, "load wants 1 (30 sessions / 100); history is not 60 s long yet")
    assert decide(scaled(desired=7), history(10, 10, 10, seconds=60)).desired < 7


def test_an_observation_is_taken_in_once() -> None:
    seen = history(140, 140, 132)
    first = decide(scaled(), seen)
    before = replace(seen.load)
    assert decide(scaled(), seen) == first
    assert seen.load == before
    seen.add(PoolObservation(2.0, pods(140, 140, 132), EVENING + 2, capacity=150), [])
    decide(scaled(), seen)
    assert seen.load.past.t == 2.0


def test_the_settings_reach_the_decision() -> None:
    assert decide(scaled(freeSlots=150), history(140)).why == "buffer wants 3 (140 sessions + 150 free / 100)"
    held = history(10, 10, 10, seconds=80)
    assert "history is not 90 s long" in decide(scaled(downWindowSeconds=90), held).why
    assert decide(scaled(minReplicas=5), history(10)).desired == 5
    assert decide(scaled(maxReplicas=2, desired=2), history(140, 140)).why.endswith("max 2")


def test_pods_that_all_are_silent_are_no_empty_ones() -> None:
    found = decide(scaled(), history(None, None, None, seconds=100))
    assert (found.desired, found.blind) == (3, True)
    assert decide(scaled(), history(seconds=100)).blind is False, "where there is none, none is silent"


def test_by_hand_too_it_is_known_whether_the_pods_are_silent() -> None:
    assert decide(scaled(mode="Manual"), history(None, seconds=10)).blind


def test_a_silent_pod_counts_as_full_when_others_should_go() -> None:
    assert decide(scaled(), history(20, 20, None, seconds=100)).desired == 2, "150 sessions of capacity"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"cron": "0 25 * * *"}, "spec.autoscaling.schedules[0].cron '0 25 * * *' cannot be kept: Bad hour"),
        ({"timeZone": "Mars"}, "spec.autoscaling.schedules[0].timeZone 'Mars' is no IANA time zone"),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_named_and_left_out(change: dict[str, str], problem: str | None) -> None:
    auto = PoolAutoscaling.model_validate({"maxReplicas": 9, "schedules": [{**SHOW, **change}]})
    found, problems = read_schedules(auto)
    assert [item.replicas for item in found] == ([] if problem else [6])
    assert [text.startswith(problem) for text in problems] == ([True] if problem else [])
