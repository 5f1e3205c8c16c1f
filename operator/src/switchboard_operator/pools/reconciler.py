"""Brings a pool's objects about: the effects around the pure modules of this room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from switchboard_crds import names
from switchboard_crds.redis_cluster import RedisCluster
from switchboard_crds.signaling_pool import PoolCondition, SignalingPool
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator import images
from switchboard_operator.context import Context
from switchboard_operator.kube.resources import (
    DISRUPTION_BUDGET,
    INGRESS,
    NETWORK_POLICY,
    POD,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Json,
    ours,
)
from switchboard_operator.owned.apply import Children
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools import links, objects, status
from switchboard_operator.pools.mover import Mover
from switchboard_operator.pools.state import Moved
from switchboard_operator.status.conditions import Fact

LOOK_AGAIN_SECONDS: Final = 10.0
"""Between looks at others' objects, which the operator does not watch, while the pool waits for one."""
SOON_SECONDS: Final = 0.25
"""After commands were carried out: what they led to is looked at without waiting for a watch."""
MOVING_SECONDS: Final = 1.0
"""While sessions move: they are seen in samples, which no watch reports."""
COMMON: Final = (SERVICE_ACCOUNT, SECRET, SERVICE, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS)
"""What a pool has besides its ReplicaSets."""


@dataclass(frozen=True)
class _Linked:
    """What the pool refers to, as far as it exists."""

    cluster: RedisCluster | None
    fleets: dict[str, TurnFleet]
    auth: Fact


class PoolReconciler:
    """Reconciles SignalingPools."""

    def __init__(self, context: Context, default_image: str, wake: Callable[[OwnerKey], None], mover: Mover) -> None:
        self._context = context
        self._children = Children(context.kube, context.store)
        self._default_image = default_image
        self._wake = wake
        self._mover = mover

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe the pool, apply what differs, and write its status if it changed.

        Return the seconds after which to look again at what no watch reports, or None. Raises KubeError.
        """
        live = await self._context.kube.get(ours(names.SIGNALING_POOL), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            key = (names.SIGNALING_POOL.kind, namespace, name)
            self._refer(key, [])
            self._mover.forget(key)
            return None  # the garbage collector deletes what the pool owns
        pool = SignalingPool.model_validate(live)
        linked = await self._links(pool)
        image = images.choose(pool.spec.image, pool.status, self._default_image)
        redis = links.redis_of(linked.cluster)
        waits = (pool.spec.redis_ref is not None and redis is None) or not linked.auth.holds
        rev = None if waits else objects.revision(pool, image.used, redis)
        moved = self._mover.look(pool, objects.replica_set_name(pool, rev) if rev else "")

        async def apply() -> None:
            nonlocal moved
            await self._apply(pool, linked)
            if rev is not None:
                moved = await self._mover.move(live, pool, rev)

        applied = (await self._children.attempt(apply(), PoolCondition.OBJECTS_APPLIED)).fact
        await self._report(live, pool, linked, rev, image, applied, moved)
        if moved.steps.commands:
            return SOON_SECONDS
        if moved.steps.moving:
            return MOVING_SECONDS
        settled = applied.holds and linked.auth.holds and not moved.replacing
        return None if settled else LOOK_AGAIN_SECONDS

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
        return _Linked(cluster, fleets, links.auth_fact(pool, await self._auth_secret(pool)))

    async def _auth_secret(self, pool: SignalingPool) -> Json | None:
        """Return the Secret with which JWTs are signed; it is the user's, without our label, so no watch reports it."""
        if pool.spec.auth is None or pool.spec.auth.secret_name is None:
            return None
        return await self._context.kube.get(SECRET, pool.metadata.namespace, pool.spec.auth.secret_name)

    def _refer(self, source: OwnerKey, targets: Sequence[OwnerKey]) -> None:
        """Enter the pool's references; a fleet that gained or lost a pool has secrets to add or to take away."""
        for target in self._context.references.set(source, targets):
            self._wake(target)

    async def _apply(self, pool: SignalingPool, linked: _Linked) -> None:
        owner, keys = objects.owner_of(pool), self._context.keys
        directory = links.directory(pool, list(linked.fleets.values()), keys)
        common = objects.common(pool, keys, directory)
        await self._children.ensure(owner, common)
        await self._children.prune(owner, COMMON, common)
        await self._children.announce(owner, objects.ice_secret_name(pool))

    async def _report(
        self,
        live: Json,
        pool: SignalingPool,
        linked: _Linked,
        rev: objects.Revision | None,
        image: images.Images,
        applied: Fact,
        moved: Moved,
    ) -> None:
        owner = objects.owner_of(pool)
        pods = self._context.store.made_for(owner.key, POD)
        serving = status.pods_ready(pool, moved, pods, datetime.now(UTC)) if rev else status.waiting()
        facts = [
            applied,
            links.redis_fact(pool, linked.cluster),
            links.turn_fact(pool, linked.fleets),
            linked.auth,
            serving,
        ]
        fields = status.fields(pool, image, rev.name if rev else "", moved)
        informative = [status.drained(pool, moved), status.scaling(pool, moved), status.durable(pool)]
        await self._context.writer.write(names.SIGNALING_POOL, live, pool, fields, facts, informative)
