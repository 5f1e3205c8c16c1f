"""Brings a pool's objects about: the effects around the pure modules of this room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from switchboard_crds import names
from switchboard_crds.redis_cluster import RedisCluster
from switchboard_crds.signaling_pool import PoolCondition, SignalingPool
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator.api import (
    DISRUPTION_BUDGET,
    INGRESS,
    NETWORK_POLICY,
    POD,
    REPLICA_SET,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Json,
    ours,
)
from switchboard_operator.children import Children
from switchboard_operator.conditions import Fact
from switchboard_operator.context import Context
from switchboard_operator.owner import OwnerKey
from switchboard_operator.pools import links, objects, status
from switchboard_operator.pools.rollout import RevisionState, plan

LOOK_AGAIN_SECONDS: Final = 10.0
"""Between looks at others' objects, which the operator does not watch, while the pool waits for one."""
COMMON: Final = (SERVICE_ACCOUNT, SECRET, SERVICE, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS)
"""What a pool has besides its ReplicaSets."""


@dataclass(frozen=True)
class _Linked:
    """What the pool refers to, as far as it exists."""

    cluster: RedisCluster | None
    fleets: dict[str, TurnFleet]


class PoolReconciler:
    """Reconciles SignalingPools."""

    def __init__(self, context: Context, default_image: str, wake: Callable[[OwnerKey], None]) -> None:
        self._context = context
        self._children = Children(context.kube, context.store)
        self._default_image = default_image
        self._wake = wake

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe the pool, apply what differs, and write its status if it changed.

        Return the seconds after which to look again at what no watch reports, or None. Raises KubeError.
        """
        live = await self._context.kube.get(ours(names.SIGNALING_POOL), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            self._refer((names.SIGNALING_POOL.kind, namespace, name), [])
            return None  # the garbage collector deletes what the pool owns
        pool = SignalingPool.model_validate(live)
        linked = await self._links(pool)
        image = pool.spec.image or pool.status.image or self._default_image
        redis = links.redis_of(linked.cluster)
        waits = pool.spec.redis_ref is not None and redis is None
        rev = None if waits else objects.revision(pool, image, redis)
        applied = await self._children.attempt(self._apply(pool, linked, rev), PoolCondition.OBJECTS_APPLIED)
        await self._report(live, pool, linked, rev, image, applied)
        return None if applied.holds else LOOK_AGAIN_SECONDS

    async def _links(self, pool: SignalingPool) -> _Linked:
        """Read what the pool refers to, and have it wake the pool when it changes."""
        spec, namespace = pool.spec, pool.metadata.namespace
        targets = [(names.TURN_FLEET.kind, namespace, reference.name) for reference in spec.turn_refs]
        if spec.redis_ref is not None:
            targets.append((names.REDIS_CLUSTER.kind, namespace, spec.redis_ref.name))
        self._refer(objects.owner_of(pool).key, targets)
        cluster = None
        if spec.redis_ref is not None:
            found = await self._context.kube.get(ours(names.REDIS_CLUSTER), namespace, spec.redis_ref.name)
            cluster = RedisCluster.model_validate(found) if found else None
        fleets = {}
        for reference in spec.turn_refs:
            if found := await self._context.kube.get(ours(names.TURN_FLEET), namespace, reference.name):
                fleets[reference.name] = TurnFleet.model_validate(found)
        return _Linked(cluster, fleets)

    def _refer(self, source: OwnerKey, targets: Sequence[OwnerKey]) -> None:
        """Enter the pool's references; a fleet that gained or lost a pool has secrets to add or to take away."""
        for target in self._context.references.set(source, targets):
            self._wake(target)

    async def _apply(self, pool: SignalingPool, linked: _Linked, rev: objects.Revision | None) -> None:
        owner, keys = objects.owner_of(pool), self._context.keys
        directory = links.directory(pool, list(linked.fleets.values()), keys)
        common = objects.common(pool, keys.token_key(pool.metadata.uid), directory)
        await self._children.ensure(owner, common)
        await self._children.prune(owner, COMMON, common)
        if rev is not None:
            await self._roll(pool, rev)
        await self._children.announce(owner, objects.ice_secret_name(pool))

    async def _roll(self, pool: SignalingPool, rev: objects.Revision) -> None:
        owner = objects.owner_of(pool)
        sets = {item["metadata"]["name"]: item for item in self._children.of(owner, REPLICA_SET)}
        current, older = _split(list(sets.values()), objects.replica_set_name(pool, rev))
        step = plan(pool.spec.replicas, current, older)
        await self._children.ensure(owner, [objects.replica_set(pool, rev, step.current)])
        for name, replicas in step.older.items():
            await self._children.scale(sets[name], replicas)
        for name in step.used_up:
            await self._children.delete(sets[name])

    async def _report(
        self,
        live: Json,
        pool: SignalingPool,
        linked: _Linked,
        rev: objects.Revision | None,
        image: str,
        applied: Fact,
    ) -> None:
        owner = objects.owner_of(pool)
        sets = self._children.of(owner, REPLICA_SET)
        name = objects.replica_set_name(pool, rev) if rev else ""
        current, older = _split(sets, name)
        pods = self._context.store.made_for(owner.key, POD)
        serving = status.pods_ready(pool.spec.replicas, current, older, pods, _failure(sets, name))
        facts = [
            applied,
            links.redis_fact(pool, linked.cluster),
            links.turn_fact(pool, linked.fleets),
            serving if rev else status.waiting(),
        ]
        fields = status.fields(pool, image, rev.name if rev else "", [current, *older])
        informative = [status.durable(pool)]
        await self._context.writer.write(names.SIGNALING_POOL, live, pool, fields, facts, informative)


def _split(sets: Sequence[Json], current: str) -> tuple[RevisionState, list[RevisionState]]:
    """Return the state of the current revision, which may not exist yet, and of the older ones."""
    states = {item["metadata"]["name"]: _state(item) for item in sets}
    return states.pop(current, RevisionState(current, 0, 0, 0)), list(states.values())


def _state(item: Json) -> RevisionState:
    found = item.get("status") or {}
    return RevisionState(
        item["metadata"]["name"],
        item["spec"].get("replicas", 0),
        found.get("replicas", 0),
        found.get("readyReplicas", 0),
    )


def _failure(sets: Sequence[Json], current: str) -> str | None:
    """Return why the current ReplicaSet cannot make pods (quota, admission), or None."""
    for item in sets:
        for condition in (item.get("status") or {}).get("conditions") or []:
            if item["metadata"]["name"] == current and condition["type"] == "ReplicaFailure":
                return str(condition.get("message", ""))
    return None
