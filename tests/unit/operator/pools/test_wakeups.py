from typing import Any

import pytest
from tests.unit.operator.examples import pool

from switchboard_operator.pools.autoscaling.model import PodLoad
from switchboard_operator.pools.samples import Load, PoolObservation, SampleHistory
from switchboard_operator.pools.wakeups import Considered, needs_reconciliation

AUTO = pool(autoscaling={"maxReplicas": 9}, rebalance={"mode": "Auto"})
MONOTONIC, WALL = 1000.0, 1_000_000.0


def history(*sessions: int, load: Load | None = None, evacuated: str = "") -> SampleHistory:
    pods = tuple(PodLoad(f"pod-{index}", True, 900.0, count) for index, count in enumerate(sessions))
    found = SampleHistory(load=load or Load(desired=2, reason="load"))
    found.add(PoolObservation(5.0, pods, WALL, total_capacity=200, evacuated=frozenset(evacuated)), [])
    return found


def calls(found: SampleHistory, of: Any = AUTO, **considered: Any) -> bool:
    known = {"desired": 2, "sessions": 2, "capacity": 200, "reported_at": MONOTONIC, **considered}
    return needs_reconciliation(of, found, Considered(**known), MONOTONIC, WALL)


def test_a_considered_change_needs_no_reconciliation() -> None:
    assert not calls(history(1, 1))


def test_a_changed_decision_needs_a_reconciliation() -> None:
    assert calls(history(1, 1, load=Load(desired=3)))


def test_a_load_that_becomes_unknown_needs_a_reconciliation() -> None:
    assert calls(history(1, 1, load=Load(desired=2, no_metrics=True)))


def test_a_node_to_be_drained_needs_a_reconciliation() -> None:
    assert calls(history(1, 1, evacuated="a"))
    assert not calls(history(1, 1, evacuated="a"), evacuated=frozenset("a"))
    assert calls(history(1, 1), evacuated=frozenset("a")), "so does one that may be used again"


@pytest.mark.parametrize(("shown", "old"), [((2, 200), False), ((5, 200), True), ((2, 0), True)])
def test_old_and_wrong_figures_need_a_reconciliation(shown: tuple[int, int], old: bool) -> None:
    considered = {"sessions": shown[0], "capacity": shown[1]}
    assert not calls(history(1, 1), **considered, reported_at=MONOTONIC - 29.9)
    assert calls(history(1, 1), **considered, reported_at=MONOTONIC - 30) is old


def test_sessions_that_should_move_need_a_reconciliation() -> None:
    full = history(3000, 0)
    assert calls(full, sessions=3000)
    moved = {"lastMoveTime": "1970-01-12T13:46:00Z"}
    rested = pool(autoscaling={"maxReplicas": 9}, status=moved)
    assert not calls(full, rested, sessions=3000), "sessions moved a moment ago"
    still = pool(autoscaling={"maxReplicas": 9}, rebalance={"mode": "Disabled"})
    assert not calls(full, still, sessions=3000)
