from datetime import UTC, datetime
from typing import Any

import pytest
from tests.unit.operator.examples import going, pod
from tests.unit.operator.pools.pods import by_name, out, replica_set, sample, serving, starting

from switchboard_crds import names
from switchboard_operator.kube.compare import difference
from switchboard_operator.pools import snapshot
from switchboard_operator.pools.snapshot import Observed, Stage

IN_SERVICE = {names.LABEL_IN_SERVICE: "true"}


def kubernetes_pod(name: str = "a", *, marks: dict[str, str] | None = None, node: str = "", **status: Any) -> Any:
    found = pod(name, labels=dict(IN_SERVICE), **status)
    found["metadata"] |= {
        "annotations": marks or {},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "new", "uid": "uid-of-new", "controller": True}],
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {**found, "spec": {"nodeName": node} if node else {}}


def read(found: Any, **context: Any) -> snapshot.PodSnapshot:
    known: Any = {"offered": (), "zones": {}, "unschedulable": (), "sample": None, **context}
    return snapshot.read_pod(found, **known)


def test_a_pod_is_parsed() -> None:
    running = [{"name": "signaling", "state": {"running": {}}, "started": True, "restartCount": 2}]
    found = kubernetes_pod(ready=True, node="n1", phase="Running", containerStatuses=running)
    found["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T00:00:10Z"
    sampled = sample(5)
    assert read(
        found, offered={"uid-of-a"}, zones={"n1": "north"}, unschedulable={"n1"}, sample=sampled
    ) == snapshot.PodSnapshot(
        "a",
        "uid-of-a",
        "new",
        ready_since=datetime(2026, 1, 1, 0, 0, 10, tzinfo=UTC).timestamp(),
        restarts=2,
        offered=True,
        evacuate=True,
        zone="north",
        created="2026-01-01T00:00:00Z",
        sample=sampled,
    )


def test_a_new_pod_has_never_started() -> None:
    found = read(kubernetes_pod())
    assert (found.ready, found.assigned, found.pending, found.started) == (False, False, True, False)
    assert found.ready_since is None
    assert found.never_started
    assert found.empty


def test_a_pod_serves_if_it_is_ready_and_not_terminating() -> None:
    assert serving("a").serves
    assert serving("a", stage=Stage.REBALANCING).serves
    assert not serving("a", ready=False).serves
    assert not out("a").serves


def test_a_pod_without_samples_is_not_empty() -> None:
    found = serving("a", sample=None)
    assert not found.never_started
    assert not found.empty


@pytest.mark.parametrize(
    ("fields", "empty"),
    [({}, True), ({"offered": True}, False), ({"sample": sample(cordoned=False)}, False)],
)
def test_a_pod_is_empty_without_sessions_and_endpoint(fields: dict[str, Any], empty: bool) -> None:
    assert out("a", 0, **fields).empty is empty
    assert not out("a", 1).empty


@pytest.mark.parametrize("stage", list(Stage))
def test_annotations_are_parsed_again(stage: Stage) -> None:
    since = "2026-01-01T00:00:10+00:00"
    patch = snapshot.stage_patch(stage, since)["metadata"]
    found = kubernetes_pod()
    found["metadata"]["labels"] |= patch["labels"]
    found["metadata"]["annotations"] = {key: value for key, value in patch["annotations"].items() if value is not None}
    result = read(found)
    assert result.stage is stage
    assert (result.since is not None) is stage.moves_sessions
    cost = patch["annotations"][names.ANNOTATION_DELETION_COST]
    assert result.cost == int(cost or 0)
    assert (difference(patch["labels"], IN_SERVICE) is None) is (stage is Stage.SERVING)


def test_invalid_annotations_are_ignored() -> None:
    marks = {names.ANNOTATION_DRAIN: "Sideways", names.ANNOTATION_DRAIN_STARTED: "yesterday"}
    found = read(kubernetes_pod(marks=marks))
    assert (found.stage, found.since) == (Stage.SERVING, None)
    unlabelled = kubernetes_pod()
    unlabelled["metadata"]["labels"] = {}
    assert read(unlabelled).stage is Stage.CORDONED, "the Service does not select it"


def test_replica_sets_have_their_own_active_pods_in_the_order_of_removal() -> None:
    ready = kubernetes_pod("ready", ready=True, node="n1", phase="Running")
    unready = kubernetes_pod("unready", node="n1", phase="Running")
    pending = kubernetes_pod("pending", node="n1")
    unassigned = kubernetes_pod("unassigned")
    foreign = kubernetes_pod("foreign")
    foreign["metadata"]["ownerReferences"] = []
    finished = kubernetes_pod("finished", phase="Failed")
    ending = going(kubernetes_pod("ending"))
    item = {
        "metadata": {
            "name": "new",
            "uid": "uid-of-new",
            "annotations": {names.ANNOTATION_REMOVING: "x,y"},
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"replicas": 3},
    }
    pods = [ready, unready, pending, unassigned, foreign, finished, ending]
    found = snapshot.read_revisions([item], pods, read)["new"]
    assert [one.name for one in found.pods] == ["unassigned", "pending", "unready", "ready"]
    assert (found.replicas, found.ending, found.removing) == (3, 1, frozenset({"x", "y"}))
    assert found.created == "2026-01-01T00:00:00Z"
    assert read(foreign).replica_set == ""


def test_the_deletion_cost_orders_ready_pods() -> None:
    found = replica_set(serving("a"), out("b", 1), out("c", stage=Stage.DRAINED))
    assert [pod.name for pod in found.pods] == ["c", "b", "a"]


def test_the_pods_that_a_replica_set_will_remove_or_create() -> None:
    shrinking = replica_set(serving("a"), starting("b"), replicas=1)
    assert (shrinking.leaving, shrinking.coming) == (1, 0)
    assert [pod.name for pod in shrinking.staying] == ["a"]
    growing = replica_set(serving("a"), replicas=3)
    assert (growing.leaving, growing.coming) == (0, 2)


def test_an_unexpected_victim_is_reported_after_the_step() -> None:
    removing = frozenset({"uid-a"})
    assert replica_set(serving("a"), serving("b"), replicas=1, removing=removing).survivors == ()
    assert [pod.name for pod in replica_set(serving("a"), removing=removing).survivors] == ["a"]


def test_pods_have_endpoints_unless_a_slice_lists_them_as_not_ready() -> None:
    slices: list[Any] = [
        {
            "endpoints": [
                {"targetRef": {"uid": "a"}, "conditions": {"ready": True}},
                {"targetRef": {"uid": "b"}, "conditions": {"ready": False}},
                {"targetRef": {"uid": "c"}},
                {"conditions": {"ready": True}},
            ]
        },
        {"endpoints": None},
    ]
    assert snapshot.offered(slices) == {"a", "c"}


def test_pods_are_counted_by_state() -> None:
    found = Observed(
        "new",
        by_name(
            replica_set(serving("a"), starting("b"), serving("c", evacuate=True), out("d")),
            replica_set(serving("e", revision="old"), name="old"),
        ),
    )
    assert len(found.pods) == 5
    assert (len(found.updated), found.serving, found.outdated) == (3, 1, 2)
    assert found.replacing


def test_a_replica_set_without_pods_is_still_to_be_deleted() -> None:
    assert Observed("new", by_name(replica_set(), replica_set(name="old"))).replacing
    assert not Observed("new", by_name(replica_set(serving("a")))).replacing


def test_the_sessions_are_of_pods_that_answer() -> None:
    assert Observed("new", by_name(replica_set(serving("a", 5), serving("b", sample=None)))).sessions == {"a": 5}


def test_a_stage_of_an_older_operator_is_parsed() -> None:
    found = kubernetes_pod(marks={names.ANNOTATION_DRAIN: "Holding"})
    found["metadata"]["labels"][names.LABEL_IN_SERVICE] = "false"
    assert read(found).stage is Stage.CORDONED
    found["metadata"]["annotations"] = {names.ANNOTATION_DRAIN: "Cordoned"}
    assert read(found).stage is Stage.CORDONED
    assert snapshot.stage_patch(Stage.CORDONED, None)["metadata"]["annotations"][names.ANNOTATION_DRAIN] == "Cordoned"


@pytest.mark.parametrize(
    ("replica_set", "failure"),
    [
        (None, None),
        ({}, None),
        ({"status": {"conditions": None}}, None),
        ({"status": {"conditions": [{"type": "Other"}]}}, None),
        ({"status": {"conditions": [{"type": "ReplicaFailure", "message": "exceeded quota"}]}}, "exceeded quota"),
        ({"status": {"conditions": [{"type": "ReplicaFailure"}]}}, ""),
    ],
)
def test_the_reason_why_no_pods_can_be_created(replica_set: Any, failure: str | None) -> None:
    assert snapshot.failure(replica_set) == failure
