"""A fleet's objects, on an API server in memory."""

from typing import Any

import pytest
from tests.unit.operator.contexts import context
from tests.unit.operator.examples import pod, resource
from tests.unit.operator.kube.fake import FakeKube, refusal

from switchboard_crds import names
from switchboard_operator.kinds import OWNED, api_of_kind
from switchboard_operator.kube import ApiError, UnavailableError
from switchboard_operator.kube.resources import CONFIG_MAP, DEPLOYMENT, POD, SECRET
from switchboard_operator.turn.reconciler import RETRY_SECONDS, FleetReconciler

FLEETS = api_of_kind(names.TURN_FLEET)
REGIONS = [{"name": "north"}]


class Room:
    """One fleet, its reconciler and the API server."""

    def __init__(self) -> None:
        self.kube = FakeKube(resource("TurnFleet", "relays", regions=REGIONS))
        self.context = context(self.kube)
        self._reconciler = FleetReconciler(self.context, "turn:1")

    async def reconcile(self) -> float | None:
        return await self._reconciler.reconcile("web", "relays")

    def condition(self, kind: str) -> Any:
        found = self.kube.found(FLEETS, "relays")["status"]["conditions"]
        return next(condition for condition in found if condition["type"] == kind)

    def refer(self, pool: str, *fleets: str) -> None:
        spec = {"environment": "Development", "turnRefs": [{"name": name} for name in fleets]}
        self.kube.change(resource("SignalingPool", pool, **spec))


@pytest.fixture
def room() -> Room:
    return Room()


async def test_the_objects_of_a_fleet_are_created_once(room: Room) -> None:
    assert await room.reconcile() is None
    assert [one["metadata"]["name"] for one in room.kube.of(DEPLOYMENT)] == ["relays-turn-north"]
    assert room.condition("ObjectsApplied")["status"] == "True"
    assert room.condition("ServersHealthy")["reason"] == "Starting"
    room.kube.calls.clear()
    await room.reconcile()
    assert room.kube.writes == []


async def test_a_manual_change_is_reverted(room: Room) -> None:
    await room.reconcile()
    changed = room.kube.of(CONFIG_MAP)[0]
    changed["data"]["turnserver.conf"] = "no-auth"
    changed["metadata"]["resourceVersion"] = "1000"
    room.kube.show(room.context.store, CONFIG_MAP)
    await room.reconcile()
    assert "no-auth\n" not in room.kube.of(CONFIG_MAP)[0]["data"]["turnserver.conf"]
    assert room.kube.of(CONFIG_MAP)[0]["data"]["turnserver.conf"] != "no-auth"


async def test_the_deployment_of_a_removed_region_is_deleted(room: Room) -> None:
    await room.reconcile()
    room.kube.change(resource("TurnFleet", "relays", regions=[{"name": "south"}]))
    await room.reconcile()
    assert [one["metadata"]["name"] for one in room.kube.of(DEPLOYMENT)] == ["relays-turn-south"]


async def test_running_servers_make_the_fleet_ready(room: Room) -> None:
    await room.reconcile()
    labels = room.kube.of(DEPLOYMENT)[0]["spec"]["template"]["metadata"]["labels"]
    room.kube.change(pod("a", ready=True, labels=labels, podIP="198.51.100.7", phase="Running"))
    room.kube.change(pod("b", labels=labels, podIP="198.51.100.7", phase="Failed", reason="Evicted"))
    room.kube.show(room.context.store, POD)
    await room.reconcile()
    assert room.condition("Ready")["status"] == "True"
    servers = room.kube.found(FLEETS, "relays")["status"]["servers"]
    assert [server["name"] for server in servers] == ["a"], "an evicted pod is no server"


async def test_each_pool_with_a_reference_to_the_fleet_has_a_secret_that_pods_receive_at_once(room: Room) -> None:
    await room.reconcile()
    before = dict(room.kube.of(SECRET)[0]["data"])
    labels = room.kube.of(DEPLOYMENT)[0]["spec"]["template"]["metadata"]["labels"]
    room.kube.change(pod("a", labels=labels))
    room.kube.show(room.context.store, POD)
    room.refer("calls", "relays")
    room.refer("talks", "others")
    await room.reconcile()
    after = room.kube.of(SECRET)[0]
    assert len(after["data"]) == len(before) + 1
    annotations = room.kube.found(POD, "a")["metadata"]["annotations"]
    assert annotations[names.ANNOTATION_CONFIG_HASH] == after["metadata"]["annotations"][names.ANNOTATION_APPLIED_HASH]


async def test_a_pool_that_cannot_be_read_keeps_its_secret_and_stops_no_fleet(room: Room) -> None:
    room.refer("calls", "relays")
    await room.reconcile()
    before = dict(room.kube.of(SECRET)[0]["data"])
    room.kube.change(resource("SignalingPool", "calls", turnRefs="relays"))
    room.kube.change(resource("TurnFleet", "relays", regions=[{"name": "south"}]))
    assert await room.reconcile() is None
    assert room.kube.of(SECRET)[0]["data"] == before
    assert [one["metadata"]["name"] for one in room.kube.of(DEPLOYMENT)] == ["relays-turn-south"]


async def test_a_name_conflict_sets_a_condition_and_is_checked_again(room: Room) -> None:
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "relays-turn", "namespace": "web"}}
    room.kube.change(taken)
    assert await room.reconcile() == RETRY_SECONDS
    assert room.condition("ObjectsApplied")["reason"] == "NameTaken"
    assert room.condition("Ready")["status"] == "False"
    assert "ownerReferences" not in room.kube.of(CONFIG_MAP)[0]["metadata"]


async def test_a_refusal_sets_a_condition(room: Room) -> None:
    room.kube.failures["PATCH deployments"] = refusal(422, "Invalid", "spec.replicas: too many")
    assert await room.reconcile() == RETRY_SECONDS
    assert "spec.replicas: too many" in room.condition("ObjectsApplied")["message"]


@pytest.mark.parametrize("error", [refusal(500), refusal(409), UnavailableError("no answer")])
async def test_a_temporary_error_is_raised_and_retried(room: Room, error: Exception) -> None:
    room.kube.failures["PATCH deployments"] = error
    with pytest.raises((ApiError, UnavailableError)):
        await room.reconcile()
    room.kube.failures.clear()
    await room.reconcile()
    assert room.condition("ObjectsApplied")["status"] == "True"


async def test_a_deleted_fleet_is_left_to_the_garbage_collector(room: Room) -> None:
    going = room.kube.found(FLEETS, "relays")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await room.reconcile() is None
    room.kube.remove(FLEETS, "relays")
    assert await room.reconcile() is None
    assert room.kube.writes == []
    assert [obj for api in OWNED for obj in room.kube.of(api)] == []
