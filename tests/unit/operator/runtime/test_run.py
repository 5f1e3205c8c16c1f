"""The order in which a replica starts, stops and fails; kopf and what the leader does are played by the tests."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.unit.operator.examples import resource
from tests.unit.operator.kube import fake
from tests.unit.operator.kube.lease_server import FakeKube

from switchboard_crds import names
from switchboard_operator.kinds import OWNED, api_of_kind
from switchboard_operator.kube.lease import Timing
from switchboard_operator.kube.resources import ENDPOINT_SLICE, LEASE, POD
from switchboard_operator.runtime import kopf_app
from switchboard_operator.runtime import run as run_module
from switchboard_operator.runtime.run import Operator, OperatorError
from switchboard_operator.runtime.settings import OperatorSettings

FAST = Timing(duration=0.4, renew=0.2, retry=0.02)
SETTINGS = OperatorSettings.model_construct(
    namespace="system",
    pod="operator-1",
    lease="switchboard",
    watch_namespaces=(),
    signaling_image="signaling:1",
    turn_image="turn:1",
    redis_image="valkey:1",
    port=0,  # a free one
)

Watch = Callable[[asyncio.Event, asyncio.Event], Awaitable[None]]
"""What kopf does, given its stop flag and its ready flag."""


class Server(FakeKube):
    """The server of the Lease, as the operator's client."""

    bug: Exception | None = None
    """Raised by the next request."""

    async def request(self, *arguments: Any, **options: Any) -> Any:
        bug, self.bug = self.bug, None
        if bug:
            raise bug
        return await super().request(*arguments, **options)

    def credentials(self) -> None:
        """Stand for what is handed to kopf."""


class World:
    """One replica with its environment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kube = Server()
        self.watch: Watch = until_stopped
        self.act: Callable[[], Awaitable[None]] = forever
        self.acting, self.begun = False, 0
        self.acts = asyncio.Event()
        world = self

        async def watch(*arguments: Any) -> None:
            await world.watch(*arguments[-2:])

        async def act(*_: Any) -> None:
            world.acting, world.begun = True, world.begun + 1
            world.acts.set()
            try:
                await world.act()
            finally:
                world.acting = False

        monkeypatch.setattr(kopf_app, "watch", watch)
        monkeypatch.setattr(Operator, "_act", act)

    async def run(self) -> None:
        kube: Any = self.kube
        async with asyncio.timeout(10):
            await Operator(kube, SETTINGS, FAST).run()

    def assert_stopped(self) -> None:
        """Check that nothing acts any more and that another replica may lead at once."""
        assert not self.acting
        assert self.kube.holder is None, "the Lease is given back"
        assert REGISTRY.get_sample_value("switchboard_operator_leading") == 0


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def forever() -> None:
    await asyncio.Event().wait()


async def until_stopped(stop: asyncio.Event, ready: asyncio.Event) -> None:
    ready.set()
    await stop.wait()


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


async def test_a_replica_that_gets_a_signal_stops_reconciling_and_releases_the_lease(world: World) -> None:
    running = asyncio.create_task(world.run())
    await world.acts.wait()
    assert REGISTRY.get_sample_value("switchboard_operator_leading") == 1
    terminate()
    await running
    world.assert_stopped()


async def test_an_error_of_kopf_releases_the_lease_and_ends_the_process(world: World) -> None:
    async def watch(_stop: asyncio.Event, ready: asyncio.Event) -> None:
        ready.set()
        await world.acts.wait()
        raise RuntimeError("the resource is gone")

    world.watch = watch
    with pytest.raises(OperatorError, match=r"Task kopf failed: .*the resource is gone.*Remedy"):
        await world.run()
    assert world.begun == 1
    world.assert_stopped()


async def test_a_bug_of_the_acting_task_ends_the_process(world: World) -> None:
    async def act() -> None:
        if world.begun < 3:  # a bug that goes on would keep the old way of dealing with it busy for ever
            raise ValueError("a bug")
        terminate()
        await forever()

    world.act = act
    with pytest.raises(OperatorError, match=r"Task acting failed: ValueError\('a bug'\).*Remedy"):
        await world.run()
    assert world.begun == 1
    world.assert_stopped()


async def test_a_bug_of_the_election_ends_the_process(world: World) -> None:
    async def act() -> None:
        world.kube.bug = ValueError("a bug")
        await forever()

    world.act = act
    with pytest.raises(OperatorError, match="Task lease failed"):
        await world.run()
    world.assert_stopped()


async def test_an_error_of_kopf_during_the_shutdown_releases_the_lease(world: World) -> None:
    async def watch(stop: asyncio.Event, ready: asyncio.Event) -> None:
        ready.set()
        await stop.wait()
        raise RuntimeError("the connection was reset")

    world.watch = watch
    running = asyncio.create_task(world.run())
    await world.acts.wait()
    terminate()
    await running
    world.assert_stopped()


async def test_a_signal_during_the_start_of_kopf_ends_the_replica(world: World) -> None:
    async def watch(_stop: asyncio.Event, _ready: asyncio.Event) -> None:
        await world.acts.wait()
        if world.begun > 1:
            terminate()  # it leads again; end the test

    world.watch = watch
    await world.run()
    assert world.begun == 1
    world.assert_stopped()


async def test_a_replica_that_loses_the_lease_stops_acting_and_leads_again_later(world: World) -> None:
    stopped = asyncio.Event()

    async def act() -> None:
        world.kube.down = world.begun == 1
        try:
            await forever()
        finally:
            world.kube.down = False
            world.acts.clear()
            stopped.set()

    world.act = act
    running = asyncio.create_task(world.run())
    await stopped.wait()
    await world.acts.wait()
    assert world.begun == 2
    terminate()
    await running
    world.assert_stopped()


FLEETS = api_of_kind(names.TURN_FLEET)


class Leader:
    """One replica that really acts, on an API server in memory; kopf reports one fleet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kube = fake.FakeKube(resource("TurnFleet", "relays", regions=[{"name": "north"}]))
        self.operator = Operator(self.kube, SETTINGS)
        monkeypatch.setattr(kopf_app, "watch", self._watch)

    async def _watch(self, *arguments: Any) -> None:
        *_, on_change, stop, ready = arguments
        ready.set()
        on_change(("TurnFleet", "web", "relays"))
        await stop.wait()

    async def reconciled(self) -> None:
        """Wait until the fleet has a status."""
        async for event in self.kube.watch(FLEETS, None, "", "0"):
            if "status" in event["object"]:
                return

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():  # noqa: ASYNC110 (nothing tells when)
            await asyncio.sleep(0)


@pytest.fixture
async def leader(monkeypatch: pytest.MonkeyPatch) -> Leader:
    return Leader(monkeypatch)


async def test_a_leader_lists_everything_before_it_writes_and_releases_the_lease(leader: Leader) -> None:
    running = asyncio.create_task(leader.operator.run())
    async with asyncio.timeout(30):
        await leader.reconciled()
        terminate()
        await running
    calls = [call for call in leader.kube.calls if "leases/" not in call]
    first_write = next(index for index, call in enumerate(calls) if not call.startswith("GET"))
    listed = {f"GET {api.plural}" for api in (*OWNED, POD, ENDPOINT_SLICE)}
    assert listed <= set(calls[:first_write])
    assert calls[first_write] == "POST secrets/switchboard-key", "the root key comes before all that derives from it"
    assert leader.kube.found(LEASE, "switchboard", "system")["spec"]["holderIdentity"] is None


async def test_a_leader_that_cannot_list_is_not_ready_and_logs_the_reason(
    leader: Leader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "SYNC_SECONDS", 0)
    leader.kube.failures["GET pods$"] = fake.refusal(403, "Forbidden")
    assert leader.operator._ready() is None, "a replica that waits for the Lease can take over"
    running = asyncio.create_task(leader.operator.run())
    async with asyncio.timeout(30):
        await leader.until(leader.operator._ready)
        assert "cannot be listed" in str(leader.operator._ready())
        leader.kube.failures.clear()
        await leader.reconciled()
        assert leader.operator._ready() is None
        terminate()
        await running


async def test_a_leader_waits_for_its_root_key(leader: Leader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "KEY_SECONDS", 0)
    leader.kube.failures["POST secrets"] = fake.refusal(403, "Forbidden")
    running = asyncio.create_task(leader.operator.run())
    async with asyncio.timeout(30):
        await leader.until(lambda: leader.kube.calls.count("POST secrets/switchboard-key") > 1)
        assert not [call for call in leader.kube.writes if call.startswith("PATCH")]
        leader.kube.failures.clear()
        await leader.reconciled()
        terminate()
        await running
