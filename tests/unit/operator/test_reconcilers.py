"""What the reconcilers of all kinds have in common, each run against a server of Kubernetes objects in memory."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.operator.contexts import context
from tests.unit.operator.examples import resource
from tests.unit.operator.kube.fake import FakeKube

from switchboard_operator.kube.resources import DEPLOYMENT, REPLICA_SET, STATEFUL_SET
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.pods import PodClient
from switchboard_operator.pools.reconciler import PoolReconciler
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.redis.reconciler import ClusterReconciler
from switchboard_operator.turn.reconciler import FleetReconciler

Reconcile = Callable[[str, str], Awaitable[float | None]]
SPECS: dict[str, dict[str, Any]] = {
    "SignalingPool": {"environment": "Development"},
    "TurnFleet": {"regions": [{"name": "north"}]},
    "RedisCluster": {},
}


def _ignore(_key: OwnerKey) -> None:
    """Wake nothing."""


class Room:
    """One kind's reconciler with a server of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.context = context(FakeKube())

    def reconciler(self, default: str) -> Reconcile:
        """Return the reconciler of an operator with this default image."""
        client, nodes = PodClient(1), Nodes()
        sampler = Sampler(self.context.store, client, nodes.unschedulable, _ignore)
        pools = PoolReconciler(self.context, default, _ignore, client, sampler, nodes)
        make: dict[str, Callable[[], Reconcile]] = {
            "SignalingPool": lambda: pools.reconcile,
            "TurnFleet": lambda: FleetReconciler(self.context, default).reconcile,
            "RedisCluster": lambda: ClusterReconciler(self.context, default, "system").reconcile,
        }
        return make[self.kind]()

    @property
    def kube(self) -> FakeKube:
        found = self.context.kube
        assert isinstance(found, FakeKube)
        return found

    @property
    def live(self) -> Any:
        """The resource as the server has it."""
        return next(obj for obj in self.kube.objects.values() if obj["kind"] == self.kind)

    def make(self, **spec: Any) -> None:
        """Apply the resource as its user does; its status stays."""
        self.kube.change(resource(self.kind, "it", **SPECS[self.kind], **spec))

    async def image(self, default: str, **spec: Any) -> str:
        """Apply the spec, reconcile it, and return the image that new pods run."""
        self.make(**spec)
        await self.reconciler(default)("web", "it")
        status, workloads = self.live["status"], [*self.kube.of(DEPLOYMENT), *self.kube.of(STATEFUL_SET)]
        if "revision" in status:
            workloads = [self.kube.found(REPLICA_SET, f"it-{status['revision']}")]
        used = {obj["spec"]["template"]["spec"]["containers"][0]["image"] for obj in workloads}
        assert used == {status["image"]}
        return str(status["image"])


@pytest.fixture(params=SPECS)
def room(request: pytest.FixtureRequest) -> Room:
    return Room(request.param)


async def test_the_default_image_returns_when_the_spec_omits_the_image(room: Room) -> None:
    assert await room.image("default:1") == "default:1"
    assert await room.image("default:1", image="wrong:1") == "wrong:1"
    assert await room.image("default:1") == "default:1"


async def test_the_image_of_a_new_resource_can_be_reverted(room: Room) -> None:
    assert await room.image("default:1", image="wrong:1") == "wrong:1"
    assert await room.image("default:2") == "default:1"


async def test_a_new_default_image_does_not_change_existing_resources(room: Room) -> None:
    await room.image("default:1")
    assert await room.image("default:2") == "default:1"
    room.live["status"].pop("defaultImage", None)
    assert await room.image("default:2") == "default:1", "nor one that an older operator made"


async def test_a_resource_that_cannot_be_read_says_so_and_keeps_all_that_it_has(room: Room) -> None:
    await room.image("default:1")
    before = dict(room.live["status"])
    spec = {**SPECS[room.kind], "image": 7}
    room.kube.change(resource(room.kind, "it", **spec))
    room.kube.calls.clear()
    assert await room.reconciler("default:1")("web", "it") is None
    after, live = room.live["status"], room.live
    [ready] = [condition for condition in after["conditions"] if condition["type"] == "Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "Unreadable")
    assert ready["message"].startswith("The operator cannot read spec.image: ")
    assert ready["observedGeneration"] == after["observedGeneration"] == live["metadata"]["generation"]
    kept = {key for key in before if key not in {"conditions", "observedGeneration"}}
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
    others = [condition for condition in before["conditions"] if condition["type"] != "Ready"]
    assert [condition for condition in after["conditions"] if condition["type"] != "Ready"] == others
    written = [call for call in room.kube.writes if not call.startswith("POST events")]
    assert len(written) == 1, "only the status is written"
    room.kube.calls.clear()
    await room.reconciler("default:1")("web", "it")
    assert room.kube.writes == []


async def test_a_resource_that_can_be_read_again_is_served_again(room: Room) -> None:
    room.kube.change(resource(room.kind, "it", **SPECS[room.kind], image=7))
    await room.reconciler("default:1")("web", "it")
    assert await room.image("default:1") == "default:1"
    [ready] = [condition for condition in room.live["status"]["conditions"] if condition["type"] == "Ready"]
    assert ready["reason"] != "Unreadable"
