"""The next steps of the pods that should go: cordon, wait, move sessions, remove, and the way back. Pure.

A pod goes like this, and what it has reached stands on the pod itself, so that another leader goes on from there:

1. *Cordoned* or *Draining*: its label takes it out of the Service, and it is asked to refuse sessions.
2. No EndpointSlice offers it, nor any other pod that is being drained: it asks its sessions to move, some at a time,
   as many as the pods in service have room for.
3. No socket is left: *Drained*. Its deletion cost makes it the first that its ReplicaSet removes.
4. Only then its ReplicaSet is asked for one pod less, and what went is compared with what was meant.

Until 4 it can come back: if load returns, or the pods that were to replace it stop serving.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from switchboard_operator.pools.rollout import Placement
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage

BATCH: Final = 100
BATCH_MS: Final = 2000
"""Sessions of one pod that may be on the move at a time, and the span over which it spreads its requests to them.

Who has not followed yet counts, so that a slow arrival elsewhere slows the departure down.
"""


@dataclass(frozen=True)
class Annotate:
    """Write the stage on the pod; `since` is when it began to give sessions away, in seconds of the wall clock."""

    pod: PodSnapshot
    stage: Stage
    since: float | None


@dataclass(frozen=True)
class Cordon:
    """Ask the pod to refuse sessions, or to take them again."""

    pod: PodSnapshot
    refuse: bool


@dataclass(frozen=True)
class GoAway:
    """Have the pod ask some of its sessions to move."""

    pod: PodSnapshot
    count: int


@dataclass(frozen=True)
class Scale:
    """Ask a ReplicaSet for this many pods; `removing` are the uids of those that it should remove."""

    replica_set: str
    replicas: int
    removing: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeleteReplicaSet:
    """Delete a ReplicaSet that has no pod any more."""

    replica_set: str


@dataclass(frozen=True)
class UnexpectedVictim:
    """Note that a ReplicaSet removed another pod than the drained ones, `pods`, which are still there."""

    replica_set: str
    pods: tuple[str, ...]


Command: TypeAlias = Annotate | Cordon | GoAway | Scale | DeleteReplicaSet | UnexpectedVictim


@dataclass(frozen=True)
class Steps:
    """What to do now, in order, and what is being waited for."""

    commands: tuple[Command, ...] = ()
    out: tuple[PodSnapshot, ...] = ()
    """Pods that drain."""
    overdue: tuple[PodSnapshot, ...] = ()
    """Pods whose sessions have not moved in time, and which are kept for them."""
    unplaceable: int = 0
    """Sessions that no pod in service has room for."""
    queued: tuple[PodSnapshot, ...] = field(default=())
    """Empty pods that their ReplicaSet would not remove first: it is left alone until the others have started."""
    rebalancing: tuple[PodSnapshot, ...] = ()
    """Pods that stay, and are out of the Service while some of them give sessions to others."""

    @property
    def moving(self) -> bool:
        """Whether sessions move, or are about to."""
        return bool(self.out or self.rebalancing)


def describe(command: Command) -> str:
    """Return a command in words, for the log."""
    match command:
        case Annotate(pod=pod, stage=stage):
            return f"annotate {pod.name} {stage.value}, was {pod.stage.value}"
        case Cordon(pod=pod, refuse=refuse):
            return f"{'cordon' if refuse else 'uncordon'} {pod.name}"
        case GoAway(pod=pod, count=count):
            return f"ask {count} sessions of {pod.name} to move"
        case Scale(replica_set=name, replicas=replicas, removing=removing):
            return f"scale {name} to {replicas}" + (f", removing {', '.join(removing)}" if removing else "")
        case DeleteReplicaSet(replica_set=name):
            return f"delete {name}"
    return f"note that {command.replica_set} kept {', '.join(command.pods)}"


def chains(commands: Iterable[Command]) -> tuple[list[list[Command]], list[list[Command]]]:
    """Return the commands to pods and those to ReplicaSets, each in one list per object, in their order.

    The lists of a kind may be carried out in any order, or at once. Those of the pods come first: what they write on
    the pods decides which of them a ReplicaSet removes.
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
    """Return the next steps; `now` is the wall clock, `timeout` the time that a pod has to become empty, in seconds.

    With `force`, a pod whose time is up goes with what it still holds.
    """
    pods = {pod.uid: pod for item in revisions.values() for pod in item.staying}
    late = {uid for uid, pod in pods.items() if pod.stage.going and pod.since and now - pod.since > timeout}
    stages = {
        uid: _reached(pod, force and uid in late) if (stage := placement.stages[uid]) is Stage.DRAINING else stage
        for uid, pod in pods.items()
    }
    commands: list[Command] = []
    for uid, pod in pods.items():
        commands += _annotate(pod, stages[uid], now)
    moves, unplaceable = _move(pods, stages, placement.gives)
    scaled, queued = _scale(placement, revisions, stages, current)
    out = tuple(pod for uid, pod in pods.items() if stages[uid].going)
    rebalancing = tuple(pod for uid, pod in pods.items() if stages[uid] is Stage.REBALANCING)
    overdue = tuple(pod for pod in out if pod.uid in late and stages[pod.uid] is Stage.DRAINING)
    return Steps((*commands, *moves, *scaled), out, overdue, unplaceable, queued, rebalancing)


def _reached(pod: PodSnapshot, forced: bool) -> Stage:
    """Return how far a pod that should go has come; one that was empty and falls silent is still empty."""
    was_empty = pod.stage is Stage.DRAINED and pod.sample is None
    return Stage.DRAINED if pod.empty or was_empty or forced else Stage.DRAINING


def _annotate(pod: PodSnapshot, stage: Stage, now: float) -> list[Command]:
    """Make a pod's marks, and the pod itself, as the stage says: marks first on the way out, last on the way back."""
    refuse = stage is not Stage.SERVING
    went_on = pod.stage.going is stage.going
    since = (pod.since if pod.since and went_on else now) if stage.giving else None
    marks: list[Command] = [Annotate(pod, stage, since)] if (pod.stage, pod.since) != (stage, since) else []
    differs = pod.sample is not None and pod.sample.cordoned is not refuse
    cordons: list[Command] = [Cordon(pod, refuse)] if differs else []
    return [*marks, *cordons] if refuse else [*cordons, *marks]


def _move(
    pods: Mapping[str, PodSnapshot], stages: Mapping[str, Stage], gives: Mapping[str, int]
) -> tuple[list[Command], int]:
    """Return whom to ask to move how many sessions, and how many sessions find no room."""
    out = [pod for uid, pod in pods.items() if stages[uid] is not Stage.SERVING]
    if not all(_shut(pod) for pod in out):
        return [], 0
    room = sum(_room(pod) for uid, pod in pods.items() if stages[uid] is Stage.SERVING)
    giving = [(pod, pod.sample) for pod in out if stages[pod.uid] is Stage.DRAINING and pod.sample is not None]
    room -= sum(sample.leaving for _, sample in giving)
    commands: list[Command] = [GoAway(pods[uid], count) for uid, count in gives.items()]
    unplaceable = 0
    for pod, sample in sorted(giving, key=lambda item: (item[1].connections, item[0].name)):
        unasked = max(0, sample.connections - sample.leaving)
        count = max(0, min(unasked, BATCH - sample.leaving, room))
        if count:
            commands.append(GoAway(pod, count))
        room -= count
        unplaceable += unasked if room <= 0 and not count else 0
    return commands, unplaceable


def _shut(pod: PodSnapshot) -> bool:
    """Whether a pod certainly takes no new session: it is marked, nothing offers it, and it refuses if it answers."""
    return pod.stage is not Stage.SERVING and not pod.offered and (pod.sample is None or pod.sample.cordoned)


def _room(pod: PodSnapshot) -> int:
    """Return the sessions that a pod in service can take; one that does not answer takes none."""
    if not pod.ready or not pod.offered or pod.sample is None or pod.sample.cordoned:
        return 0
    return max(0, pod.sample.capacity - pod.sample.sessions)


def _scale(
    placement: Placement, revisions: Mapping[str, RevisionPods], stages: Mapping[str, Stage], current: str
) -> tuple[list[Command], tuple[PodSnapshot, ...]]:
    """Return the ReplicaSets' new sizes, and the empty pods that have to wait for their turn."""
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
    """Return those of the wanted pods that the ReplicaSet would remove before any other."""
    uids = {pod.uid for pod in wanted}
    count = next((index for index, pod in enumerate(pods) if pod.uid not in uids), len(pods))
    return list(pods[:count])
