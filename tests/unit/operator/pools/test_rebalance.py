from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.examples import pool
from tests.unit.operator.pools.pods import by_name, out, replica_set, sample, serving, starting

from switchboard_operator.pools.drain import BATCH
from switchboard_operator.pools.rebalance import (
    LONGEST_SECONDS,
    RebalancePolicy,
    level_of,
    margin,
    policy_of,
    rebalance,
    summary,
    uneven,
)
from switchboard_operator.pools.rollout import Target, place
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage

START = 1000.0


def holding(name: str, sessions: int, leaving: int = 0, **fields: Any) -> PodSnapshot:
    """Return a pod that serves, with room for many."""
    return serving(name, sample=sample(sessions, leaving=leaving, capacity=10_000), **fields)


def closed(name: str, sessions: int, leaving: int = 0, since: float = START) -> PodSnapshot:
    """Return a pod that is out of the Service while sessions move."""
    found = sample(sessions, leaving=leaving, capacity=10_000, cordoned=True)
    return serving(name, stage=Stage.REBALANCING, since=since, offered=False, sample=found)


def planned(
    *sets: RevisionPods, target: int = 0, cooled_down: bool = True, now: float = START + 1
) -> tuple[set[str], dict[str, int]]:
    """Return the pods that are to be out of the Service, and how many sessions each of them is to give away now."""
    current = by_name(*sets)
    replicas = sum(item.replicas for item in sets)
    placement = rebalance(place(Target(replicas, "new"), current), current, RebalancePolicy(target, cooled_down, now))
    names = {pod.uid: pod.name for item in sets for pod in item.staying}
    shut = {names[uid] for uid, stage in placement.stages.items() if stage is Stage.REBALANCING}
    return shut, {names[uid]: count for uid, count in placement.moves.items()}


def pods(*found: PodSnapshot, **more: Any) -> tuple[set[str], dict[str, int]]:
    return planned(replica_set(*found), **more)


NOTHING: tuple[set[str], dict[str, int]] = (set(), {})


@pytest.mark.parametrize(("level", "sessions"), [(0, 10), (10, 10), (100, 30), (225, 45), (1000, 200), (5000, 1000)])
def test_a_pod_is_too_full_if_it_exceeds_the_level_by_a_fifth_and_by_more_than_chance(
    level: int, sessions: int
) -> None:
    assert margin(level) == sessions


@pytest.mark.parametrize(
    ("loads", "target", "level"), [([10, 0], 0, 5), ([10, 1], 0, 6), ([10, 0], 8, 8), ([10, 10], 8, 10)]
)
def test_the_level_is_the_target_or_the_mean_if_that_is_more(loads: list[int], target: int, level: int) -> None:
    assert level_of(loads, target) == level


@pytest.mark.parametrize(
    ("case", "loads", "target", "found"),
    [
        ("nobody else has room", [500], 0, False),
        ("no pod", [], 0, False),
        ("a new pod", [200, 0], 0, True),
        ("within the margin", [120, 90], 0, False),
        ("few sessions are never worth it", [12, 0], 0, False),
        ("a pod may hold its target", [200, 0], 200, False),
        ("and a fifth more", [240, 0], 200, False),
        ("but no more", [245, 0], 200, True),
        ("all are above the target", [240, 230], 100, False),
        ("room in crumbs is no room", [140, 92, 92, 92, 92, 92], 0, False),
        ("one for eight", [300, *[170] * 6, 0], 0, True),
        ("one for nine would be crowded", [300, *[170] * 7, 0], 0, False),
        ("what is not known is no reason", [200, 0, None], 0, False),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_cases_of_an_uneven_load(case: str, loads: list[float | None], target: int, found: bool) -> None:
    assert uneven(loads, target) is found


def test_a_rebalance_first_cordons_the_pods_above_the_level() -> None:
    found = pods(holding("full", 300), holding("level", 95), holding("new", 0), holding("young", 10))
    assert found == ({"full", "level"}, {})


def test_then_pods_above_the_level_move_their_surplus() -> None:
    found = pods(closed("a", 150), closed("b", 100), holding("new", 0), holding("young", 60))
    assert found == ({"a", "b"}, {"a": 18}), "even if all choose the young pod, it stays within the level of 78"


def test_the_fullest_pod_moves_sessions_first_and_at_most_a_tenth_moves_at_once() -> None:
    shut = [closed("a", 300), closed("b", 500)]
    assert pods(*shut, holding("c", 0), holding("d", 0)) == ({"a", "b"}, {"b": 80})
    busy = [closed("a", 300), closed("b", 500, leaving=60)]
    assert pods(*busy, holding("c", 0), holding("d", 0))[1] == {"b": 20}
    assert pods(closed("a", 300), closed("b", 500, leaving=80), holding("c", 0), holding("d", 0))[1] == {}


def test_a_pod_moves_sessions_in_batches() -> None:
    found = pods(closed("a", 9000), closed("b", 8000), holding("c", 0))
    assert found[1] == {"a": BATCH, "b": BATCH}


def test_sessions_that_were_asked_to_move_count_as_moved() -> None:
    assert pods(closed("a", 110, leaving=10), holding("b", 20), target=100) == ({"a"}, {})
    assert pods(closed("a", 110, leaving=4), holding("b", 20), target=100) == ({"a"}, {"a": 6})


def test_a_filled_pod_is_cordoned_and_moves_no_sessions() -> None:
    found = pods(closed("a", 140), holding("filled", 130), holding("b", 0))
    assert found == ({"a", "filled"}, {"a": 27})
    later = pods(closed("a", 140), closed("filled", 130, since=START + 1), holding("b", 0))
    assert later == ({"a", "filled"}, {"a": 27})


@pytest.mark.parametrize(
    ("case", "found"),
    [
        ("the full one is at the level", [closed("a", 75), holding("b", 75)]),
        ("nobody has room any more", [closed("a", 110), holding("b", 92)]),
        ("a pod takes no clients", [closed("a", 150), holding("b", 0), holding("c", 0, offered=False)]),
        ("too few are left for the new clients", [*(closed(name, 150) for name in "abcdefgh"), holding("i", 0)]),
        ("a pod falls silent", [closed("a", 150), holding("b", 0), serving("c", sample=None)]),
        ("a pod fails", [closed("a", 150), holding("b", 0), holding("c", 0, ready=False)]),
        ("a node is to be emptied", [closed("a", 150), holding("b", 0), holding("c", 0, evacuate=True)]),
        ("a pod goes", [closed("a", 150), holding("b", 0), out("c", 5)]),
        ("a pod comes", [closed("a", 150), holding("b", 0), starting("c")]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_cases_in_which_a_rebalance_ends(case: str, found: list[PodSnapshot]) -> None:
    assert pods(*found) == NOTHING


def test_a_pod_stays_cordoned_until_its_asked_sessions_have_moved() -> None:
    assert pods(closed("a", 150, leaving=5), holding("b", 140)) == ({"a"}, {})
    assert pods(closed("a", 150), holding("b", 140)) == NOTHING
    assert pods(closed("a", 145, leaving=1), holding("b", 145)) == ({"a"}, {})


def test_a_cordoned_pod_is_no_target() -> None:
    refusing = serving("b", sample=sample(0, capacity=10_000, cordoned=True))
    assert pods(closed("a", 150), refusing) == NOTHING


def test_the_room_is_within_the_capacity() -> None:
    small = serving("b", sample=sample(0, capacity=25))
    assert pods(closed("a", 400), small) == ({"a"}, {"a": 25})


def test_a_rebalance_times_out() -> None:
    stuck = closed("a", 150, leaving=75), holding("b", 0)
    assert pods(*stuck, now=START + LONGEST_SECONDS)[0] == {"a"}
    assert pods(*stuck, now=START + LONGEST_SECONDS + 1) == NOTHING


def test_a_rebalance_starts_after_the_cooldown_and_continues_at_any_time() -> None:
    assert pods(holding("a", 150), holding("b", 0), cooled_down=False) == NOTHING
    assert pods(closed("a", 150), holding("b", 0), cooled_down=False)[0] == {"a"}


def test_a_rollout_precedes_a_rebalance() -> None:
    new, old = replica_set(holding("a", 0)), replica_set(holding("b", 150, revision="old"), name="old")
    assert planned(new, old) == NOTHING
    held = {"uid-a": Stage.SERVING, "uid-b": Stage.SERVING}
    paused = place(Target(2, "new", paused=True), by_name(new, old))
    assert paused.stages == held
    assert rebalance(paused, by_name(new, old), RebalancePolicy(0, True, START)) == paused


@pytest.mark.parametrize("change", [{"replicas": 3}, {"replicas": 1}, {"ending": 1}])
def test_starting_and_terminating_pods_precede_a_rebalance(change: Mapping[str, int]) -> None:
    item = replica_set(holding("a", 150), holding("b", 0))
    assert planned(replace(item, **change)) == NOTHING


def test_scaling_precedes_a_rebalance() -> None:
    sets = by_name(replica_set(holding("a", 150), holding("b", 0)))
    for replicas in (1, 3):
        placement = place(Target(replicas, "new"), sets)
        assert rebalance(placement, sets, RebalancePolicy(0, True, START)) == placement


LAST = {"lastMoveTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("spec", "status", "after", "policy"),
    [
        ({}, {}, 0, (0, True)),
        ({"autoscaling": {"maxReplicas": 1, "targetSessionsPerPod": 70}}, {}, 0, (70, True)),
        ({}, LAST, 299, (0, False)),
        ({}, LAST, 300, (0, True)),
        ({"rebalance": {"cooldownSeconds": 10}}, LAST, 10, (0, True)),
        ({"rebalance": {"mode": "Disabled"}}, {}, 0, None),
    ],
)
def test_the_settings_are_those_of_the_pool(
    spec: Any, status: Any, after: int, policy: tuple[int, bool] | None
) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC).timestamp() + after
    assert policy_of(pool(status=status, **spec), now) == (RebalancePolicy(*policy, now) if policy else None)


def test_the_result_as_text() -> None:
    words = summary({"a": 150, "b": 0, "c": 40, "gone": 3}, {"a": 90, "b": 58, "c": 42, "new": 1})
    assert words == "Moved 60 sessions from a (150 -> 90) to b (0 -> 58), c (40 -> 42)."
    many = dict.fromkeys("abcde", 100) | {"f": 0}
    assert "c (100 -> 90) and 2 more to f" in summary(many, dict.fromkeys("abcde", 90) | {"f": 50})
    assert summary({"a": 1, "b": 0}, {"a": 1, "b": 2}) == "No session moved."
