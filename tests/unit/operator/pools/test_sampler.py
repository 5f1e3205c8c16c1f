"""What the sampler asks, remembers, and wakes a pool for; the clock of its pauses is not tested."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.unit.operator.examples import pod
from tests.unit.operator.pools.pods import sample

from switchboard_crds import names
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import POD
from switchboard_operator.owned.owner import OwnerKey, owner_key
from switchboard_operator.pools import sampler
from switchboard_operator.pools.pods import Access, PodEndpoint, PodError
from switchboard_operator.pools.sampler import Sampler, Watched
from switchboard_operator.pools.samples import Sample, SampleHistory

ACCESS = Access("token", "certificate")
KEY = ("SignalingPool", "web", "calls")


class FakeClient:
    """Pods that say how many sessions they have."""

    def __init__(self) -> None:
        self.sessions: dict[str, int] = {}

    async def sample(self, place: PodEndpoint) -> Sample:
        assert place.access == ACCESS
        if place.pod not in self.sessions:
            raise PodError("silent")
        return sample(self.sessions[place.pod], at=1e12)


def running(name: str, version: int = 1, **status: Any) -> Any:
    labels = {names.SIGNALING_POOL.label: "calls", names.LABEL_IN_SERVICE: "true"}
    found = pod(name, ready=True, labels=labels, podIP="10.0.0.1", **status)
    found["metadata"] |= {"resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**found, "spec": {"nodeName": "n1"}}


class World:
    def __init__(self) -> None:
        self.client, self.store, self.closed = FakeClient(), ObjectStore(owner_key), set[str]()
        self.woken: asyncio.Queue[OwnerKey] = asyncio.Queue()
        self.desired, self.uneven = 0, False
        self.sampler = Sampler(self.store, self.client, self.closed, self.woken.put_nowait)  # type: ignore[arg-type]
        for name in ("a", "b"):
            self.store.put(POD, running(name))
            self.client.sessions[name] = 1

    def enter(self) -> Watched:
        return self.sampler.enter(KEY, ACCESS, lambda _history: self.desired, lambda _history: self.uneven)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.sampler.run())
        yield
        task.cancel()
        await asyncio.wait([task])

    async def wakes(self) -> OwnerKey:
        return await asyncio.wait_for(self.woken.get(), 5)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    for name in ("TICK_SECONDS", "MOVING_SECONDS", "REST_SECONDS"):
        monkeypatch.setattr(sampler, name, 0.0)
    return World()


async def test_what_pods_say_is_remembered_and_silence_is_not_zero(world: World) -> None:
    watched = world.enter()
    del world.client.sessions["b"]
    await world.sampler.refresh(KEY)
    [observation] = watched.history.observations
    assert [(one.name, one.ready, one.sessions) for one in observation.pods] == [("a", True, 1), ("b", True, None)]
    assert watched.history.sample("uid-of-a", 0.0) is not None
    assert watched.history.sample("uid-of-b", 0.0) is None


async def test_a_pool_that_is_not_sampled_has_no_history(world: World) -> None:
    await world.sampler.refresh(KEY)
    assert world.sampler.history(KEY) == SampleHistory()
    watched = world.enter()
    assert world.sampler.history(KEY) is watched.history
    world.sampler.leave(KEY)
    assert world.sampler.history(KEY) == SampleHistory()


async def test_another_decision_wakes_the_pool(world: World) -> None:
    watched = world.enter()
    watched.told, watched.reported_at = (2, 200), 1e12
    async with world.running():
        world.desired = 3
        assert await world.wakes() == KEY


async def test_sessions_that_should_move_wake_the_pool(world: World) -> None:
    watched = world.enter()
    watched.told, watched.reported_at = (2, 200), 1e12
    async with world.running():
        world.uneven = True
        assert await world.wakes() == KEY


async def test_a_load_that_becomes_unknown_wakes_the_pool(world: World) -> None:
    watched = world.enter()
    watched.told, watched.reported_at = (2, 200), 1e12
    async with world.running():
        watched.history.load.blind = True
        assert await world.wakes() == KEY


@pytest.mark.parametrize("told", [(5, 200), (2, 0)])
async def test_numbers_wake_the_pool_if_they_are_old_and_wrong(world: World, told: tuple[int, int]) -> None:
    watched = world.enter()
    watched.told, watched.reported_at = told, -1e12
    async with world.running():
        assert await world.wakes() == KEY


async def test_a_node_that_is_closed_wakes_its_pools(world: World) -> None:
    watched = world.enter()
    watched.told, watched.reported_at = (2, 200), 1e12
    async with world.running():
        world.closed.add("n1")
        assert await world.wakes() == KEY


async def test_a_fault_in_one_pools_decision_is_no_end(world: World) -> None:
    watched = world.enter()
    watched.reported_at = 1e12
    watched.judge = lambda _history: 1 // 0
    async with world.running():
        async with asyncio.timeout(5):
            while len(watched.history.observations) < 3:  # noqa: ASYNC110 - the sampler tells nobody
                await asyncio.sleep(0)
        watched.judge = lambda _history: 7
        assert await world.wakes() == KEY


async def test_only_pods_in_service_can_carry_sessions(world: World) -> None:
    watched = world.enter()
    out = running("b", 2)
    out["metadata"]["labels"][names.LABEL_IN_SERVICE] = "false"
    world.store.put(POD, out)
    await world.sampler.refresh(KEY)
    [observation] = watched.history.observations
    assert (observation.sessions, observation.carries) == (2, 100)
