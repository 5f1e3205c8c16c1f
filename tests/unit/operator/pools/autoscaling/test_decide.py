from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from switchboard_operator.pools.autoscaling.decide import LoadHistory, decide
from switchboard_operator.pools.autoscaling.model import LoadDecision, LoadObservation, PodLoad, Schedule, Tuning

TUNING = Tuning()


def pods(*sessions: float | None, **other: Any) -> list[PodLoad]:
    """Return old pods that serve, with these sessions."""
    return [
        PodLoad(f"pod-{index}", **{"ready": True, "age_s": 900.0, "sessions": count, **other})
        for index, count in enumerate(sessions)
    ]


def seen(found: list[PodLoad], current: int | None = None, t: float = 0, **other: Any) -> LoadObservation:
    return LoadObservation(
        **{
            "t": t,
            "pods": found,
            "current": len(found) if current is None else current,
            "target": 100,
            "capacity": 150,
            "min_pods": 1,
            "max_pods": 50,
            **other,
        }
    )


def steady(observation: LoadObservation, seconds: float, tuning: Tuning = TUNING) -> tuple[LoadHistory, LoadDecision]:
    """Return the decision after an observation that stays what it is, and the history."""
    history, decision = decide(LoadHistory(), observation, tuning)
    for step in range(1, int(seconds / 2) + 1):
        history, decision = decide(history, replace(observation, t=observation.t + 2 * step), tuning)
    return history, decision


@pytest.mark.parametrize(
    ("case", "observation", "tuning", "why"),
    [
        ("load fits", seen(pods(90, 90)), {}, "unchanged at 2: load needs 2 pods (180 sessions, 100 per pod)"),
        ("more load", seen(pods(140, 140, 132)), {}, "3 -> 5: load needs 5 pods (412 sessions, 100 per pod)"),
        (
            "free slots",
            seen(pods(140, 140, 132)),
            {"buffer_sessions": 90},
            "3 -> 6: buffer needs 6 pods (412 sessions + 90 buffer, 100 per pod)",
        ),
        ("at least min", seen(pods(10), min_pods=3), {}, "1 -> 3: min needs 3 pods (lower bound of the pool)"),
        (
            "at most max",
            seen(pods(140, 140, 140), max_pods=4),
            {},
            "3 -> 4: load needs 5 pods (420 sessions, 100 per pod); max 4",
        ),
        (
            "draining pods count",
            seen([*pods(90), *pods(60, draining=True)], 1),
            {},
            "1 -> 2: load needs 2 pods (150 sessions",
        ),
        (
            "those turned away count",
            seen(pods(100, refused=30)),
            {},
            "1 -> 2: load needs 2 pods (130 sessions, 100 per pod)",
        ),
        (
            "up limit",
            seen(pods(*[150] * 4), max_pods=500),
            {"up_pods": 1, "up_factor": 1.25},
            "4 -> 5: load needs 6 pods (600 sessions, 100 per pod); scale-up limit 1.2x or +1",
        ),
        ("a floating sum is no more than it is", seen(pods(99.9, 100.1)), {}, "unchanged at 2: load needs 2 pods"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value and ":" not in value else "",
)
def test_the_reason_and_the_limit_of_a_decision(case: str, observation: LoadObservation, tuning: Any, why: str) -> None:
    _, decision = decide(LoadHistory(), observation, Tuning(**tuning))
    assert decision.why.startswith(why)


def test_a_pod_is_removed_after_the_stabilization_window() -> None:
    history, decision = steady(seen(pods(90, 90, 90)), 100)
    assert decision.why == "unchanged at 3: load needs 3 pods (270 sessions, 100 per pod)"
    for step in range(1, 16):
        history, decision = decide(history, seen(pods(60, 60, 60), t=100 + 2 * step))
        assert decision.desired == 3
        assert decision.limits == ("scale-down stabilization: 3 with 1.2x margin within the last 30 s",)
    _, decision = decide(history, seen(pods(60, 60, 60), t=132))
    assert decision.why.startswith("3 -> 2: load needs 2 pods (180 sessions, 100 per pod)")


def test_a_pod_is_removed_only_if_a_larger_margin_fits_without_it() -> None:
    def after(load: float, down_margin: float = TUNING.down_margin) -> int:
        """Return the pods wanted of a load that swings by four sessions, which forecasts miss now and then."""
        history = LoadHistory()
        for step in range(100):
            observation = seen(pods(load + 4 * (step % 10 == 0), 0, 0), t=2 * step)
            history, decision = decide(history, observation, Tuning(down_margin=down_margin))
        return decision.desired

    assert [after(load) for load in (189, 191)] == [2, 3]
    assert after(191, down_margin=1) == 2


def test_many_pods_are_removed_step_by_step() -> None:
    history, decision = steady(seen(pods(*[10] * 20)), 58)
    assert decision.desired == 20
    history, decision = decide(history, seen(pods(*[10] * 20), t=60))
    assert (decision.desired, decision.limits) == (10, ("scale-down limit 2x or -2",))
    for t in range(62, 76, 2):
        history, decision = decide(history, seen(pods(*[20] * 10), t=t))
        assert decision.desired == 10
    _, decision = decide(history, seen(pods(*[20] * 10), t=76))
    assert decision.desired == 5


def test_after_a_start_the_pool_does_not_shrink_before_the_windows_are_complete() -> None:
    observation = seen(pods(10, 10, 10))
    for seconds in range(0, 60, 2):
        _, decision = steady(observation, seconds)
        assert decision.desired == 3
        assert decision.limits == ("history is shorter than 60 s",)
    assert steady(observation, 60)[1].desired == 1


def test_after_a_start_the_pool_may_grow() -> None:
    assert decide(LoadHistory(), seen(pods(150, 150)))[1].desired == 3


def test_without_samples_the_pool_does_not_shrink_and_minimums_apply() -> None:
    history, _ = steady(seen(pods(10, 10, 10)), 38)
    for step in range(30):
        history, decision = decide(history, seen(pods(None, None, None), t=40 + 2 * step))
        assert decision.no_metrics
        assert decision.why == "unchanged at 3: min needs 1 pod (lower bound of the pool); no samples, no scale-down"
    _, decision = decide(history, seen(pods(None, None, None), t=100, min_pods=4))
    assert (decision.desired, decision.no_metrics) == (4, True)
    assert decide(history, seen([], 3, t=100))[1].desired == 3, "a list without pods is no sample either"


def test_starting_pods_without_samples_are_not_missing_metrics() -> None:
    young = [PodLoad("new", ready=True, age_s=5, sessions=None)]
    _, decision = decide(LoadHistory(), seen(young, 2))
    assert (decision.desired, decision.no_metrics) == (2, False)


def test_after_a_gap_the_windows_start_again() -> None:
    history, _ = steady(seen(pods(10, 10, 10)), 58)
    for step in range(10):
        history, _ = decide(history, seen(pods(None, None, None), t=60 + 2 * step))
    for step in range(30):
        history, decision = decide(history, seen(pods(10, 10, 10), t=80 + 2 * step))
        assert (decision.desired, decision.no_metrics) == (3, False)
    assert decide(history, seen(pods(10, 10, 10), t=140))[1].desired == 1


def test_a_short_gap_changes_nothing() -> None:
    history, _ = steady(seen(pods(10, 10, 10)), 50)
    for step in range(6):
        history, _ = decide(history, seen(pods(None, None, None), t=52 + 2 * step))
    assert decide(history, seen(pods(10, 10, 10), t=64))[1].desired == 1


def test_missing_observations_are_a_gap() -> None:
    history, _ = steady(seen(pods(10, 10, 10)), 38)
    assert decide(history, seen(pods(10, 10, 10), t=54))[1].desired == 3
    assert decide(history, seen(pods(None, None, None), t=54))[0].since is None


def test_a_pod_without_a_sample_counts_as_full_for_scaling_down() -> None:
    _, decision = steady(seen(pods(20, 20, 20, None)), 100)
    assert decision.why == "4 -> 3: load needs 1 pod (60 sessions, 100 per pod); 1 pod without a sample counts as full"
    assert steady(seen(pods(80, 80, 80, None)), 100)[1].desired == 4


def test_a_pod_without_a_sample_counts_as_empty_for_scaling_up() -> None:
    assert decide(LoadHistory(), seen(pods(90, 90, None)))[1].desired == 3
    assert decide(LoadHistory(), seen(pods(150, 160, None)))[1].desired == 4


def test_starting_pods_are_empty() -> None:
    young = [PodLoad("new", ready=False, age_s=5, sessions=None)]
    assert steady(seen([*pods(80, 80, 80), *young]), 100)[1].desired == 3


def test_a_ramp_is_anticipated() -> None:
    history = LoadHistory()
    for step in range(96):  # by when the errors of the first ones, which knew of no ramp, are few among all
        history, decision = decide(history, seen(pods(*[100 + step] * 2), t=2 * step))
    assert decision.term == "forecast"
    assert decision.why == "2 -> 5: forecast needs 5 pods (390 sessions + 22 within 22 s + 0 margin, 100 per pod)"


def test_a_surge_is_followed_at_once() -> None:
    history, _ = steady(seen(pods(*[80] * 5)), 100)
    _, decision = decide(history, seen(pods(*[86] * 5), t=102))
    assert decision.why == "5 -> 9: surge needs 9 pods (430 sessions + 428 within 22 s + 0 margin, 100 per pod)"


def test_the_start_time_of_pods_is_learnt() -> None:
    def ramp(took_s: float) -> float:
        history = LoadHistory()
        for step in range(60):
            age = 2.0 * step
            new = PodLoad("new", ready=age >= took_s, age_s=age, sessions=0 if age >= 4 else None)
            history, decision = decide(history, seen([*pods(101 + 10 * step), new], t=2 * step))
        return float(decision.why.split(" within ")[1].split(" s")[0])

    assert ramp(10) == 12, "with the time to the next observation"
    assert ramp(60) == 62
    assert ramp(1000) == 120, "a pod that starts still is waited for"


def test_stuck_pods_extend_the_forecast_only_to_a_limit() -> None:
    stuck = PodLoad("new", ready=False, age_s=4000, sessions=None)
    history = LoadHistory()
    for step in range(40):
        history, decision = decide(history, seen([*pods(100 + 2 * step), stuck], t=2 * step))
    assert " within 122 s" in decision.why


def test_the_forecast_starts_at_the_time_of_old_samples() -> None:
    history = LoadHistory()
    for step in range(40):
        found = pods(*[100 + 2 * step] * 2, sample_age_s=15)
        history, decision = decide(history, seen(found, t=2 * step))
    assert " within 37 s" in decision.why


def test_refused_clients_count_for_a_moment() -> None:
    history, decision = decide(LoadHistory(), seen(pods(100, refused=120)))
    assert decision.desired == 3
    history, _ = decide(history, seen(pods(100), 3, t=14))
    assert history.refused == ((0, 120),)
    history, _ = decide(history, seen(pods(100), 3, t=16))
    assert history.refused == ()


SHOW = Schedule("show", "0 20 * * *", ZoneInfo("Europe/Berlin"), timedelta(hours=2), 8)
EVENING = 1_782_928_800.0  # 2026-07-01 20:00 in Berlin


def test_a_schedule_is_a_minimum_that_is_reached_in_time() -> None:
    def at(t: float) -> LoadDecision:
        return decide(LoadHistory(), seen(pods(10), t=t, schedules=[SHOW]))[1]

    assert at(EVENING - 21).desired == 1
    assert at(EVENING - 20).why == "1 -> 8: schedule show needs 8 pods (0 20 * * * Europe/Berlin)"
    assert at(EVENING + 7199).desired == 8
    assert at(EVENING + 7200).desired == 1


def test_schedules_use_the_wall_clock() -> None:
    assert decide(LoadHistory(), seen(pods(10), t=5, utc=EVENING, schedules=[SHOW]))[1].desired == 8


def test_a_schedule_also_applies_without_samples() -> None:
    _, decision = decide(LoadHistory(), seen(pods(None), t=EVENING, schedules=[SHOW]))
    assert (decision.desired, decision.no_metrics) == (8, True)


def test_the_bounds_apply_even_without_samples() -> None:
    _, decision = decide(LoadHistory(), seen(pods(None, None, None), max_pods=2))
    assert (decision.desired, decision.limits) == (2, ("no samples, no scale-down", "max 2"))
    _, decision = decide(LoadHistory(), seen([], 1, min_pods=40))
    assert decision.desired == 40, "also against the up limit"
