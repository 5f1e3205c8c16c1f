"""A cluster's objects and commands, on an API server in memory; the Valkey nodes are played by the test."""

from dataclasses import replace
from typing import Any

import pytest
from tests.unit.operator.contexts import context
from tests.unit.operator.examples import pod, resource
from tests.unit.operator.kube.fake import FakeKube, refusal

from switchboard_crds import names
from switchboard_operator.kinds import OWNED, api_of_kind
from switchboard_operator.kube.resources import POD, SECRET, STATEFUL_SET
from switchboard_operator.redis import reconciler
from switchboard_operator.redis.nodes import NodeError, RedisCredentials
from switchboard_operator.redis.reconciler import FORMED_SECONDS, FORMING_SECONDS, ClusterReconciler
from switchboard_operator.redis.topology import (
    SLOTS,
    AddSlots,
    Command,
    KnownNode,
    Meet,
    NodeAddress,
    RedisNode,
    SetEpoch,
    share,
)

CLUSTERS = api_of_kind(names.REDIS_CLUSTER)
SHARDS = 3


class Room:
    """One cluster of three primaries, its reconciler, the API server and the nodes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kube = FakeKube(resource("RedisCluster", "store", shards=SHARDS, replicasPerShard=0))
        self.context = context(self.kube)
        self.nodes: dict[str, RedisNode | Exception] = {}
        self.refusals: set[str] = set()
        """Pods whose nodes refuse commands."""
        self.commands: list[Command] = []
        self.credentials: set[RedisCredentials | None] = set()
        self._reconciler = ClusterReconciler(self.context, "valkey:1", "system")
        monkeypatch.setattr(reconciler, "observe", self._observe)
        monkeypatch.setattr(reconciler, "execute", self._execute)

    async def _observe(self, address: NodeAddress, credentials: RedisCredentials | None) -> RedisNode:
        self.credentials.add(credentials)
        answer = self.nodes.get(address.pod) or RedisNode(address, f"id-{address.pod}")
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _execute(self, address: NodeAddress, _credentials: RedisCredentials | None, command: Command) -> None:
        assert command.pod == address.pod
        if address.pod in self.refusals:
            raise NodeError(f"Pod {address.pod}: refused")
        self.commands.append(command)

    async def reconcile(self) -> float | None:
        return await self._reconciler.reconcile("web", "store")

    def start(self) -> None:
        """Have the pods run and be ready."""
        for shard in range(SHARDS):
            [labels] = [
                one["spec"]["template"]["metadata"]["labels"]
                for one in self.kube.of(STATEFUL_SET)
                if one["metadata"]["name"] == f"store-redis-{shard}"
            ]
            name = f"store-redis-{shard}-0"
            self.kube.change(pod(name, ready=True, labels=labels, podIP=f"10.0.0.{shard}", phase="Running"))
        self.kube.show(self.context.store, POD)

    def form(self) -> None:
        """Have the nodes be a formed cluster."""
        addresses = [NodeAddress(f"store-redis-{shard}-0", shard, 0, f"10.0.0.{shard}") for shard in range(SHARDS)]
        for own in addresses:
            peers = {
                f"id-{other.pod}": KnownNode(other.address, slots=(share(other.shard, SHARDS),))
                for other in addresses
                if other != own
            }
            node = RedisNode(own, f"id-{own.pod}", own.shard + 1, (share(own.shard, SHARDS),), peers=peers)
            self.nodes[own.pod] = replace(node, served=SLOTS)

    def condition(self, kind: str) -> Any:
        found = self.kube.found(CLUSTERS, "store")["status"]["conditions"]
        return next(condition for condition in found if condition["type"] == kind)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


async def test_the_objects_are_created_and_the_reconciler_waits_for_the_nodes(room: Room) -> None:
    assert await room.reconcile() == FORMING_SECONDS
    assert len(room.kube.of(STATEFUL_SET)) == SHARDS
    assert room.condition("ObjectsApplied")["status"] == "True"
    assert room.condition("ClusterFormed")["reason"] == "Forming"
    assert room.commands == []


async def test_new_nodes_receive_epochs_and_slots_and_are_joined(room: Room) -> None:
    await room.reconcile()
    room.start()
    assert await room.reconcile() == FORMING_SECONDS
    assert {type(command) for command in room.commands} <= {SetEpoch, AddSlots, Meet}
    assert {command.pod for command in room.commands} == {f"store-redis-{shard}-0" for shard in range(SHARDS)}
    [credentials] = room.credentials
    assert credentials == RedisCredentials("operator", room.context.keys.redis_password("operator", "uid-of-store"))


async def test_a_formed_cluster_is_ready_and_causes_no_writes(room: Room) -> None:
    await room.reconcile()
    room.start()
    room.form()
    assert await room.reconcile() == FORMED_SECONDS
    assert room.condition("Ready")["status"] == "True"
    room.kube.calls.clear()
    assert await room.reconcile() == FORMED_SECONDS
    assert (room.kube.writes, room.commands) == ([], [])


async def test_another_spelling_of_a_volume_size_is_no_change(room: Room) -> None:
    room.kube.found(CLUSTERS, "store")["spec"]["storage"] = {"size": "1024Mi"}
    await room.reconcile()
    for found in room.kube.of(STATEFUL_SET):
        [claim] = found["spec"]["volumeClaimTemplates"]
        claim["spec"]["resources"]["requests"]["storage"] = "1Gi"  # as the API server re-emits it
        found["metadata"]["resourceVersion"] = "1000"
    room.kube.show(room.context.store, *OWNED)
    room.kube.calls.clear()
    await room.reconcile()
    assert room.kube.writes == []


async def test_nodes_that_do_not_answer_are_named(room: Room) -> None:
    await room.reconcile()
    room.start()
    room.form()
    room.nodes["store-redis-1-0"] = NodeError("Pod store-redis-1-0 does not answer in time")
    assert await room.reconcile() == FORMING_SECONDS
    assert "1 of 3 nodes does not answer yet: store-redis-1-0" in room.condition("ClusterFormed")["message"]


async def test_a_refused_command_sets_a_condition_and_the_others_are_executed(room: Room) -> None:
    await room.reconcile()
    room.start()
    room.refusals = {"store-redis-0-0"}
    await room.reconcile()
    assert room.condition("ClusterFormed")["reason"] == "NodeFailed"
    assert "store-redis-0-0: refused" in room.condition("ClusterFormed")["message"]
    assert {command.pod for command in room.commands} == {"store-redis-1-0", "store-redis-2-0"}


async def test_an_unexpected_error_of_a_query_is_raised(room: Room) -> None:
    await room.reconcile()
    room.start()
    room.nodes["store-redis-1-0"] = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        await room.reconcile()


async def test_the_cluster_forms_even_if_an_object_is_refused(room: Room) -> None:
    await room.reconcile()
    room.start()
    room.form()
    room.kube.remove(SECRET, "store-redis-client")
    store = room.context.store
    store.drop(SECRET, "web", "store-redis-client", "1")
    room.kube.failures["PATCH secrets/store-redis-client"] = refusal(403, "Forbidden", "no rights")
    assert await room.reconcile() == FORMED_SECONDS
    assert room.condition("ObjectsApplied")["reason"] == "Refused"
    assert room.condition("ClusterFormed")["status"] == "True"


async def test_a_deleted_cluster_is_left_to_the_garbage_collector(room: Room) -> None:
    room.kube.found(CLUSTERS, "store")["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert await room.reconcile() is None
    room.kube.remove(CLUSTERS, "store")
    assert await room.reconcile() is None
    assert room.kube.writes == []
