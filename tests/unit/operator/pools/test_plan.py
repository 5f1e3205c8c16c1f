"""One pass's whole decision: that the parts are composed; what each of them decides is in its own tests."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.examples import pool
from tests.unit.operator.pools.pods import by_name, out, replica_set, sample, serving

from switchboard_operator.pools.drain import Annotate, Cordon, GoAway, Scale, Steps
from switchboard_operator.pools.plan import Plan, idle, plan
from switchboard_operator.pools.replicas import ReplicaDecision
from switchboard_operator.pools.samples import Load
from switchboard_operator.pools.snapshot import Observed, PodSnapshot, RevisionPods, Stage

NOW = 1_000_000.0
EARLIER = datetime(2026, 1, 1, tzinfo=UTC)


def observed(*revisions: RevisionPods, load: Load | None = None) -> Observed:
    return Observed("new", by_name(*revisions), load or Load())


def test_a_new_pool_has_the_pods_of_its_spec() -> None:
    found = plan(pool(replicas=3), observed(), NOW)
    assert found == Plan(ReplicaDecision(3, "spec.replicas is 3."), Steps((Scale("new", 3),)))


def test_the_load_determines_the_number_of_pods() -> None:
    auto = pool(replicas=1, autoscaling={"maxReplicas": 9})
    found = plan(auto, observed(load=Load(desired=4, reason="load needs 4 pods", no_metrics=True)), NOW)
    assert found.decision == ReplicaDecision(4, "load needs 4 pods", no_metrics=True)
    assert found.steps.commands == (Scale("new", 4),)


def test_an_older_revision_is_replaced_by_the_current_one() -> None:
    old = replica_set(serving("a", revision="old"), name="old")
    assert plan(pool(), observed(old), NOW).steps.commands == (Scale("new", 1),)
    found = plan(pool(), observed(old, replica_set(serving("b"))), NOW)
    pod = old.pods[0]
    assert found.steps.commands == (Annotate(pod, Stage.DRAINING, NOW), Cordon(pod, True))


def test_a_canary_is_reported() -> None:
    tried = pool(replicas=2, rollout={"canary": {}})
    old = replica_set(serving("a", revision="old"), serving("b", revision="old"), name="old")
    assert plan(tried, observed(old), NOW).in_canary
    assert not plan(pool(replicas=2), observed(old), NOW).in_canary


@pytest.mark.parametrize(("mode", "moves"), [("Auto", True), ("Disabled", False)])
def test_sessions_are_rebalanced_if_the_spec_enables_it(mode: str, moves: bool) -> None:
    pods = replica_set(*(serving(name, sample=sample(load, capacity=1000)) for name, load in (("a", 300), ("b", 0))))
    found = plan(pool(replicas=2, rebalance={"mode": mode}), observed(pods), NOW)
    assert bool(found.steps.rebalancing) is moves
    assert (found.last_move is not None) is moves


@pytest.mark.parametrize(("policy", "stage"), [("Wait", None), ("Force", Stage.DRAINED)])
def test_a_pod_whose_drain_timed_out_is_handled_by_the_policy(policy: str, stage: Stage | None) -> None:
    late = out("b", 5, since=NOW - 61, sample=sample(5, leaving=5, cordoned=True))
    asked = pool(drain={"timeoutSeconds": 60, "onTimeout": policy})
    found = plan(asked, observed(replica_set(serving("a"), late)), NOW).steps
    assert found.commands == ((Annotate(late, stage, late.since),) if stage else ())
    assert found.overdue == (() if stage else (late,))


NOTED = datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize(
    ("case", "pods", "replicas", "before", "noted"),
    [
        ("nothing moves", [serving("a")], 1, EARLIER, EARLIER),
        ("nothing ever moved", [serving("a")], 1, None, None),
        ("it begins", [serving("a"), serving("b")], 1, EARLIER, NOTED),
        ("it goes on", [serving("a"), out("b", 5)], 1, EARLIER, EARLIER),
        ("it goes on, and nobody noted when it began", [serving("a"), out("b", 5)], 1, None, NOTED),
        ("it ends", [serving("a"), out("b", 5)], 2, EARLIER, NOTED),
    ],
)
def test_the_begin_and_end_of_moves_are_recorded(
    case: str, pods: list[PodSnapshot], replicas: int, before: datetime | None, noted: datetime | None
) -> None:
    status: dict[str, Any] = {"lastMoveTime": before.isoformat()} if before else {}
    found = plan(pool(replicas=replicas, status=status), observed(replica_set(*pods)), NOW)
    assert found.last_move == noted


def test_a_pool_without_actions_keeps_its_records() -> None:
    waiting = pool(replicas=3, status={"lastMoveTime": EARLIER.isoformat()})
    found = idle(waiting, observed(replica_set(out("a", 5))))
    assert found == Plan(ReplicaDecision(3, "spec.replicas is 3."), last_move=EARLIER)


def test_sessions_of_a_draining_pod_are_asked_to_move() -> None:
    leaving = out("b", 5)
    found = plan(pool(), observed(replica_set(serving("a"), leaving)), NOW)
    assert found.steps.commands == (GoAway(leaving, 5),)
    assert found.steps.moving
