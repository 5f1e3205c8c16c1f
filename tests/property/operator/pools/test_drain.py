"""The way out of a pod, in a cluster where everybody may be slow and the operator may be cut off anywhere."""

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.property.operator.pools.cluster import CAPACITY, Cluster, serving

from switchboard_operator.pools.rollout import Canary, Target, share
from switchboard_operator.pools.snapshot import Stage

SEEDS = st.integers(0, 2**32 - 1).map(Random)
CHANGES = st.lists(st.sampled_from(["scale", "roll", "revert", "pause", "close", "open", "restart"]), max_size=6)


def change(cluster: Cluster, what: str) -> None:
    """Have something happen that nobody planned for."""
    random, target = cluster.random, cluster.target
    match what:
        case "scale":
            replicas = random.randrange(1, 8)
            cluster.target = replace(target, replicas=replicas, surge=share(replicas, 25))
        case "roll":
            cluster.target = replace(target, current=f"v{random.randrange(2, 5)}")
        case "revert":
            cluster.target = replace(target, current="v1")
        case "pause":
            cluster.target = replace(target, paused=not target.paused)
        case "close" if cluster.pods:
            random.choice(cluster.pods).unschedulable = True
        case "open":
            for pod in cluster.pods:
                pod.unschedulable = False
        case "restart" if cluster.pods and all(settled(cluster)):
            cluster.restart(random.choice(cluster.pods))


def settled(cluster: Cluster) -> list[bool]:
    """Return, by ReplicaSet, whether it has as many pods as it was asked for.

    Only a pod that dies between a step down and its execution can make Kubernetes remove another one.
    """
    return [item.replicas == len(item.pods) for item in cluster.observed().values()]


def disturb(cluster: Cluster, changes: list[str]) -> None:
    """Change things at any moment, with the operator cut off after any command."""
    random = cluster.random
    for what in changes:
        change(cluster, what)
        for _ in range(random.randrange(30)):
            if random.random() < 0.3:
                cluster.operate(cut=random.randrange(4))
                cluster.now += 1
            cluster.step()


@given(random=SEEDS, replicas=st.integers(1, 7), sessions=st.integers(0, 40), changes=CHANGES)
def test_from_any_state_the_pool_reaches_its_target_with_every_session(
    random: Random, replicas: int, sessions: int, changes: list[str]
) -> None:
    cluster = serving(random, replicas, sessions)
    before = cluster.sessions()
    cluster.loss = 0.2
    disturb(cluster, changes)
    enough = max(cluster.target.replicas, -(-len(before) // CAPACITY))
    cluster.target = replace(cluster.target, paused=False, replicas=enough, surge=share(enough, 25))
    change(cluster, "open")
    found = cluster.run(200)
    if found.unplaceable:  # the updated pods within the surge are full, as the status reports: one more pod is enough
        cluster.target = replace(cluster.target, surge=cluster.target.surge + 1)
        found = cluster.run(200)
    assert not found.commands
    assert not found.moving
    assert {pod.set_name for pod in cluster.pods} == {cluster.target.current}
    assert len(cluster.pods) == cluster.target.replicas
    assert all(pod.marks.stage is Stage.SERVING and not pod.cordoned for pod in cluster.pods)
    assert set(cluster.sets) == {cluster.target.current}
    assert cluster.sessions() == before
    assert not cluster.unplaced
    assert cluster.killed == [], "no pod was removed with sessions on it"


@given(random=SEEDS, replicas=st.integers(1, 5), sessions=st.integers(0, 200), changes=CHANGES)
def test_it_does_so_too_if_sessions_are_rebalanced_meanwhile(
    random: Random, replicas: int, sessions: int, changes: list[str]
) -> None:
    cluster = serving(random, replicas, sessions, capacity=300)
    before = cluster.sessions()
    cluster.loss, cluster.rebalances = 0.2, lambda: random.random() < 0.5
    disturb(cluster, changes)
    cluster.target = replace(cluster.target, paused=False)
    change(cluster, "open")
    found = cluster.run(200)
    assert not found.commands
    assert not found.moving
    assert len(cluster.pods) == cluster.target.replicas
    assert all(pod.marks.stage is Stage.SERVING and not pod.cordoned for pod in cluster.pods)
    assert cluster.sessions() == before
    assert cluster.killed == []


@given(random=SEEDS, replicas=st.integers(1, 8), percent=st.sampled_from([1, 25, 50, 100]))
def test_a_rollout_moves_a_session_at_most_once_and_stays_within_the_surge(
    random: Random, replicas: int, percent: int
) -> None:
    cluster = serving(random, replicas, replicas * CAPACITY // 2)
    before, most = cluster.sessions(), share(replicas, percent)
    cluster.loss = 0.5
    cluster.target = replace(cluster.target, current="v2", surge=most)
    for _ in range(600):
        if random.random() < 0.2:
            cluster.operate(cut=random.randrange(6))
        cluster.step()
        assert sum(item.replicas for item in cluster.sets.values()) <= replicas + most
        assert any(pod.marks.stage is Stage.SERVING and pod.marks.ready for pod in cluster.pods)
    cluster.run(100)
    assert {pod.set_name for pod in cluster.pods} == {"v2"}
    assert cluster.sessions() == before
    assert cluster.killed == []
    assert max(cluster.moves.values(), default=0) <= 1


@given(random=SEEDS, replicas=st.integers(1, 8), percent=st.sampled_from([25, 100]))
def test_a_revision_that_never_serves_stops_by_itself_and_takes_nothing_away(
    random: Random, replicas: int, percent: int
) -> None:
    cluster = serving(random, replicas, replicas * CAPACITY // 2)
    before = {pod.name: sorted(pod.sessions) for pod in cluster.pods}
    cluster.broken = frozenset({"v2"})
    cluster.target = replace(cluster.target, current="v2", surge=share(replicas, percent))
    for _ in range(300):
        cluster.operate(cut=random.randrange(6))
        cluster.step()
    cluster.run(50)
    old = [pod for pod in cluster.pods if pod.set_name == "v1"]
    assert {pod.name: sorted(pod.sessions) for pod in old} == before
    assert all(pod.marks.stage is Stage.SERVING for pod in old)
    cluster.target = replace(cluster.target, current="v1")
    cluster.run(50)
    assert {pod.name: sorted(pod.sessions) for pod in cluster.pods} == before, "applying the old spec again reverts it"


@given(random=SEEDS, replicas=st.integers(1, 8), pods=st.integers(1, 2), fails=st.booleans())
def test_a_trial_moves_nobody_and_ends_by_itself_or_never(
    random: Random, replicas: int, pods: int, fails: bool
) -> None:
    min_ready, most = 20, share(replicas, 25)
    pods = min(pods, most)
    cluster = serving(random, replicas, replicas * CAPACITY // 2)
    before, cluster.now = {pod.name: sorted(pod.sessions) for pod in cluster.pods}, 100
    cluster.target = Target(replicas, "v2", most, canary=Canary(pods, min_ready, 0))
    began = None
    for _ in range(150):
        cluster.operate(cut=random.randrange(6))
        cluster.now += random.random()
        cluster.step()
        new = [pod for pod in cluster.pods if pod.set_name == "v2"]
        ready = [pod.marks.ready_since for pod in new if pod.marks.ready_since is not None]
        if fails and ready and not any(pod.marks.restarts for pod in new):
            cluster.restart(new[0])
        began = began or (min(ready) if ready else None)
        if began is None or cluster.now - began < min_ready:
            assert len(new) <= pods
            assert {pod.name: sorted(pod.sessions) for pod in cluster.pods if pod.set_name == "v1"} == before
    if fails and pods == 1:
        assert {pod.name: sorted(pod.sessions) for pod in cluster.pods if pod.set_name == "v1"} == before
        cluster.target = replace(cluster.target, current="v1")
        cluster.run(50)
        assert {pod.name for pod in cluster.pods} == set(before), "applying the old spec again ends it"
    elif not fails:
        for _ in range(2 * min_ready):
            cluster.operate()
            cluster.now += 1
            cluster.settle()
        cluster.run(100)
        assert {pod.set_name for pod in cluster.pods} == {"v2"}
    assert cluster.sessions() == sorted(one for some in before.values() for one in some)
    assert cluster.killed == []


@given(random=SEEDS, replicas=st.integers(2, 8), left=st.integers(1, 7))
def test_load_that_returns_brings_the_fullest_pods_back(random: Random, replicas: int, left: int) -> None:
    cluster = serving(random, replicas, replicas * CAPACITY // 2)
    cluster.target = replace(cluster.target, replicas=min(left, replicas - 1))
    for _ in range(3):
        cluster.operate()
    cluster.target = replace(cluster.target, replicas=replicas)
    names = {pod.name for pod in cluster.pods}
    cluster.run(50)
    assert {pod.name for pod in cluster.pods} == names, "no pod was made or removed"
    assert all(pod.marks.stage is Stage.SERVING and not pod.cordoned for pod in cluster.pods)


@given(random=SEEDS, replicas=st.integers(2, 6))
def test_pods_whose_clients_do_not_move_are_kept_or_go_as_the_policy_says(random: Random, replicas: int) -> None:
    cluster = serving(random, replicas, replicas * 4)
    cluster.timeout = 5
    cluster.target = replace(cluster.target, replicas=1)
    for _ in range(30):
        cluster.operate()
        cluster.endpoints()
        for name in cluster.sets:
            cluster.replica_set(name)
        cluster.now += 1
    held = [pod.name for pod in cluster.pods if pod.sessions and pod.marks.stage is Stage.DRAINING]
    assert {pod.name for pod in cluster.plan().steps.overdue} == set(held)
    cluster.force = True
    cluster.run(50)
    assert len(cluster.pods) == 1
    assert len(cluster.sessions()) == replicas * 4
