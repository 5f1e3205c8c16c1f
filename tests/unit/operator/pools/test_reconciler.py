"""A pool's pass as a whole, on an API server in memory."""

import pytest
from tests.unit.operator.kube.fake import refusal
from tests.unit.operator.pools.world import KEY, POOL, World

from switchboard_operator.kube import ApiError
from switchboard_operator.kube.resources import POD, REPLICA_SET
from switchboard_operator.pools.reconciler import MOVING_SECONDS, RETRY_SECONDS, SOON_SECONDS


@pytest.fixture
def world() -> World:
    return World()


async def serving(world: World, replicas: int = 2, **spec: object) -> None:
    """Bring the pool to rest, with an empty pod for each replica."""
    world.apply(replicas=replicas, redisRef=None, **spec)
    await world.reconcile()
    world.run_pods(**dict.fromkeys("abcd"[:replicas], 0))
    while (await world.reconcile()) is not None:
        pass


async def test_a_deleted_pool_is_forgotten(world: World) -> None:
    await serving(world)
    assert world.sampler.history(KEY).observations
    world.kube.remove(POOL, "calls")
    assert await world.reconcile() is None
    assert not world.sampler.history(KEY).observations
    assert world.kube.writes == []


async def test_the_objects_and_pods_of_a_new_pool_are_created(world: World) -> None:
    world.apply(replicas=2)
    assert await world.reconcile() == SOON_SECONDS
    assert world.current["spec"]["replicas"] == 2
    assert world.condition("ObjectsApplied") == ("True", "Applied")
    assert world.condition("PodsReady") == ("False", "Starting")
    assert world.status["desiredReplicas"] == 2


async def test_a_settled_pool_causes_no_writes(world: World) -> None:
    await serving(world)
    assert world.condition("Ready") == ("True", "Ready")
    assert await world.reconcile() is None
    assert world.kube.writes == []


async def test_a_pod_is_drained_step_by_step_without_delays(world: World) -> None:
    await serving(world)
    world.run_pods(a=5, b=3)
    await world.sampler.refresh(KEY)
    world.apply(replicas=1)
    assert await world.reconcile() == SOON_SECONDS
    assert world.pods.orders == ["cordon b"], "the emptiest goes"
    world.offer("a")
    assert await world.reconcile() == SOON_SECONDS
    assert world.pods.orders == ["cordon b", "goaway 3 b"]
    assert await world.reconcile() == MOVING_SECONDS, "its sessions move"
    assert world.condition("Drained") == ("False", "Draining")
    world.pods.holds("b", cordoned=True)
    await world.sampler.refresh(KEY)
    assert await world.reconcile() == SOON_SECONDS
    assert world.kube.found(POD, "b")["metadata"]["annotations"]["switchboard.dev/drain"] == "Drained"
    assert await world.reconcile() == SOON_SECONDS
    assert world.current["spec"]["replicas"] == 1


async def test_a_pool_waits_for_its_redis_without_pods(world: World) -> None:
    world.apply(replicas=2, redisRef={"name": "store"})
    assert await world.reconcile() is None, "the RedisCluster wakes it"
    assert world.kube.of(REPLICA_SET) == []
    assert world.condition("PodsReady") == ("False", "WaitingForDependencies")
    assert world.condition("ObjectsApplied") == ("True", "Applied")
    assert world.events("Scaling") == []


async def test_a_refused_object_is_reported_and_pods_are_not_changed(world: World) -> None:
    await serving(world)
    world.kube.failures["PATCH services"] = refusal(422, "Invalid", "spec.ports")
    world.apply(replicas=1, service={"type": "NodePort"})
    assert await world.reconcile() == RETRY_SECONDS
    assert world.condition("ObjectsApplied") == ("False", "Refused")
    assert world.pods.orders == []
    assert world.events("Scaling") == []


async def test_a_concurrent_change_of_a_replica_set_is_no_failure(world: World) -> None:
    await serving(world)
    world.apply(replicas=4)
    world.kube.failures["PATCH replicasets"] = refusal(409, "Conflict")
    assert await world.reconcile() == SOON_SECONDS
    assert world.status["desiredReplicas"] == 4
    assert world.current["spec"]["replicas"] == 2
    world.kube.failures.clear()
    assert await world.reconcile() == SOON_SECONDS
    assert world.current["spec"]["replicas"] == 4
    assert world.events("Scaling") == ["Scaling from 2 to 4 pods: spec.replicas is 4."]


async def test_a_failed_reconciliation_is_repeated_without_an_event(world: World) -> None:
    await serving(world)
    world.apply(replicas=4)
    world.kube.failures["PATCH replicasets"] = refusal(500, "InternalError")
    for _ in range(3):
        with pytest.raises(ApiError):
            await world.reconcile()
    world.kube.failures = {"PATCH signalingpools/calls/status": refusal(500, "InternalError")}
    with pytest.raises(ApiError):
        await world.reconcile()
    assert world.events("Scaling") == []
    world.kube.failures.clear()
    await world.reconcile()
    assert world.events("Scaling") == ["Scaling from 2 to 4 pods: spec.replicas is 4."]


async def test_a_considered_change_does_not_trigger_another_reconciliation(world: World) -> None:
    await serving(world)
    world.woken.clear()
    await world.sampler.poll(KEY)
    assert world.woken == []
    world.nodes.unschedulable.add("n1")
    await world.sampler.poll(KEY)
    assert world.woken == [KEY]


async def test_changed_bounds_apply_before_the_next_sample(world: World) -> None:
    world.apply(autoscaling={"maxReplicas": 9})
    await world.reconcile()
    assert world.status["desiredReplicas"] == 1
    world.apply(autoscaling={"maxReplicas": 9, "minReplicas": 3})
    await world.reconcile()
    assert world.status["desiredReplicas"] == 3
    assert world.status["scalingDecision"].endswith("; min 3")
