"""The next steps of draining pods: cordon, wait, move sessions, remove, and return to service. Pure.

A drain has these steps. The pod's annotation records its stage, so that the next leader continues from there:

1. *Cordoned* or *Draining*: its label takes the pod out of the Service, and it is asked to refuse new sessions.
2. Once no EndpointSlice lists any draining pod, the pod asks its sessions to move, in batches, as many as the pods in
   service have room for.
3. No connection is left: *Drained*. Its deletion cost makes it the first that its ReplicaSet removes.
4. Only then is its ReplicaSet scaled down by one, and the removed pod is compared with the drained one.

Until step 4 the pod can return to service: if load comes back, or if the pods that replace it stop serving.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from switchboard_operator.pools.rollout import Placement
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage

BATCH: Final = 100
BATCH_MS: Final = 2000
"""Sessions of one pod that may be moving at a time, and the milliseconds over which it spreads its requests to them.

Sessions that were asked and have not moved yet count, so that slow arrivals slow down the drain.
"""


@dataclass(frozen=True)
class Annotate:
    """Write the stage to the pod; `since`: when its sessions were first asked to move, in seconds of the wall clock."""

    pod: PodSnapshot
    stage: Stage
    since: float | None


@dataclass(frozen=True)
class Cordon:
    """Ask the pod to refuse new sessions, or to accept them again."""

    pod: PodSnapshot
    cordoned: bool


@dataclass(frozen=True)
class GoAway:
    """Make the pod ask `count` of its sessions to move."""

    pod: PodSnapshot
    count: int


@dataclass(frozen=True)
class Scale:
    """Set the replicas of a ReplicaSet; `removing` are the uids of the pods that it should remove."""

    replica_set: str
    replicas: int
    removing: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeleteReplicaSet:
    """Delete a ReplicaSet that has no pods left."""

    replica_set: str


@dataclass(frozen=True)
class UnexpectedVictim:
    """Report that a ReplicaSet removed a pod other than the drained ones, `pods`, which still exist."""

    replica_set: str
    pods: tuple[str, ...]


Command: TypeAlias = Annotate | Cordon | GoAway | Scale | DeleteReplicaSet | UnexpectedVictim


@dataclass(frozen=True)
class Steps:
    """The commands to execute now, in order, and the pods that are waited for."""

    commands: tuple[Command, ...] = ()
    draining: tuple[PodSnapshot, ...] = ()
    """Pods that are being removed, at any stage."""
    overdue: tuple[PodSnapshot, ...] = ()
    """Draining pods that timed out and are kept because they still hold sessions."""
    unplaceable: int = 0
    """Number of sessions that no pod in service has room for."""
    queued: tuple[PodSnapshot, ...] = field(default=())
    """Drained pods that their ReplicaSet would not remove first; it is not scaled until the others have started."""
    rebalancing: tuple[PodSnapshot, ...] = ()
    """Pods that are out of the Service while sessions are rebalanced."""

    @property
    def moving(self) -> bool:
        """Whether sessions are moving, or about to."""
        return bool(self.draining or self.rebalancing)


def describe(command: Command) -> str:
    """Return the command as text, for the log."""
    match command:
        case Annotate(pod=pod, stage=stage):
            return f"annotate {pod.name} {stage.value}, was {pod.stage.value}"
        case Cordon(pod=pod, cordoned=cordoned):
            return f"{'cordon' if cordoned else 'uncordon'} {pod.name}"
        case GoAway(pod=pod, count=count):
            return f"ask {count} sessions of {pod.name} to move"
        case Scale(replica_set=name, replicas=replicas, removing=removing):
            return f"scale {name} to {replicas}" + (f", removing {', '.join(removing)}" if removing else "")
        case DeleteReplicaSet(replica_set=name):
            return f"delete {name}"
    return f"report that {command.replica_set} kept {', '.join(command.pods)}"


def chains(commands: Iterable[Command]) -> tuple[list[list[Command]], list[list[Command]]]:
    """Return the commands to pods and those to ReplicaSets, as one ordered list per object.

    The lists of one kind may be executed in any order or concurrently. Those to pods come first, because the
    annotations that they write decide which pods a ReplicaSet removes.
    """
    pods: dict[str, list[Command]] = defaultdict(list)
    replica_sets: dict[str, list[Command]] = defaultdict(list)
    for command in commands:
        if isinstance(command, Annotate | Cordon | GoAway):
            pods[command.pod.uid].append(command)
        else:
            replica_sets[command.replica_set].append(command)
    return list(pods.values()), list(replica_sets.values())


def steps(
    placement: Placement,
    revisions: Mapping[str, RevisionPods],
    current: str,
    now: float,
    timeout: float,
    *,
    force: bool,
) -> Steps:
    """Return the next steps; `now` is the wall clock and `timeout` the drain timeout, both in seconds.

    With `force`, a pod that has timed out is removed with its remaining sessions.
    """
    pods = {pod.uid: pod for item in revisions.values() for pod in item.staying}
    late = {uid for uid, pod in pods.items() if pod.stage.being_drained and pod.since and now - pod.since > timeout}
    stages = {
        uid: _drain_stage(pod, force and uid in late) if (stage := placement.stages[uid]) is Stage.DRAINING else stage
        for uid, pod in pods.items()
    }
    commands: list[Command] = []
    for uid, pod in pods.items():
        commands += _annotate(pod, stages[uid], now)
    moves, unplaceable = _move(pods, stages, placement.moves)
    scaled, queued = _scale(placement, revisions, stages, current)
    draining = tuple(pod for uid, pod in pods.items() if stages[uid].being_drained)
    rebalancing = tuple(pod for uid, pod in pods.items() if stages[uid] is Stage.REBALANCING)
    overdue = tuple(pod for pod in draining if pod.uid in late and stages[pod.uid] is Stage.DRAINING)
    return Steps((*commands, *moves, *scaled), draining, overdue, unplaceable, queued, rebalancing)


def _drain_stage(pod: PodSnapshot, forced: bool) -> Stage:
    """Return the stage of a draining pod; one that was drained stays so if it stops answering."""
    was_empty = pod.stage is Stage.DRAINED and pod.sample is None
    return Stage.DRAINED if pod.empty or was_empty or forced else Stage.DRAINING


def _annotate(pod: PodSnapshot, stage: Stage, now: float) -> list[Command]:
    """Return the commands that put a pod into a stage: it is annotated first when it leaves service, last on return."""
    cordoned = stage is not Stage.SERVING
    unchanged = pod.stage.being_drained is stage.being_drained
    since = (pod.since if pod.since and unchanged else now) if stage.moves_sessions else None
    annotations: list[Command] = [Annotate(pod, stage, since)] if (pod.stage, pod.since) != (stage, since) else []
    differs = pod.sample is not None and pod.sample.cordoned is not cordoned
    cordons: list[Command] = [Cordon(pod, cordoned)] if differs else []
    return [*annotations, *cordons] if cordoned else [*cordons, *annotations]


def _move(
    pods: Mapping[str, PodSnapshot], stages: Mapping[str, Stage], rebalanced: Mapping[str, int]
) -> tuple[list[Command], int]:
    """Return the GoAway commands, and the number of sessions that no pod has room for."""
    out = [pod for uid, pod in pods.items() if stages[uid] is not Stage.SERVING]
    if not all(_out_of_service(pod) for pod in out):
        return [], 0
    room = sum(_room(pod) for uid, pod in pods.items() if stages[uid] is Stage.SERVING)
    draining = [(pod, pod.sample) for pod in out if stages[pod.uid] is Stage.DRAINING and pod.sample is not None]
    room -= sum(sample.leaving for _, sample in draining)
    commands: list[Command] = [GoAway(pods[uid], count) for uid, count in rebalanced.items()]
    unplaceable = 0
    for pod, sample in sorted(draining, key=lambda item: (item[1].connections, item[0].name)):
        unasked = max(0, sample.connections - sample.leaving)
        count = max(0, min(unasked, BATCH - sample.leaving, room))
        if count:
            commands.append(GoAway(pod, count))
        room -= count
        unplaceable += unasked if room <= 0 and not count else 0
    return commands, unplaceable


def _out_of_service(pod: PodSnapshot) -> bool:
    """Return whether a pod can get no new session: annotated, in no EndpointSlice, and cordoned if it answers."""
    return pod.stage is not Stage.SERVING and not pod.offered and (pod.sample is None or pod.sample.cordoned)


def _room(pod: PodSnapshot) -> int:
    """Return how many more sessions a pod in service can hold; none if it does not answer."""
    if not pod.ready or not pod.offered or pod.sample is None or pod.sample.cordoned:
        return 0
    return max(0, pod.sample.capacity - pod.sample.sessions)


def _scale(
    placement: Placement, revisions: Mapping[str, RevisionPods], stages: Mapping[str, Stage], current: str
) -> tuple[list[Command], tuple[PodSnapshot, ...]]:
    """Return the commands to ReplicaSets, and the drained pods that have to wait."""
    commands: list[Command] = []
    queued: list[PodSnapshot] = []
    for name in sorted({*revisions, *placement.grow}):
        item = revisions.get(name, RevisionPods(name, 0))
        if item.survivors:
            commands.append(UnexpectedVictim(name, tuple(pod.name for pod in item.survivors)))
        if grow := placement.grow.get(name, 0):
            commands.append(Scale(name, item.replicas + grow))
        elif cancel := placement.cancel.get(name, 0):
            commands.append(Scale(name, item.replicas - cancel))
        elif not item.leaving and not item.coming:
            drained = [pod for pod in item.pods if {pod.stage, stages[pod.uid]} == {Stage.DRAINED}]
            first = _first(item.pods, drained)
            queued += drained[len(first) :]
            if first:
                commands.append(Scale(name, item.replicas - len(first), tuple(pod.uid for pod in first)))
            elif name != current and not item.replicas and not item.ending:
                commands.append(DeleteReplicaSet(name))
    return commands, tuple(queued)


def _first(pods: Sequence[PodSnapshot], wanted: Iterable[PodSnapshot]) -> list[PodSnapshot]:
    """Return those of the wanted pods that the ReplicaSet would remove before all others."""
    uids = {pod.uid for pod in wanted}
    count = next((index for index, pod in enumerate(pods) if pod.uid not in uids), len(pods))
    return list(pods[:count])
