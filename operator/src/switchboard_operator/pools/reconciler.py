"""Reconciles a pool: look, plan, act, report. What it decides is in the pure modules of this room."""

import time
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
from switchboard_operator.kinds import ours
from switchboard_operator.kube.resources import (
    DISRUPTION_BUDGET,
    INGRESS,
    NETWORK_POLICY,
    POD,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Json,
)
from switchboard_operator.owned.apply import Children
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools import dependencies, narrate, objects, status
from switchboard_operator.pools.act import Actor
from switchboard_operator.pools.narrate import Memory
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.observe import observe
from switchboard_operator.pools.plan import idle, plan
from switchboard_operator.pools.pods import Access, PodClient
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.pools.snapshot import Observed
from switchboard_operator.pools.state import Figures, PoolState
from switchboard_operator.pools.wakeups import Considered
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
class _Dependencies:
    """What the pool refers to, as far as it exists."""

    cluster: RedisCluster | None
    fleets: dict[str, TurnFleet]
    auth: Fact


class PoolReconciler:
    """Reconciles SignalingPools."""

    def __init__(
        self,
        context: Context,
        default_image: str,
        wake: Callable[[OwnerKey], None],
        client: PodClient,
        sampler: Sampler,
        nodes: Nodes,
    ) -> None:
        self._context, self._default_image, self._wake = context, default_image, wake
        self._client, self._sampler, self._nodes = client, sampler, nodes
        self._children = Children(context.kube, context.store)
        self._memories: dict[OwnerKey, Memory] = {}

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Look at the pool, plan, act, and report.

        Return the seconds after which to look again at what no watch reports, or None. Raises KubeError.
        """
        live = await self._context.kube.get(ours(names.SIGNALING_POOL), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            self._forget((names.SIGNALING_POOL.kind, namespace, name))
            return None  # the garbage collector deletes what the pool owns
        pool = SignalingPool.model_validate(live)
        needs = await self._dependencies(pool)
        image = images.choose(pool.spec.image, pool.status, self._default_image)
        revision = _revision(pool, needs, image.used)
        outcome = await self._children.attempt(self._act(live, pool, needs, revision), PoolCondition.OBJECTS_APPLIED)
        state = outcome.value or self._at_rest(pool, revision)
        await self._report(live, pool, needs, revision, image, outcome.fact, state)
        return _again(state, settled=outcome.fact.holds is True and needs.auth.holds is True)

    async def _act(
        self, live: Json, pool: SignalingPool, needs: _Dependencies, revision: objects.Revision | None
    ) -> PoolState:
        """Apply what the pool consists of, and move its pods and sessions one step on."""
        await self._apply(pool, needs)
        if revision is None:
            return self._at_rest(pool, revision)
        key, access = objects.owner_of(pool).key, Access.to(pool.metadata.uid, self._context.keys)
        await self._sampler.enter(pool, access)
        observed = self._look(pool, revision)
        planned = plan(pool, observed, time.time())
        memory = self._memories.get(key, Memory())
        figures, memory = narrate.figures(pool, observed, planned.decision, memory, time.monotonic())
        self._memories[key] = memory
        evacuated = self._sampler.history(key).observations[-1].evacuated
        considered = Considered(
            planned.decision.desired,
            planned.decision.no_metrics,
            evacuated,
            figures.sessions,
            figures.capacity,
            memory.reported_at,
        )
        self._sampler.consider(key, considered, hurried=planned.steps.moving)
        actor = Actor(self._context, self._client, self._sampler, live, pool, revision, access)
        overtaken = await actor.perform(observed, planned.steps.commands)
        return PoolState(observed, planned, figures, acted=True, overtaken=overtaken)

    def _look(self, pool: SignalingPool, revision: objects.Revision | None) -> Observed:
        owner = objects.owner_of(pool)
        current = objects.replica_set_name(pool, revision) if revision else ""
        history = self._sampler.history(owner.key)
        return observe(self._context.store, self._nodes, history, owner, current, time.monotonic())

    def _at_rest(self, pool: SignalingPool, revision: objects.Revision | None) -> PoolState:
        """Return the state of a pool that is not acted on."""
        observed = self._look(pool, revision)
        return PoolState(observed, idle(pool, observed), Figures.published(pool))

    async def _dependencies(self, pool: SignalingPool) -> _Dependencies:
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
        return _Dependencies(cluster, fleets, dependencies.auth_fact(pool, await self._auth_secret(pool)))

    async def _auth_secret(self, pool: SignalingPool) -> Json | None:
        """Return the Secret with which JWTs are signed; it is the user's, without our label, so no watch reports it."""
        if pool.spec.auth is None or pool.spec.auth.secret_name is None:
            return None
        return await self._context.kube.get(SECRET, pool.metadata.namespace, pool.spec.auth.secret_name)

    def _refer(self, source: OwnerKey, targets: Sequence[OwnerKey]) -> None:
        """Enter the pool's references; a fleet that gained or lost a pool has secrets to add or to take away."""
        for target in self._context.references.set(source, targets):
            self._wake(target)

    def _forget(self, key: OwnerKey) -> None:
        self._refer(key, [])
        self._sampler.leave(key)
        self._memories.pop(key, None)

    async def _apply(self, pool: SignalingPool, needs: _Dependencies) -> None:
        owner, keys = objects.owner_of(pool), self._context.keys
        directory = dependencies.directory(pool, list(needs.fleets.values()), keys)
        common = objects.common(pool, keys, directory)
        await self._children.ensure(owner, common)
        await self._children.prune(owner, COMMON, common)
        await self._children.announce(owner, objects.ice_secret_name(pool))

    async def _report(
        self,
        live: Json,
        pool: SignalingPool,
        needs: _Dependencies,
        revision: objects.Revision | None,
        image: images.Images,
        applied: Fact,
        state: PoolState,
    ) -> None:
        """Write the status, then the events: a pass that failed before is repeated without an event of it."""
        key = objects.owner_of(pool).key
        pods = self._context.store.made_for(key, POD)
        serving = status.pods_ready(pool, state, pods, datetime.now(UTC)) if revision else status.waiting()
        facts = [
            applied,
            dependencies.redis_fact(pool, needs.cluster),
            dependencies.turn_fact(pool, needs.fleets),
            needs.auth,
            serving,
        ]
        fields = status.fields(pool, image, revision.name if revision else "", state)
        informative = [status.drained(pool, state), status.scaling(pool, state), status.durable(pool)]
        await self._context.writer.write(names.SIGNALING_POOL, live, pool, fields, facts, informative)
        if state.acted:
            events, self._memories[key] = narrate.events(pool, state, self._memories.get(key, Memory()))
            for event in events:
                await self._context.recorder.record(live, event.reason, event.note)


def _revision(pool: SignalingPool, needs: _Dependencies, image: str) -> objects.Revision | None:
    """Return the current revision; None while the pool waits for what its pods need to start."""
    redis = dependencies.redis_of(needs.cluster)
    waits = (pool.spec.redis_ref is not None and redis is None) or not needs.auth.holds
    return None if waits else objects.revision(pool, image, redis)


def _again(state: PoolState, *, settled: bool) -> float | None:
    """Return the seconds after which to look again, or None; `settled`: nothing is refused or missing."""
    if state.overtaken or state.plan.steps.commands:
        return SOON_SECONDS
    if state.plan.steps.moving:
        return MOVING_SECONDS
    return None if settled and not state.observed.replacing else LOOK_AGAIN_SECONDS
