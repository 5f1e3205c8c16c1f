from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.examples import pool
from tests.unit.operator.pools.pods import by_name, out, replica_set, sample, serving, starting

from switchboard_operator.pools.rollout import Canary, Target, place, share, surge, target_of, victims
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage


def old(*pods: str | PodSnapshot, **fields: Any) -> RevisionPods:
    """Return the ReplicaSet of an older revision."""
    made = [pod if isinstance(pod, PodSnapshot) else serving(pod, revision="old") for pod in pods]
    return replica_set(*made, name="old", **fields)


def placed(replicas: int, *sets: RevisionPods, **target: Any) -> tuple[dict[str, str], dict[str, int], dict[str, int]]:
    """Return the first letter of each pod's stage by its name, the pods to make, and those not to make."""
    found = place(Target(replicas, "new", **target), by_name(*sets))
    names = {pod.uid: pod.name for item in sets for pod in item.pods}
    stages = {names[uid]: stage.value[0] for uid, stage in found.stages.items()}
    return stages, dict(found.grow), dict(found.cancel)


@pytest.mark.parametrize(
    ("replicas", "percent", "pods"), [(0, 25, 1), (1, 25, 1), (4, 25, 1), (5, 25, 2), (100, 25, 25), (4, 100, 4)]
)
def test_a_share_of_the_pods_is_rounded_up_and_at_least_one(replicas: int, percent: int, pods: int) -> None:
    assert share(replicas, percent) == surge(replicas, f"{percent}%") == pods


def test_the_surge_may_be_a_number_of_pods() -> None:
    assert surge(4, 7) == 7


@pytest.mark.parametrize(
    ("case", "replicas", "sets", "stages", "grow", "cancel"),
    [
        ("a new pool gets all pods at once", 3, [], "", 3, {}),
        ("nothing to do", 1, [replica_set(serving("a"))], "S", 0, {}),
        ("scaled up", 3, [replica_set(serving("a"))], "S", 2, {}),
        ("scaled up again before the first pods exist", 4, [replica_set(serving("a"), replicas=3)], "S", 1, {}),
        ("scaled down", 1, [replica_set(serving("a", 9), serving("b", 1))], "SD", 0, {}),
        ("scaled to nothing", 0, [replica_set(serving("a"))], "D", 0, {}),
        ("scaled down before the pods exist", 2, [replica_set(serving("a"), replicas=4)], "S", 0, {"new": 2}),
        ("load came back", 2, [replica_set(serving("a"), out("b", 5), out("c", 3))], "SSD", 0, {}),
        ("load came back permanently", 4, [replica_set(serving("a"), out("b", 5))], "SS", 2, {}),
        ("a pod that is being removed is gone", 1, [replica_set(serving("a"), starting("b"), replicas=1)], "S", 0, {}),
        ("a starting pod goes before one that serves", 1, [replica_set(serving("a"), starting("b"))], "SD", 0, {}),
        ("one that serves comes back for one that fails", 1, [replica_set(starting("a"), out("b", 5))], "DS", 0, {}),
        ("a rollout begins with the surge", 4, [old(*"abcd")], "SSSS", 1, {}),
        ("new pods that do not serve stop it", 4, [old(*"abcd"), replica_set(starting("n"))], "SSSSS", 0, {}),
        ("a new pod takes all old ones out", 4, [old(*"abcd"), replica_set(serving("n"))], "CCCDS", 0, {}),
        (
            "the place of a gone pod is used",
            4,
            [old(*(out(name, 5, Stage.CORDONED, "old") for name in "bcd")), replica_set(serving("n"))],
            "CCCS",
            1,
            {},
        ),
        (
            "old pods serve again if no new one does",
            2,
            [old(out("a", 5, Stage.CORDONED, "old"), out("b", 4, revision="old")), replica_set(starting("n"))],
            "SSS",
            0,
            {},
        ),
        ("the last old pod goes", 1, [old("a"), replica_set(serving("n"))], "DS", 0, {}),
        (
            "of two older ones, the one that serves is kept",
            2,
            [old("b", "c"), replica_set(starting("a", "broken"), starting("d", "broken"), name="broken")],
            "DSSD",
            0,
            {},
        ),
        (
            "old pods that do not exist yet are not made",
            1,
            [old("a", replicas=3), replica_set(serving("n"))],
            "DS",
            0,
            {"old": 2},
        ),
        ("scaled down in a rollout that has not begun", 2, [old(*"abcd")], "SSDD", 0, {}),
        ("scaled to nothing in a rollout", 0, [old("a", "b"), replica_set(serving("n"))], "DDD", 0, {}),
        (
            "pods that cannot be emptied do not keep others from being made",
            3,
            [old(*(out(name, 5, revision="old") for name in "abcd")), replica_set(serving("n"))],
            "DDCCS",
            0,
            {},
        ),
        (
            "too few carry the load, whatever the surge says",
            4,
            [old(*(out(name, 5, revision="old") for name in "ab")), replica_set(serving("n"), replicas=1)],
            "CCS",
            2,
            {},
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) > 6 else "",
)
def test_the_next_step(
    case: str, replicas: int, sets: list[RevisionPods], stages: str, grow: int, cancel: dict[str, int]
) -> None:
    found, growing, shedding = placed(replicas, *sets)
    assert "".join(found[name] for name in sorted(found)) == stages
    assert growing == ({"new": grow} if grow else {})
    assert shedding == cancel


def test_with_a_larger_surge_old_pods_stay_until_as_many_new_ones_serve() -> None:
    assert placed(8, old(*"abcdefgh"), replica_set(serving("n"), starting("m")), surge=2)[0]["a"] == "S"
    stages = placed(8, old(*"abcdefgh"), replica_set(serving("n"), serving("m")), surge=2)[0]
    assert Counter(stages.values()) == Counter("SSCCCCCCDD")


@pytest.mark.parametrize(
    ("sets", "stages", "grow"),
    [
        ([old("a", "b")], "SS", {}),
        ([old("a"), replica_set(serving("n"))], "SS", {}),
        ([old("a", "b"), replica_set(serving("n"))], "SSD", {}),
        ([old("a"), replica_set(starting("n"))], "SS", {}),
        ([old("a")], "S", {"old": 1}),
        ([], "", {"new": 2}),
        ([replica_set(serving("n"))], "S", {"new": 1}),
    ],
)
def test_a_paused_rollout_replaces_no_further_pod(sets: list[RevisionPods], stages: str, grow: dict[str, int]) -> None:
    found, growing, _ = placed(2, *sets, paused=True)
    assert Counter(found.values()) == Counter(stages)
    assert growing == grow


NOW = 1000.0
TRIAL = Canary(pods=1, min_ready=60, now=NOW)


def made(*pods: PodSnapshot, created: str = "2026-01-02T00:00:00Z", **fields: Any) -> RevisionPods:
    """Return the current ReplicaSet, made after the older one."""
    return replica_set(*pods, created=created, **fields)


def older(*pods: str | PodSnapshot, **fields: Any) -> RevisionPods:
    return old(*pods, **{"created": "2026-01-01T00:00:00Z", **fields})


def ready_for(name: str, seconds: float, **fields: Any) -> PodSnapshot:
    return serving(name, ready_since=NOW - seconds, **fields)


@pytest.mark.parametrize(
    ("case", "sets", "stages", "grow"),
    [
        ("one pod is tried", [older(*"abcd")], "SSSS", {"new": 1}),
        ("it starts", [older(*"abcd"), made(starting("n"))], "SSSSS", {}),
        ("it serves beside the others", [older(*"abcd"), made(ready_for("n", 59))], "SSSSS", {}),
        ("it restarted", [older(*"abcd"), made(ready_for("n", 99, restarts=1))], "SSSSS", {}),
        ("it has passed", [older(*"abcd"), made(ready_for("n", 60))], "CCCDS", {}),
        ("another one has", [older(*"abc"), made(ready_for("m", 60), ready_for("n", 9, restarts=1))], "CCDSS", {}),
        ("it stands on a node to be emptied", [older(*"abcd"), made(ready_for("n", 99, evacuate=True))], "SSSSD", {}),
        ("pods that fail later bring the old ones back",
         [older("a", out("b", 5, Stage.CORDONED, "old"), out("c", 5, revision="old")), made(ready_for("n", 9))],
         "SSSS", {}),
        ("the pool grows meanwhile", [older("a", "b"), made(ready_for("n", 9))], "SSS", {"old": 1}),
        ("a new pool", [], "", {"new": 4}),
        ("nothing else is left", [older(), made(ready_for("n", 9))], "S", {"new": 3}),
        ("the way back needs no trial", [older(*"abcd", created="2026-01-03"), made(ready_for("n", 9))], "CCCDS", {}),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) > 6 else "",
)  # fmt: skip
def test_a_rollout_starts_with_a_canary(case: str, sets: list[RevisionPods], stages: str, grow: dict[str, int]) -> None:
    found, growing, cancel = placed(4, *sets, canary=TRIAL)
    assert "".join(found[name] for name in sorted(found)) == stages
    assert growing == grow
    assert cancel == {}


def test_the_canary_has_the_requested_number_of_pods() -> None:
    several = replace(TRIAL, pods=2)
    assert placed(8, older(*"abcdefgh"), canary=several, surge=4)[1] == {"new": 2}
    one_passed = made(ready_for("m", 60), ready_for("n", 59))
    assert placed(8, older(*"abcdefgh"), one_passed, canary=several, surge=4)[0]["a"] == "S"
    assert placed(1, older("a"), made(ready_for("n", 60)), canary=several)[0] == {"a": "D", "n": "S"}


def test_a_paused_rollout_has_no_canary() -> None:
    assert placed(2, older("a", "b"), canary=TRIAL, paused=True) == ({"a": "S", "b": "S"}, {}, {})


@pytest.mark.parametrize(
    ("rollout", "target"),
    [
        ({}, Target(20, "new", 5)),
        ({"maxSurge": "50%", "paused": True}, Target(20, "new", 10, paused=True)),
        ({"maxSurge": 3}, Target(20, "new", 3)),
        ({"canary": {}}, Target(20, "new", 5, canary=Canary(2, 300, NOW))),
        ({"canary": {"percent": 90, "minReadySeconds": 7}}, Target(20, "new", 5, canary=Canary(5, 7, NOW))),
    ],
)
def test_the_target_follows_the_spec(rollout: Any, target: Target) -> None:
    assert target_of(pool(rollout=rollout), 20, "new", NOW) == target


def test_a_pod_on_a_cordoned_node_is_replaced_first() -> None:
    leaving, other = serving("a", 5, evacuate=True), serving("b", 5)
    assert placed(2, replica_set(leaving, other)) == ({"a": "C", "b": "S"}, {"new": 1}, {})
    assert placed(2, replica_set(leaving, other, starting("c")))[0] == {"a": "C", "b": "S", "c": "S"}
    assert placed(2, replica_set(leaving, other, serving("c")))[0] == {"a": "D", "b": "S", "c": "S"}
    assert placed(1, replica_set(leaving))[0] == {"a": "S"}, "it serves until another one does"


def test_the_order_in_which_pods_are_removed() -> None:
    pods = [
        serving("full", 9),
        serving("empty", 1),
        serving("silent", sample=None),
        out("draining", 5),
        out("drained", 0, Stage.DRAINED),
        out("holding", 1, Stage.CORDONED),
        serving("failing", 3, ready=False),
        starting("made"),
    ]
    names = [pod.name for pod in victims(pods)]
    assert names == ["made", "failing", "drained", "draining", "holding", "empty", "full", "silent"]


def test_zones_are_kept_balanced() -> None:
    loads = {"a": [1, 2, 3], "b": [9, 8], "c": [7]}
    pods = [serving(f"{zone}{load}", load, zone=zone) for zone, some in loads.items() for load in some]
    assert [pod.name for pod in victims(pods)] == ["a1", "a2", "b8", "a3", "c7", "b9"]


def test_the_load_of_a_pod_is_its_sessions_and_not_its_connections() -> None:
    pods = [serving("a", sample=sample(5, connections=1)), serving("b", sample=sample(4, connections=4))]
    assert [pod.name for pod in victims(pods)] == ["b", "a"]
