from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.operator.pools.pods import by_name, out, replica_set, sample, serving, starting

from switchboard_operator.pools.drain import (
    BATCH,
    Annotate,
    Command,
    Cordon,
    DeleteReplicaSet,
    GoAway,
    Scale,
    Steps,
    UnexpectedVictim,
    chains,
    describe,
    steps,
)
from switchboard_operator.pools.rollout import Placement
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage

NOW = 1000.0


def due(
    *sets: RevisionPods,
    stages: Mapping[str, Stage] | None = None,
    grow: dict[str, int] | None = None,
    cancel: dict[str, int] | None = None,
    timeout: float = 1e9,
    force: bool = False,
    moves: dict[str, int] | None = None,
) -> Steps:
    """Return the steps; a pod that has no stage among `stages`, by name, should stay in the one that it is in."""
    found: dict[str, Stage] = {}
    for pod in (pod for item in sets for pod in item.staying):
        stage = Stage.DRAINING if pod.stage is Stage.DRAINED else pod.stage
        found[pod.uid] = (stages or {}).get(pod.name, stage)
    placement = Placement(found, grow or {}, cancel or {}, moves or {})
    return steps(placement, by_name(*sets), "new", NOW, timeout, force=force)


def commands(*sets: RevisionPods, **more: Any) -> tuple[Command, ...]:
    return due(*sets, **more).commands


DRAIN = {"a": Stage.DRAINING}


def test_a_settled_pool_needs_no_commands() -> None:
    found = due(replica_set(serving("a", 5), starting("b")))
    assert found == Steps()
    assert not found.moving


def test_a_draining_pod_is_annotated_before_it_is_cordoned() -> None:
    pod = serving("a", 5)
    assert commands(replica_set(pod, serving("b")), stages=DRAIN) == (
        Annotate(pod, Stage.DRAINING, NOW),
        Cordon(pod, True),
    )


def test_a_pod_that_only_holds_its_sessions_has_no_time_limit_yet() -> None:
    pod = serving("a", 5)
    holding = {"a": Stage.CORDONED}
    assert commands(replica_set(pod), stages=holding) == (Annotate(pod, Stage.CORDONED, None), Cordon(pod, True))


def test_a_pod_that_never_served_needs_no_draining() -> None:
    pod = starting("a")
    assert commands(replica_set(pod, serving("b")), stages=DRAIN) == (Annotate(pod, Stage.DRAINED, NOW),)


def test_a_returning_pod_is_uncordoned_before_it_is_offered() -> None:
    pod = out("a", 5)
    back = {"a": Stage.SERVING}
    assert commands(replica_set(pod), stages=back) == (Cordon(pod, False), Annotate(pod, Stage.SERVING, None))


def test_a_restarted_container_is_cordoned_again() -> None:
    pod = out("a", 0, sample=sample(0, cordoned=False))
    assert commands(replica_set(pod, serving("b"))) == (Cordon(pod, True),)


def test_sessions_are_asked_to_move_once_no_client_can_connect() -> None:
    pod, other = out("a", 5), serving("b")
    assert commands(replica_set(pod, other)) == (GoAway(pod, 5),)
    for late in (out("c", 1, offered=True), out("c", 1, sample=sample(1, cordoned=False))):
        assert not [one for one in commands(replica_set(pod, other, late)) if isinstance(one, GoAway)]
    marked_only = commands(replica_set(pod, other, serving("c")), stages={"c": Stage.CORDONED})
    assert not [one for one in marked_only if isinstance(one, GoAway)], "another one is still in service"


def test_a_silent_pod_without_endpoint_does_not_delay_others() -> None:
    pod = out("a", 5)
    assert commands(replica_set(pod, serving("b"), out("c", sample=None))) == (GoAway(pod, 5),)


def rebalancing(name: str, sessions: int, **fields: Any) -> PodSnapshot:
    return out(name, sessions, Stage.REBALANCING, **fields)


def test_a_pod_that_is_rebalanced_is_not_draining() -> None:
    full, other = serving("a", 50), serving("b")
    found = due(replica_set(full, other), stages={"a": Stage.REBALANCING}, moves={"uid-a": 5})
    assert found.commands == (Annotate(full, Stage.REBALANCING, NOW), Cordon(full, True))
    closed = rebalancing("a", 50)
    found = due(replica_set(closed, other), moves={"uid-a": 5}, timeout=1)
    assert found == Steps((GoAway(closed, 5),), rebalancing=(closed,))
    assert found.moving


def test_no_session_moves_before_all_cordoned_pods_are_out_of_the_service() -> None:
    late = rebalancing("b", 50, offered=True)
    assert commands(replica_set(rebalancing("a", 50), late, serving("c")), moves={"uid-a": 5}) == ()


def test_the_timeout_starts_again_when_a_rebalanced_pod_is_drained() -> None:
    pod = rebalancing("a", 50)
    found = due(replica_set(pod, serving("b")), stages=DRAIN, timeout=10, force=True)
    assert found.commands[0] == Annotate(pod, Stage.DRAINING, NOW)


def test_a_cordoned_pod_moves_no_sessions() -> None:
    assert commands(replica_set(out("a", 5, Stage.CORDONED), serving("b"))) == ()


@pytest.mark.parametrize(
    ("sessions", "leaving", "room", "count"),
    [
        (5, 0, 100, 5),
        (5, 2, 100, 3),
        (5, 5, 100, 0),
        (500, 0, 1000, BATCH),
        (500, 60, 1000, BATCH - 60),
        (500, BATCH, 1000, 0),
        (50, 0, 20, 20),
        (50, 15, 20, 5),
        (5, 0, 0, 0),
    ],
)
def test_at_most_as_many_sessions_move_as_other_pods_have_room_for(
    sessions: int, leaving: int, room: int, count: int
) -> None:
    pod = out("a", sessions, sample=sample(sessions, leaving=leaving, cordoned=True))
    place = serving("b", sample=sample(10, capacity=10 + room))
    found = due(replica_set(pod, place))
    assert found.commands == ((GoAway(pod, count),) if count else ())
    assert found.unplaceable == (sessions - leaving if room == 0 else 0)


def test_the_pod_with_the_fewest_sessions_moves_them_first() -> None:
    few, many = out("a", 10), out("b", 20)
    place = serving("c", sample=sample(0, capacity=15))
    assert commands(replica_set(many, few, place)) == (GoAway(few, 10), GoAway(many, 5))


@pytest.mark.parametrize(
    "fields", [{"ready": False}, {"offered": False}, {"sample": None}, {"sample": sample(0, cordoned=True)}]
)
def test_only_pods_that_certainly_accept_clients_have_room(fields: dict[str, Any]) -> None:
    found = commands(replica_set(out("a", 5), serving("b", **fields)), stages={"b": Stage.SERVING})
    assert not [one for one in found if isinstance(one, GoAway)]


def test_an_empty_pod_is_marked_and_then_removed() -> None:
    empty, other = out("a"), serving("b", 5)
    assert commands(replica_set(empty, other)) == (Annotate(empty, Stage.DRAINED, 100.0),)
    marked = out("a", stage=Stage.DRAINED)
    assert commands(replica_set(marked, other)) == (Scale("new", 1, ("uid-a",)),)


def test_an_empty_pod_without_samples_is_still_empty() -> None:
    marked = out("a", stage=Stage.DRAINED, sample=None)
    assert commands(replica_set(marked, serving("b"))) == (Scale("new", 1, ("uid-a",)),)


def test_a_pod_that_is_not_empty_after_all_is_not_removed() -> None:
    pod = out("a", 1, stage=Stage.DRAINED)
    place = serving("b", sample=sample(0, capacity=0))
    assert commands(replica_set(pod, place)) == (Annotate(pod, Stage.DRAINING, 100.0),)


def test_several_empty_pods_are_removed_at_once() -> None:
    found = commands(replica_set(out("a", stage=Stage.DRAINED), out("b", stage=Stage.DRAINED), serving("c")))
    assert found == (Scale("new", 1, ("uid-a", "uid-b")),)


def test_an_empty_pod_waits_while_its_replica_set_would_remove_another_one() -> None:
    marked = out("a", stage=Stage.DRAINED)
    found = due(replica_set(marked, serving("b"), starting("c")))
    assert (found.commands, found.queued) == ((), (marked,))


@pytest.mark.parametrize("replicas", [1, 3])
def test_an_empty_pod_waits_until_its_replica_set_has_scaled(replicas: int) -> None:
    marked = out("a", stage=Stage.DRAINED)
    assert commands(replica_set(marked, serving("b"), replicas=replicas)) == ()


def test_a_replica_set_that_removed_another_pod_is_reported() -> None:
    found = commands(replica_set(serving("a"), removing=frozenset({"uid-a", "uid-b"})))
    assert found == (UnexpectedVictim("new", ("a",)),)


def test_replica_sets_are_scaled_up_scaled_down_and_deleted() -> None:
    assert commands(grow={"new": 2}) == (Scale("new", 2),)
    assert commands(replica_set(serving("a")), grow={"new": 2}) == (Scale("new", 3),)
    assert commands(replica_set(serving("a"), replicas=3), cancel={"new": 2}) == (Scale("new", 1),)
    assert commands(replica_set(name="old"), replica_set()) == (DeleteReplicaSet("old"),)
    assert commands(replica_set(name="old", ending=1)) == ()


@pytest.mark.parametrize(("since", "late"), [(100.0, True), (995.0, False)])
def test_a_pod_whose_drain_timed_out_is_kept_and_reported(since: float, late: bool) -> None:
    pod = out("a", 5, since=since, sample=sample(5, leaving=5, cordoned=True))
    found = due(replica_set(pod, serving("b")), timeout=10)
    assert (found.commands, found.draining, found.overdue) == ((), (pod,), (pod,) if late else ())


def test_with_force_a_pod_whose_drain_timed_out_is_removed() -> None:
    pod = out("a", 5)
    assert commands(replica_set(pod, serving("b")), timeout=10, force=True) == (Annotate(pod, Stage.DRAINED, 100.0),)
    marked = out("a", 5, stage=Stage.DRAINED)
    found = due(replica_set(marked, serving("b")), timeout=10, force=True)
    assert found.commands == (Scale("new", 1, ("uid-a",)),)
    assert found.overdue == ()


POD: PodSnapshot = serving("a")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Annotate(POD, Stage.CORDONED, None), "annotate a Cordoned, was Serving"),
        (Cordon(POD, True), "cordon a"),
        (Cordon(POD, False), "uncordon a"),
        (GoAway(POD, 3), "ask 3 sessions of a to move"),
        (Scale("s", 3), "scale s to 3"),
        (Scale("s", 2, ("x", "y")), "scale s to 2, removing x, y"),
        (DeleteReplicaSet("s"), "delete s"),
        (UnexpectedVictim("s", ("a",)), "report that s kept a"),
    ],
)
def test_commands_as_text(command: Command, words: str) -> None:
    assert describe(command) == words


def test_commands_for_one_object_stay_in_order_and_pods_are_first() -> None:
    other = serving("b")
    commands = (
        Annotate(POD, Stage.CORDONED, None),
        Cordon(other, False),
        Cordon(POD, True),
        UnexpectedVictim("s", ("a",)),
        Scale("t", 1),
        Scale("s", 3),
        DeleteReplicaSet("u"),
        GoAway(other, 3),
    )
    assert chains(commands) == (
        [[commands[0], commands[2]], [commands[1], commands[7]]],
        [[commands[3], commands[5]], [commands[4]], [commands[6]]],
    )
