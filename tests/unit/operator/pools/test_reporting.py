from typing import Any

import pytest
from tests.unit.operator.examples import pool
from tests.unit.operator.pools.pods import by_name, out, replica_set, serving

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.drain import Steps
from switchboard_operator.pools.plan import Plan
from switchboard_operator.pools.replicas import ReplicaDecision
from switchboard_operator.pools.reporting import Memory, PoolEvent, events, figures
from switchboard_operator.pools.snapshot import Observed
from switchboard_operator.pools.state import Figures, PoolState

DECISION = ReplicaDecision(2, "load needs 2 pods")
SHOWN = Figures(7, 100, "load wanted 2")


def reported(**status: Any) -> SignalingPool:
    known = {
        "desiredReplicas": 2,
        "observedGeneration": 1,
        "sessions": 7,
        "sessionCapacity": 100,
        "scalingDecision": SHOWN.why,
    }
    return pool(status={**known, **status})


OBSERVED = Observed("new", by_name(replica_set(serving("a", 5), out("b", 3), serving("c", sample=None))))
FOUND = Figures(8, 100, "load needs 2 pods")


@pytest.mark.parametrize(
    ("case", "status", "now", "found", "reported_at"),
    [
        ("it is time", {}, 130.0, FOUND, 130.0),
        ("they were renewed a moment ago", {}, 129.9, SHOWN, 100.0),
        ("something else was decided", {"desiredReplicas": 3}, 101.0, FOUND, 101.0),
        ("the spec changed", {"observedGeneration": 0}, 101.0, FOUND, 101.0),
        ("they are the same", {"sessions": 8, "scalingDecision": "load needs 2 pods"}, 200.0, FOUND, 100.0),
    ],
)
def test_figures_are_updated_periodically(
    case: str, status: dict[str, Any], now: float, found: Figures, reported_at: float
) -> None:
    memory = Memory(reported_at=100.0)
    assert figures(reported(**status), OBSERVED, DECISION, memory, now) == (found, Memory(reported_at))


def state(steps: Steps | None = None, desired: int = 2, **sessions: int) -> PoolState:
    pods = replica_set(*(serving(name, count) for name, count in sessions.items()))
    planned = Plan(ReplicaDecision(desired, "load wants it"), steps or Steps())
    return PoolState(Observed("new", by_name(pods)), planned, FOUND, acted=True)


def test_a_settled_pool_causes_no_events() -> None:
    assert events(reported(), state(a=5), Memory()) == ([], Memory())


def test_a_changed_number_of_pods_is_an_event_after_the_first_decision() -> None:
    found, _ = events(reported(), state(desired=5), Memory())
    assert found == [PoolEvent("Scaling", "Scaling from 2 to 5 pods: load wants it")]
    assert events(reported(scalingDecision=""), state(desired=5), Memory())[0] == [], "not for a new pool"


def test_a_rebalance_is_summarized_at_its_end() -> None:
    moving = Steps(rebalancing=(serving("a"),))
    _, memory = events(reported(), state(moving, a=300, b=0), Memory(5.0))
    assert memory == Memory(5.0, {"a": 300, "b": 0})
    found, memory = events(reported(), state(moving, a=200, b=100), memory)
    assert (found, memory.sessions) == ([], {"a": 300, "b": 0}), "it goes on"
    found, memory = events(reported(), state(a=150, b=150), memory)
    assert found == [PoolEvent("Rebalanced", "Moved 150 sessions from a (300 -> 150) to b (0 -> 150).")]
    assert memory == Memory(5.0)
