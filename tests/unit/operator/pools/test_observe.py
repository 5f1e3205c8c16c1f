from tests.unit.operator.examples import going
from tests.unit.operator.pools.world import FRESH, World

from switchboard_crds import names
from switchboard_operator.kube.resources import NODE, POD, REPLICA_SET
from switchboard_operator.pools.objects import owner_of
from switchboard_operator.pools.observe import observe
from switchboard_operator.pools.samples import Load, SampleHistory
from switchboard_operator.pools.snapshot import Observed


async def seen(world: World, history: SampleHistory | None = None, now: float = FRESH) -> Observed:
    current = world.current["metadata"]["name"]
    return observe(world.context.store, world.nodes, history or SampleHistory(), owner_of(world.pool), current, now)


async def started() -> World:
    world = World()
    world.apply(replicas=2)
    await world.reconcile()
    return world


async def test_the_snapshot_of_a_pool_without_objects_is_empty() -> None:
    world = World()
    world.apply()
    found = observe(world.context.store, world.nodes, SampleHistory(), owner_of(world.pool), "", 0.0)
    assert found == Observed()


async def test_the_snapshot_contains_pods_with_samples_nodes_and_endpoints() -> None:
    world = await started()
    world.run_pods(a=5, b=3)
    world.offer("a")
    world.nodes.put(NODE, {"metadata": {"name": "n1", "labels": {names.TOPOLOGY_ZONE: "north"}}})
    history = SampleHistory(load=Load(desired=7))
    history.record("uid-of-a", world.pods.samples["a"])
    found = await seen(world, history)
    [pods] = found.revisions.values()
    assert [(pod.name, pod.offered, pod.zone, pod.evacuate) for pod in pods.pods] == [
        ("a", True, "north", False),
        ("b", False, "north", False),
    ]
    assert found.sessions == {"a": 5}, "b has not answered"
    assert found.load.desired == 7
    world.nodes.put(NODE, {"metadata": {"name": "n1"}, "spec": {"unschedulable": True}})
    assert (await seen(world)).outdated == 2


async def test_old_samples_are_ignored_and_terminating_pods_counted_separately() -> None:
    world = await started()
    world.run_pods(a=5)
    world.kube.change(going(world.pod("b")))
    world.kube.show(world.context.store, POD)
    history = SampleHistory()
    history.record("uid-of-a", world.pods.samples["a"])
    found = await seen(world, history, now=FRESH + 11)
    [pods] = found.revisions.values()
    assert [(pod.name, pod.sample) for pod in pods.pods] == [("a", None)]
    assert pods.ending == 1


async def test_the_snapshot_contains_only_the_pools_replica_sets_with_their_failures() -> None:
    world = await started()
    stranger = {**world.current, "metadata": {**world.current["metadata"], "name": "other", "ownerReferences": []}}
    world.kube.change(stranger)
    failing = {**world.current, "status": {"conditions": [{"type": "ReplicaFailure", "message": "exceeded quota"}]}}
    world.kube.change(failing)
    world.kube.show(world.context.store, REPLICA_SET)
    found = await seen(world)
    assert set(found.revisions) == {found.current}
    assert found.failure == "exceeded quota"
