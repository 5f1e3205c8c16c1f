"""Reconciles a pool: observe, plan, act, report. The pure modules of this package decide."""

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
from switchboard_operator.kinds import api_of_kind
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
from switchboard_operator.pools import dependencies, objects, reporting, status
from switchboard_operator.pools.act import Actor
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.observe import observe
from switchboard_operator.pools.plan import idle, plan
from switchboard_operator.pools.pods import Access, PodClient
from switchboard_operator.pools.reporting import Memory
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.pools.snapshot import Observed
from switchboard_operator.pools.state import Figures, PoolState
from switchboard_operator.pools.wakeups import Considered
from switchboard_operator.status.conditions import Fact

RETRY_SECONDS: Final = 10.0
"""Interval while the pool waits for objects that the operator does not watch."""
SOON_SECONDS: Final = 0.25
"""Delay after commands were executed, so that their effect is observed without waiting for a watch."""
MOVING_SECONDS: Final = 1.0
"""Interval while sessions move, which samples show but no watch reports."""
COMMON: Final = (SERVICE_ACCOUNT, SECRET, SERVICE, DISRUPTION_BUDGET, NETWORK_POLICY, INGRESS)
"""API resources of a pool's objects besides ReplicaSets."""


@dataclass(frozen=True)
class _Dependencies:
    """Existing resources that the pool refers to."""

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
        """Observe the pool, plan, act and report.

        Return the seconds after which to reconcile again, or None to wait for a watch. Raises KubeError.
        """
        live = await self._context.kube.get(api_of_kind(names.SIGNALING_POOL), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            self._forget((names.SIGNALING_POOL.kind, namespace, name))
            return None  # the garbage collector deletes the pool's objects
        pool = await self._context.writer.read(names.SIGNALING_POOL, SignalingPool, live)
        if pool is None:
            return None
        needs = await self._dependencies(pool)
        image = images.choose(pool.spec.image, pool.status, self._default_image)
        revision = _revision(pool, needs, image.used)
        outcome = await self._children.attempt(self._act(live, pool, needs, revision), PoolCondition.OBJECTS_APPLIED)
        state = outcome.value or self._idle_state(pool, revision)
        await self._report(live, pool, needs, revision, image, outcome.fact, state)
        return _requeue_after(state, settled=outcome.fact.holds is True and needs.auth.holds is True)

    async def _act(
        self, live: Json, pool: SignalingPool, needs: _Dependencies, revision: objects.Revision | None
    ) -> PoolState:
        """Apply the pool's objects, and take the next steps for its pods and sessions."""
        await self._apply(pool, needs)
        if revision is None:
            return self._idle_state(pool, revision)
        key, access = objects.owner_of(pool).key, Access.to(pool.metadata.uid, self._context.keys)
        await self._sampler.track(pool, access)
        observed = self._observe(pool, revision)
        planned = plan(pool, observed, time.time())
        memory = self._memories.get(key, Memory())
        figures, memory = reporting.figures(pool, observed, planned.decision, memory, time.monotonic())
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
        self._sampler.consider(key, considered, moving=planned.steps.moving)
        actor = Actor(self._context, self._client, self._sampler, live, pool, revision, access)
        conflict = await actor.perform(observed, planned.steps.commands)
        return PoolState(observed, planned, figures, acted=True, conflict=conflict)

    def _observe(self, pool: SignalingPool, revision: objects.Revision | None) -> Observed:
        owner = objects.owner_of(pool)
        current = objects.replica_set_name(pool, revision) if revision else ""
        history = self._sampler.history(owner.key)
        return observe(self._context.store, self._nodes, history, owner, current, time.monotonic())

    def _idle_state(self, pool: SignalingPool, revision: objects.Revision | None) -> PoolState:
        """Return the state of a pool that cannot change now."""
        observed = self._observe(pool, revision)
        return PoolState(observed, idle(pool, observed), Figures.published(pool))

    async def _dependencies(self, pool: SignalingPool) -> _Dependencies:
        """Read the resources that the pool refers to; changes of them trigger a reconciliation."""
        spec, namespace = pool.spec, pool.metadata.namespace
        targets = [(names.TURN_FLEET.kind, namespace, reference.name) for reference in spec.turn_refs]
        if spec.redis_ref is not None:
            targets.append((names.REDIS_CLUSTER.kind, namespace, spec.redis_ref.name))
        self._refer(objects.owner_of(pool).key, targets)
        cluster = None
        if spec.redis_ref is not None:
            found = await self._context.kube.get(api_of_kind(names.REDIS_CLUSTER), namespace, spec.redis_ref.name)
            cluster = RedisCluster.model_validate(found) if found else None
        fleets = {}
        for reference in spec.turn_refs:
            if found := await self._context.kube.get(api_of_kind(names.TURN_FLEET), namespace, reference.name):
                fleets[reference.name] = TurnFleet.model_validate(found)
        return _Dependencies(cluster, fleets, dependencies.auth_fact(pool, await self._auth_secret(pool)))

    async def _auth_secret(self, pool: SignalingPool) -> Json | None:
        """Return the Secret of spec.auth; it is the user's and lacks the operator's label, so no watch reports it."""
        if pool.spec.auth is None or pool.spec.auth.secret_name is None:
            return None
        return await self._context.kube.get(SECRET, pool.metadata.namespace, pool.spec.auth.secret_name)

    def _refer(self, source: OwnerKey, targets: Sequence[OwnerKey]) -> None:
        """Register the pool's references; a fleet that gained or lost a pool has to add or remove a secret."""
        for target in self._context.references.set(source, targets):
            self._wake(target)

    def _forget(self, key: OwnerKey) -> None:
        self._refer(key, [])
        self._sampler.untrack(key)
        self._memories.pop(key, None)

    async def _apply(self, pool: SignalingPool, needs: _Dependencies) -> None:
        owner, keys = objects.owner_of(pool), self._context.keys
        directory = dependencies.directory(pool, list(needs.fleets.values()), keys)
        common = objects.common(pool, keys, directory)
        await self._children.ensure(owner, common)
        await self._children.prune(owner, COMMON, common)
        await self._children.refresh_mounts(owner, objects.ice_secret_name(pool))

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
        """Write the status, then the events: if writing the status fails, the retry must not record them twice."""
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
        informational = [status.drained(pool, state), status.scaling(pool, state), status.durable(pool)]
        await self._context.writer.write(names.SIGNALING_POOL, live, pool, fields, facts, informational)
        if state.acted:
            events, self._memories[key] = reporting.events(pool, state, self._memories.get(key, Memory()))
            for event in events:
                await self._context.recorder.record(live, event.reason, event.note)


def _revision(pool: SignalingPool, needs: _Dependencies, image: str) -> objects.Revision | None:
    """Return the current revision; None while dependencies that pods need to start are missing."""
    redis = dependencies.redis_of(needs.cluster)
    waits = (pool.spec.redis_ref is not None and redis is None) or not needs.auth.holds
    return None if waits else objects.revision(pool, image, redis)


def _requeue_after(state: PoolState, *, settled: bool) -> float | None:
    """Return the seconds after which to reconcile again, or None; `settled`: nothing was rejected or is missing."""
    if state.conflict or state.plan.steps.commands:
        return SOON_SECONDS
    if state.plan.steps.moving:
        return MOVING_SECONDS
    return None if settled and not state.observed.replacing else RETRY_SECONDS
