"""What the sampler asks, remembers, and wakes a pool for; the clock of its pauses is not tested."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.operator.examples import pod, pool
from tests.unit.operator.pools.world import FakePods

from switchboard_crds import names
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD
from switchboard_operator.owned.owner import OwnerKey, owner_key
from switchboard_operator.pools import sampler
from switchboard_operator.pools.pods import Access
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.pools.samples import PoolObservation, SampleHistory
from switchboard_operator.pools.wakeups import Considered

ACCESS = Access("token", "certificate")
KEY = ("SignalingPool", "web", "calls")
CONSIDERED = Considered(desired=1, sessions=2, capacity=200, reported_at=1e12)
"""All that two pods with a session each come to."""


def running(name: str, version: int = 1, **status: Any) -> Any:
    labels = {names.SIGNALING_POOL.label: "calls", names.LABEL_IN_SERVICE: "true"}
    found = pod(name, ready=True, labels=labels, podIP="10.0.0.1", **status)
    found["metadata"] |= {"resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**found, "spec": {"nodeName": "n1"}}


class Sampled:
    """Two pods with a session each."""

    def __init__(self) -> None:
        self.client, self.unschedulable = FakePods(), set[str]()
        self.store: ObjectStore[OwnerKey] = ObjectStore(owner_key)
        self.woken: asyncio.Queue[OwnerKey] = asyncio.Queue()
        client: Any = self.client
        self.sampler = Sampler(self.store, client, self.unschedulable, self.woken.put_nowait)
        for name in ("a", "b"):
            self.store.put(POD, running(name))
            self.client.holds(name, 1)

    async def enter(self, spec: SignalingPool | None = None, considered: Considered = CONSIDERED) -> None:
        await self.sampler.track(spec or pool(), ACCESS)
        self.sampler.consider(KEY, considered, moving=False)

    @property
    def history(self) -> SampleHistory:
        return self.sampler.history(KEY)

    @property
    def newest(self) -> PoolObservation:
        return self.history.observations[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.sampler.run())
        yield
        task.cancel()
        await asyncio.wait([task])

    async def wakes(self) -> OwnerKey:
        return await asyncio.wait_for(self.woken.get(), 5)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Sampled:
    for name in ("TICK_SECONDS", "MOVING_SECONDS", "CHANGING_SECONDS", "REST_SECONDS"):
        monkeypatch.setattr(sampler, name, 0.0)
    return Sampled()


async def test_samples_are_kept_and_a_missing_one_is_not_zero(world: Sampled) -> None:
    del world.client.samples["b"]
    await world.enter()
    [observation] = world.history.observations
    assert [(one.name, one.ready, one.sessions) for one in observation.pods] == [("a", True, 1), ("b", True, None)]
    assert world.history.sample("uid-of-a", 0.0) is not None
    assert world.history.sample("uid-of-b", 0.0) is None


async def test_a_pool_that_is_not_sampled_has_no_history(world: Sampled) -> None:
    await world.sampler.refresh(KEY)
    await world.sampler.poll(KEY)
    world.sampler.record(KEY, "uid-of-a", world.client.samples["a"])
    world.sampler.consider(KEY, CONSIDERED, moving=True)
    assert world.history == SampleHistory()
    await world.enter()
    assert world.history.observations
    world.sampler.untrack(KEY)
    assert world.history == SampleHistory()


async def test_a_pool_with_recent_samples_is_not_sampled_for_a_reconciliation(world: Sampled) -> None:
    await world.enter()
    await world.enter()
    assert len(world.history.observations) == 1


async def test_each_observation_updates_the_load_at_once(world: Sampled) -> None:
    await world.enter()
    assert world.history.load.desired is None, "nothing asks for it"
    await world.enter(pool(autoscaling={"maxReplicas": 9, "targetSessionsPerPod": 1}))
    assert world.history.load.desired == 2, "with what was observed before"
    world.client.holds("a", 3)
    await world.sampler.refresh(KEY)
    assert (world.history.load.desired, world.history.load.history.t) == (4, world.newest.at)


async def test_the_answer_of_a_pod_to_a_command_is_kept(world: Sampled) -> None:
    await world.enter()
    world.client.holds("a", 1, cordoned=True)
    world.sampler.record(KEY, "uid-of-a", world.client.samples["a"])
    assert world.history.newest["uid-of-a"].cordoned


async def test_a_pool_is_sampled_continuously_and_reconciled_after_changes(world: Sampled) -> None:
    await world.enter()
    async with world.running():
        async with asyncio.timeout(5):
            while len(world.history.observations) < 3:  # noqa: ASYNC110 - the sampler tells nobody
                await asyncio.sleep(0)
        assert world.woken.empty(), "all that was considered"
        await world.enter(pool(replicas=3))
        assert await world.wakes() == KEY


async def test_a_cordoned_node_triggers_the_reconciliation_of_its_pools(world: Sampled) -> None:
    await world.enter()
    async with world.running():
        world.unschedulable.add("n1")
        assert await world.wakes() == KEY
    assert world.newest.evacuated == {"uid-of-a", "uid-of-b"}


async def test_an_error_in_one_pools_decision_does_not_stop_the_sampler(
    world: Sampled, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge, faults = sampler.needs_reconciliation, 3

    def faulty(*arguments: Any) -> bool:
        nonlocal faults
        faults -= 1
        if faults >= 0:
            raise ZeroDivisionError
        return judge(*arguments)

    monkeypatch.setattr(sampler, "needs_reconciliation", faulty)
    await world.enter(pool(replicas=3))
    async with world.running():
        assert await world.wakes() == KEY
    assert faults < 0


async def test_only_pods_in_service_can_carry_sessions(world: Sampled) -> None:
    cordoned = running("b", 2)
    cordoned["metadata"]["labels"][names.LABEL_IN_SERVICE] = "false"
    world.store.put(POD, cordoned)
    await world.enter()
    assert (world.newest.sessions, world.newest.total_capacity) == (2, 100)
