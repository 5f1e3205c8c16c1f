"""What the reconcilers of all kinds have in common, each run against a server of Kubernetes objects in memory."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.unit.operator.examples import KEYS, metadata

from switchboard_crds import names
from switchboard_operator.context import Context
from switchboard_operator.kube.events import Recorder
from switchboard_operator.kube.informer import ObjectStore
from switchboard_operator.kube.resources import Api
from switchboard_operator.owned.owner import owner_key
from switchboard_operator.owned.references import References
from switchboard_operator.pools.reconciler import PoolReconciler
from switchboard_operator.pools.state import Moved
from switchboard_operator.redis.reconciler import ClusterReconciler
from switchboard_operator.status.writer import StatusWriter
from switchboard_operator.turn.reconciler import FleetReconciler

Reconcile = Callable[[str, str], Awaitable[float | None]]
SPECS: dict[str, dict[str, Any]] = {
    "SignalingPool": {"environment": "Development"},
    "TurnFleet": {"regions": [{"name": "north"}]},
    "RedisCluster": {},
}


class FakeKube:
    """Keeps objects by kind and name."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], Any] = {}
        self.version = 0

    async def get(self, api: Api, _namespace: str, name: str) -> Any:
        return copy.deepcopy(self.objects.get((api.kind, name)))

    async def list(self, api: Api, _namespace: str) -> Any:
        return [copy.deepcopy(obj) for (kind, _), obj in self.objects.items() if kind == api.kind], "1"

    async def apply(self, api: Api, obj: Any, subresource: str | None = None) -> Any:
        name = obj["metadata"]["name"]
        found = self.objects.setdefault((api.kind, name), {"metadata": {"uid": f"uid-of-{name}"}})
        self.version += 1
        found["metadata"]["resourceVersion"] = str(self.version)
        if subresource:
            found[subresource] = obj[subresource]
        else:
            found |= {**obj, "metadata": {**found["metadata"], **obj["metadata"]}}
        return copy.deepcopy(found)

    async def request(self, *_: Any, **__: Any) -> Any:
        """Accept an event."""

    def make(self, kind: str, **spec: Any) -> Any:
        """Apply a resource of ours as its user does; its status stays."""
        found = self.objects.setdefault((kind, "it"), {"apiVersion": names.API_VERSION, "kind": kind})
        found |= {"metadata": metadata("it"), "spec": {**SPECS[kind], **spec}}
        return found


class FakeMover:
    """Notes which image the pool's revision has."""

    def __init__(self) -> None:
        self.image = ""

    def look(self, *_: Any) -> Moved:
        return Moved()

    async def move(self, _live: Any, _pool: Any, revision: Any) -> Moved:
        self.image = revision.template["spec"]["containers"][0]["image"]
        return Moved()


class Room:
    """One kind's reconciler with a server of its own."""

    def __init__(self, kind: str) -> None:
        self.kind, self.kube, self.mover = kind, FakeKube(), FakeMover()
        kube: Any = self.kube
        recorder = Recorder(kube, "switchboard.dev/operator", "operator-1")
        self.context = Context(kube, ObjectStore(owner_key), KEYS, StatusWriter(kube, recorder), recorder, References())

    def reconciler(self, default: str) -> Reconcile:
        """Return the reconciler of an operator with this default image."""
        mover: Any = self.mover
        make: dict[str, Callable[[], Reconcile]] = {
            "SignalingPool": lambda: PoolReconciler(self.context, default, lambda _key: None, mover).reconcile,
            "TurnFleet": lambda: FleetReconciler(self.context, default).reconcile,
            "RedisCluster": lambda: ClusterReconciler(self.context, default, "system").reconcile,
        }
        return make[self.kind]()

    async def image(self, default: str, **spec: Any) -> str:
        """Apply the spec, reconcile it, and return the image that new pods run."""
        live = self.kube.make(self.kind, **spec)
        await self.reconciler(default)("web", "it")
        status, workloads = (
            live["status"],
            [obj for (kind, _), obj in self.kube.objects.items() if kind in {"Deployment", "StatefulSet"}],
        )
        used = {obj["spec"]["template"]["spec"]["containers"][0]["image"] for obj in workloads} or {self.mover.image}
        assert used == {status["image"]}
        return str(status["image"])


@pytest.fixture(params=SPECS)
def room(request: pytest.FixtureRequest) -> Room:
    return Room(request.param)


async def test_an_image_that_the_spec_names_no_more_gives_way_to_the_default(room: Room) -> None:
    assert await room.image("default:1") == "default:1"
    assert await room.image("default:1", image="wrong:1") == "wrong:1"
    assert await room.image("default:1") == "default:1"


async def test_an_image_that_a_resource_was_made_with_can_be_taken_back(room: Room) -> None:
    assert await room.image("default:1", image="wrong:1") == "wrong:1"
    assert await room.image("default:2") == "default:1"


async def test_a_new_default_of_the_operator_changes_no_resource_that_there_is(room: Room) -> None:
    await room.image("default:1")
    assert await room.image("default:2") == "default:1"
    room.kube.objects[room.kind, "it"]["status"].pop("defaultImage", None)
    assert await room.image("default:2") == "default:1", "nor one that an older operator made"
