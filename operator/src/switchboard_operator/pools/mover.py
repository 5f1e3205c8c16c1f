"""Brings the pods of a pool where they should be: the effects around `rollout` and `drain`."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from switchboard_crds import names
from switchboard_crds.signaling_pool import OnTimeout, SignalingPool
from switchboard_operator.context import Context
from switchboard_operator.kube.resources import ENDPOINT_SLICE, POD, REPLICA_SET, Json
from switchboard_operator.owned.apply import Children
from switchboard_operator.owned.owner import Owner, OwnerKey
from switchboard_operator.pools import fleet, objects, rebalance, rollout
from switchboard_operator.pools.demand import Decide, Decision, decide
from switchboard_operator.pools.drain import (
    BATCH_MS,
    Command,
    Discard,
    Give,
    Mark,
    Resize,
    Spared,
    Steps,
    Tell,
    describe,
    steps,
)
from switchboard_operator.pools.fleet import Pod, Set
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.pods import Access, PodClient, PodError, place
from switchboard_operator.pools.sampler import REPORT_SECONDS, Sampler, Watched
from switchboard_operator.pools.samples import History
from switchboard_operator.pools.state import Moved, Numbers, last_move, loads

logger = structlog.get_logger(__name__)


class Mover:
    """Moves pods and their sessions; what it does is planned anew each time from what the cluster shows."""

    def __init__(
        self, context: Context, client: PodClient, sampler: Sampler, nodes: Nodes, decide: Decide = decide
    ) -> None:
        self._context, self._client, self._sampler, self._nodes = context, client, sampler, nodes
        self._decide = decide
        self._children = Children(context.kube, context.store)

    def forget(self, key: OwnerKey) -> None:
        """Sample a pool no more."""
        self._sampler.leave(key)

    async def move(self, live: Json, pool: SignalingPool, rev: objects.Revision) -> Moved:
        """Take the steps that are due; return what was found before them. Raises KubeError or NameTakenError."""
        owner = objects.owner_of(pool)
        watched = await self._watch(pool, owner)
        found = self.look(pool, objects.replica_set_name(pool, rev))
        current, sets, decision = found.current, found.sets, found.decision
        now = time.time()
        wish = rollout.wish_of(pool, decision.desired, current, now)
        placement = rollout.place(wish, sets)
        if (terms := rebalance.terms_of(pool, now)) is not None:
            placement = rebalance.rebalance(placement, sets, terms)
        todo = steps(
            placement,
            sets,
            current,
            now,
            pool.spec.drain.timeout_seconds,
            force=pool.spec.drain.on_timeout is OnTimeout.FORCE,
        )
        watched.hurried = todo.moving
        numbers = self._numbers(pool, sets, decision, watched)
        await self._explain(live, pool, decision, watched)
        await self._tell_loads(live, sets, todo, watched)
        if current in sets:
            await self._children.ensure_sized(owner, objects.replica_set(pool, rev), 0)
        for command in todo.commands:
            await self._do(command, live, pool, owner, rev, watched)
        if any(isinstance(command, Give) for command in todo.commands):
            await self._sampler.refresh(owner.key)  # or the room that was just given away would be given twice
        last = last_move(pool.status.last_move_time, sets, todo, datetime.now(UTC))
        return replace(found, steps=todo, numbers=numbers, last_move=last, on_trial=rollout.on_trial(wish, sets))

    def look(self, pool: SignalingPool, current: str) -> Moved:
        """Return what there is, without doing anything about it."""
        owner = objects.owner_of(pool)
        history = self._sampler.history(owner.key)
        decision = self._decide(pool, history)
        numbers = _told(pool)
        sets, failure = self._observe(owner, history), self._failure(owner, current)
        last = pool.status.last_move_time
        return Moved(current, sets, decision, numbers=numbers, last_move=last, failure=failure)

    async def _watch(self, pool: SignalingPool, owner: Owner) -> Watched:
        access = Access.to(pool.metadata.uid, self._context.keys)

        def judge(history: History) -> int:
            return self._decide(pool, history).desired

        def uneven(history: History) -> bool:
            terms = rebalance.terms_of(pool, time.time())
            if terms is None or not terms.rested:
                return False
            return rebalance.uneven([one.sessions for one in history.observations[-1].pods], terms.target)

        watched = self._sampler.enter(owner.key, access, judge, uneven)
        if not watched.history.observations:
            await self._sampler.refresh(owner.key)
        return watched

    def _observe(self, owner: Owner, history: History) -> dict[str, Set]:
        store, now = self._context.store, time.monotonic()
        offered = fleet.offered(store.made_for(owner.key, ENDPOINT_SLICE))
        pods = store.made_for(owner.key, POD)

        def describe(pod: Json) -> Pod:
            sample = history.sample(pod["metadata"]["uid"], now)
            return fleet.read_pod(pod, offered, self._nodes.zones, self._nodes.closed, sample)

        return fleet.sets(self._children.of(owner, REPLICA_SET), pods, describe)

    async def _explain(self, live: Json, pool: SignalingPool, decision: Decision, watched: Watched) -> None:
        """Say in an event what was decided, if it is another number than before."""
        before, watched.desired, watched.blind = pool.status.desired_replicas, decision.desired, decision.blind
        if before != decision.desired and pool.status.decision:
            note = f"{before} -> {decision.desired} pods: {decision.why}"
            await self._context.recorder.record(live, "Scaling", note)

    async def _tell_loads(self, live: Json, sets: Mapping[str, Set], todo: Steps, watched: Watched) -> None:
        """Say in an event what a rebalancing came to."""
        if todo.rebalancing:
            watched.loads = watched.loads or loads(sets)
        elif watched.loads:
            before, watched.loads = watched.loads, {}
            await self._context.recorder.record(live, "Rebalanced", rebalance.told(before, loads(sets)))

    def _numbers(self, pool: SignalingPool, sets: Mapping[str, Set], decision: Decision, watched: Watched) -> Numbers:
        """Return what to tell in the status: the numbers of now if it is time or something changed, else its own."""
        pods = [pod for item in sets.values() for pod in item.staying]
        sessions = sum(pod.sample.sessions for pod in pods if pod.sample)
        now = Numbers(sessions, sum(pod.sample.capacity for pod in pods if pod.serves and pod.sample), decision.why)
        told = _told(pool)
        recent = time.monotonic() - watched.reported_at < REPORT_SECONDS
        decided = decision.desired != pool.status.desired_replicas
        changed = pool.metadata.generation != pool.status.observed_generation
        if (recent and not decided and not changed) or now == told:
            watched.told = (told.sessions, told.capacity)
            return told
        watched.told, watched.reported_at = (now.sessions, now.capacity), time.monotonic()
        return now

    def _failure(self, owner: Owner, current: str) -> str | None:
        """Return why the current ReplicaSet cannot make pods (quota, admission), or None."""
        found = self._context.store.get(REPLICA_SET, owner.namespace, current) or {}
        for condition in (found.get("status") or {}).get("conditions") or []:
            if condition["type"] == "ReplicaFailure":
                return str(condition.get("message", ""))
        return None

    async def _do(
        self, command: Command, live: Json, pool: SignalingPool, owner: Owner, rev: objects.Revision, watched: Watched
    ) -> None:
        """Carry a command out."""
        if not isinstance(command, Tell):
            logger.info("moving", pool=pool.key, command=describe(command))
        match command:
            case Mark(pod=pod, stage=stage, since=since):
                if (found := self._find(owner, pod)) is not None:
                    await self._children.mark(found, fleet.marks(stage, _rfc3339(since)))
            case Tell() | Give():
                await self._order(command, owner, watched)
            case Resize():
                await self._resize(pool, owner, rev, command)
            case Spared(set=name, pods=pods):
                await self._spared(live, owner, name, pods)
            case Discard(set=name):
                if found := self._context.store.get(REPLICA_SET, owner.namespace, name):
                    await self._children.delete(found)

    async def _resize(self, pool: SignalingPool, owner: Owner, rev: objects.Revision, command: Resize) -> None:
        found = self._context.store.get(REPLICA_SET, owner.namespace, command.set)
        if found is None:
            await self._children.ensure_sized(owner, objects.replica_set(pool, rev), command.replicas)
            return
        removing = {names.ANNOTATION_REMOVING: ",".join(command.removing) or None}
        await self._children.scale(found, command.replicas, removing)

    async def _spared(self, live: Json, owner: Owner, name: str, pods: tuple[str, ...]) -> None:
        """Say that another pod went than the empty one: its sessions were told so by the pod itself as it ended."""
        note = f"ReplicaSet {name} removed another pod than {', '.join(pods)}, which had been emptied."
        await self._context.recorder.record(live, "OtherPodRemoved", note, warning=True)
        if found := self._context.store.get(REPLICA_SET, owner.namespace, name):
            replicas = found["spec"]["replicas"]
            await self._children.scale(found, replicas, {names.ANNOTATION_REMOVING: None})

    async def _order(self, order: Tell | Give, owner: Owner, watched: Watched) -> None:
        """Give a pod an order; one that does not take it gets it again, because its next sample says so."""
        found = self._find(owner, order.pod)
        where = place(found, watched.access) if found is not None else None
        if where is None:
            return
        try:
            if isinstance(order, Tell):
                sample = await self._client.refuse(where, order.refuse)
            else:
                sample = await self._client.give_away(where, order.count, BATCH_MS)
        except PodError as error:
            logger.warning("order_failed", error=str(error))
        else:
            watched.history.take(order.pod.uid, sample)

    def _find(self, owner: Owner, pod: Pod) -> Json | None:
        found = self._context.store.get(POD, owner.namespace, pod.name)
        return found if found is not None and found["metadata"]["uid"] == pod.uid else None


def _told(pool: SignalingPool) -> Numbers:
    return Numbers(pool.status.sessions, pool.status.capacity, pool.status.decision)


def _rfc3339(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
