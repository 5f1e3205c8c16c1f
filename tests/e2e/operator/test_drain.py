"""Scaling, rollouts and node drains on a real API server: no pod is deleted before its sessions have moved."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.operator.conftest import Replica, Start
from tests.e2e.operator.kubelet import FakePod
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster

REDIS = {"redisRef": {"name": "store"}}
SESSIONS = (10, 20, 30)


def loaded(pool: Pool, capacity: int = 100, **spec: Any) -> dict[str, FakePod]:
    """Start three pods with sessions; return them by uid, those with the fewest sessions first.

    The fullest pod is alone in its zone, so the others are drained before it.
    """
    pool.apply(replicas=3, **REDIS, **spec)
    until(lambda: pool.serves() and len(pool.items("pods")) == 3, "three pods serve")
    zones = Counter(pod["spec"]["nodeName"] for pod in pool.items("pods"))
    pods = sorted(pool.items("pods"), key=lambda pod: -zones[pod["spec"]["nodeName"]])
    found = {pod["metadata"]["uid"]: pool.kubelet.pods[pod["metadata"]["uid"]] for pod in pods}
    for fake, number in zip(found.values(), SESSIONS, strict=True):
        fake.sessions, fake.capacity, fake.asked_for_samples = number, capacity, 0
    until(lambda: all(fake.asked_for_samples > 1 for fake in found.values()), "the operator knows the load")
    return found


def stages(pool: Pool) -> dict[str, str]:
    """Return the drain stage of each pod by uid."""
    pool.run_pods()
    return {
        pod["metadata"]["uid"]: pod["metadata"].get("annotations", {}).get("switchboard.dev/drain", "Serving")
        for pod in pool.items("pods")
    }


def offered(pool: Pool) -> set[str]:
    """Return the uids of the pods with a ready endpoint."""
    return {
        endpoint["targetRef"]["uid"]
        for item in pool.items("endpointslices")
        for endpoint in item.get("endpoints") or []
        if endpoint["conditions"]["ready"]
    }


def sessions(pool: Pool) -> int:
    """Return the number of sessions on the present pods."""
    return sum(fake.sessions for fake in pool.fakes())


def replicas(pool: Pool) -> int:
    return sum(item["spec"]["replicas"] for item in pool.items("replicasets"))


def test_scaling_down_drains_a_pod_before_it_is_deleted(operator: Replica, pool: Pool, redis: Resource) -> None:
    emptiest, *others = loaded(pool)
    pool.kubelet.clients_follow = False
    pool.scale(2)
    victim = pool.kubelet.pods[emptiest]
    until(lambda: victim.asked, "its sessions are asked to move")
    assert stages(pool) == {emptiest: "Draining", **dict.fromkeys(others, "Serving")}
    assert offered(pool) == set(others)
    assert replicas(pool) == 3, "the pod stays until it is empty"
    assert [path for path, _, _ in victim.orders][:2] == ["/internal/cordon", "/internal/goaway"]
    assert pool.condition("Drained")["reason"] == "Draining"
    pool.kubelet.clients_follow, victim.asked = True, 0
    until(lambda: set(stages(pool)) == set(others), "the pod is deleted")
    assert sessions(pool) == sum(SESSIONS)
    until(lambda: pool.is_true("Drained") and pool.live()["status"]["desiredReplicas"] == 2, "the status is updated")
    assert [item["note"] for item in events(pool, "Scaling")] == ["Scaling from 3 to 2 pods: spec.replicas is 2."]


def events(pool: Pool, reason: str) -> list[Any]:
    found = pool.api.get("-n", pool.namespace, "events.events.k8s.io")["items"]
    return [item for item in found if item["reason"] == reason]


def test_kubectl_switchboard_shows_decisions_with_their_reasons(operator: Replica, pool: Pool, redis: Resource) -> None:
    loaded(pool)
    pool.scale(2)
    until(lambda: len(stages(pool)) == 2 and pool.is_true("Drained"), "one pod is deleted")
    program = Path(sys.executable).with_name("kubectl-switchboard")

    def status(*more: str) -> str:
        command = [program, "status", "-n", pool.namespace, *more]
        environment = {**os.environ, "KUBECONFIG": str(pool.api.kubeconfig)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout

    [found] = json.loads(status("-o", "json"))
    assert (found["name"], found["replicas"]["desired"], found["why"]) == ("calls", 2, "spec.replicas is 2.")
    assert [item["decision"] for item in found["decisions"]] == ["Scaling from 3 to 2 pods: spec.replicas is 2."]
    assert "Scaling from 3 to 2 pods" in status()


def test_a_drain_continues_after_the_operator_is_killed_at_any_step(start: Start, pool: Pool, redis: Resource) -> None:
    replica = start("operator")
    emptiest, *others = loaded(pool)
    victim = pool.kubelet.pods[emptiest]
    pool.kubelet.clients_follow = False

    def next_operator_after(step: Callable[[], object], what: str) -> Replica:
        until(step, what)
        replica.kill()
        return start("operator")

    pool.scale(2)
    replica = next_operator_after(lambda: stages(pool)[emptiest] == "Draining", "the pod is marked")
    replica = next_operator_after(lambda: victim.cordoned, "it refuses sessions")
    replica = next_operator_after(lambda: victim.asked, "its sessions are asked to move")
    replica.kill()
    victim.cordoned = False  # its container restarts while no operator runs
    victim.asked = 0
    pool.kubelet.clients_follow = True
    replica = start("operator")
    replica = next_operator_after(lambda: victim.sessions == 0, "it is empty")
    until(lambda: set(stages(pool)) == set(others), "the pod is deleted")
    assert sessions(pool) == sum(SESSIONS)
    assert victim.cordoned
    assert len({token for _, _, token in victim.orders}) == 1


def test_a_later_leader_has_a_higher_fence(start: Start, pool: Pool, redis: Resource) -> None:
    first = start("first")
    emptiest, *_ = loaded(pool)
    victim = pool.kubelet.pods[emptiest]
    pool.kubelet.clients_follow = False
    pool.scale(2)
    until(lambda: victim.cordoned, "the first leader sends commands")
    assert first.stop() == 0
    before = {fence for _, fence, _ in victim.orders}
    start("second")
    victim.cordoned = False
    until(lambda: victim.cordoned, "the second leader sends commands", 30)
    assert max(fence for _, fence, _ in victim.orders) > max(before)


def test_scaling_up_uncordons_a_draining_pod(operator: Replica, pool: Pool, redis: Resource) -> None:
    before = loaded(pool)
    pool.kubelet.clients_follow = False
    pool.scale(1)
    until(lambda: sum(fake.cordoned for fake in before.values()) == 2, "two pods refuse sessions")
    pool.scale(2)
    until(lambda: sum(fake.cordoned for fake in before.values()) == 1, "one is uncordoned")
    emptiest, fuller, fullest = before
    until(lambda: offered(pool) == {fuller, fullest}, "its endpoint is ready again")
    assert stages(pool) == {emptiest: "Draining", fuller: "Serving", fullest: "Serving"}
    pool.scale(3)
    until(lambda: offered(pool) == set(before), "so is that of the other one")
    assert not any(fake.cordoned for fake in before.values())
    assert replicas(pool) == 3


def test_a_pod_whose_clients_do_not_move_is_kept_and_reported(operator: Replica, pool: Pool, redis: Resource) -> None:
    emptiest, *_ = loaded(pool, drain={"timeoutSeconds": 1})
    pool.kubelet.clients_follow = False
    pool.scale(2)
    until(lambda: pool.condition("Drained").get("reason") == "TimedOut", "the condition")
    assert pool.kubelet.pods[emptiest].name in pool.condition("Drained")["message"]
    assert "Remedy" in pool.condition("Drained")["message"]
    assert len(stages(pool)) == 3
    spec = {"replicas": 2, **REDIS, "drain": {"timeoutSeconds": 1, "onTimeout": "Force"}}
    pool.api.kubectl("-n", pool.namespace, "patch", "sp", pool.name, "--type=merge", "-p", json.dumps({"spec": spec}))
    until(lambda: emptiest not in stages(pool), "it is removed")
    assert len(stages(pool)) == 2


def test_sessions_stay_without_capacity_on_other_pods(operator: Replica, pool: Pool, redis: Resource) -> None:
    before = loaded(pool, capacity=35)
    pool.scale(1)
    until(lambda: pool.condition("Drained").get("reason") == "InsufficientCapacity", "the condition", 30)
    assert sessions(pool) == sum(SESSIONS)
    assert max(fake.sessions for fake in before.values()) <= 35


def test_a_rollout_moves_sessions_to_new_pods_only(operator: Replica, pool: Pool, redis: Resource) -> None:
    old = loaded(pool, image="signaling:1")
    pool.apply(replicas=3, **REDIS, image="signaling:2")

    def rolled() -> bool:
        pool.run_pods()
        return len(pool.items("replicasets")) == 1 and pool.is_true("PodsReady")

    until(rolled, "only the new revision is left", 60)
    assert not set(stages(pool)) & set(old)
    assert sessions(pool) == sum(SESSIONS)
    assert all(fake.sessions == 0 for fake in old.values())


def test_a_broken_rollout_stops_and_can_be_reverted(operator: Replica, pool: Pool, redis: Resource) -> None:
    old = loaded(pool, image="signaling:1")
    pool.kubelet.serves = lambda pod: "broken" not in pod["spec"]["containers"][0]["image"]
    pool.apply(replicas=3, **REDIS, image="signaling:broken")
    until(lambda: len(pool.items("pods")) == 4, "one pod of the new revision")
    until(lambda: pool.condition("PodsReady").get("reason") == "RollingOut", "the condition")
    until(lambda: operator.metric("switchboard_operator_queue_length") == 0, "nothing is left to do")
    assert offered(pool) == set(old)
    assert [fake.sessions for fake in old.values()] == list(SESSIONS)
    pool.apply(replicas=3, **REDIS, image="signaling:1")
    until(
        lambda: set(stages(pool)) == set(old) and pool.is_true("PodsReady"), "the old pods are the current ones again"
    )
    until(lambda: len(pool.items("replicasets")) == 1, "the broken revision is gone")
    assert not any(fake.orders for fake in old.values())


def canary(pool: Pool, pause: int) -> tuple[dict[str, FakePod], FakePod]:
    """Start a rollout with a canary; return the old pods by uid, and the canary."""
    old = loaded(pool, image="signaling:1")
    pool.apply(replicas=3, **REDIS, image="signaling:2", rollout={"canary": {"minReadySeconds": pause}})
    until(lambda: len(stages(pool)) == 4 and len(offered(pool)) == 4, "a new pod is ready next to the old ones")
    until(lambda: pool.condition("PodsReady").get("reason") == "Canary", "the condition")
    assert set(stages(pool).values()) == {"Serving"}
    assert not any(fake.orders for fake in old.values()), "no session was asked to move"
    return old, next(fake for fake in pool.fakes() if fake not in old.values())


def test_a_canary_that_stays_ready_is_rolled_out(operator: Replica, pool: Pool, redis: Resource) -> None:
    old, new = canary(pool, pause=10)

    def rolled() -> bool:
        pool.run_pods()
        return len(pool.items("replicasets")) == 1 and pool.is_true("PodsReady")

    until(rolled, "only the new revision is left", 60)
    assert not set(stages(pool)) & set(old)
    assert new in pool.fakes()
    assert sessions(pool) == sum(SESSIONS)


def test_a_canary_that_restarts_stops_the_rollout(operator: Replica, pool: Pool, redis: Resource) -> None:
    old, new = canary(pool, pause=3600)
    pool.kubelet.report(new.name, new.address, ready=True, restarts=1)
    until(lambda: pool.condition("PodsReady").get("reason") == "CanaryRestarted", "the condition")
    assert new.name in pool.condition("PodsReady")["message"]
    assert not any(fake.orders for fake in old.values())
    pool.apply(replicas=3, **REDIS, image="signaling:1", rollout={"canary": {"minReadySeconds": 3600}})
    until(lambda: set(stages(pool)) == set(old) and pool.is_true("PodsReady"), "a revert needs no canary")
    assert [fake.sessions for fake in old.values()] == list(SESSIONS)


def test_a_paused_rollout_replaces_nothing(operator: Replica, pool: Pool, redis: Resource) -> None:
    old = loaded(pool, image="signaling:1")
    pool.apply(replicas=3, **REDIS, image="signaling:2", rollout={"paused": True})
    until(lambda: pool.live()["status"]["observedGeneration"] == 2, "the operator has processed it")
    assert set(stages(pool)) == set(old)
    pool.apply(replicas=3, **REDIS, image="signaling:2")
    until(lambda: len(stages(pool)) == 4, "the rollout continues")


def test_the_pods_of_a_cordoned_node_are_replaced(operator: Replica, pool: Pool, redis: Resource) -> None:
    loaded(pool)
    cordoned, other = pool.kubelet.nodes
    pool.kubelet.cordon(cordoned)

    def moved() -> bool:
        pool.run_pods()
        pods = pool.items("pods")
        return len(pods) == 3 and {pod["spec"].get("nodeName") for pod in pods} == {other} and pool.is_true("PodsReady")

    until(moved, "all pods are on the other node", 60)
    assert sessions(pool) == sum(SESSIONS)
