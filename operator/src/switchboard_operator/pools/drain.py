"""The next steps of the pods that should go: cordon, wait, give away, remove, and the way back. Pure.

A pod goes like this, and what it has reached stands on the pod itself, so that another leader goes on from there:

1. *Holding* or *Draining*: its label takes it out of the Service, and it is told to refuse sessions.
2. No EndpointSlice offers it, nor any other pod that is on its way out: it asks its sessions to move, some at a time,
   as many as the pods in service have room for.
3. No socket is left: *Drained*. Its deletion cost makes it the first that its ReplicaSet removes.
4. Only then its ReplicaSet is asked for one pod less, and what went is compared with what was meant.

Until 4 it can come back: if load returns, or the pods that were to replace it stop serving.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from switchboard_operator.pools.fleet import Pod, Set, Stage
from switchboard_operator.pools.rollout import Placement

BATCH: Final = 100
BATCH_MS: Final = 2000
"""Sessions of one pod that may be on the move at a time, and the span over which it spreads its requests to them.

Who has not followed yet counts, so that a slow arrival elsewhere slows the departure down.
"""


@dataclass(frozen=True)
class Mark:
    """Write the stage on the pod; `since` is when it began to give sessions away, in seconds of the wall clock."""

    pod: Pod
    stage: Stage
    since: float | None


@dataclass(frozen=True)
class Tell:
    """Tell the pod whether to refuse sessions."""

    pod: Pod
    refuse: bool


@dataclass(frozen=True)
class Give:
    """Have the pod ask some of its sessions to move."""

    pod: Pod
    count: int


@dataclass(frozen=True)
class Resize:
    """Ask a ReplicaSet for this many pods; `removing` are the uids of those that it should remove."""

    set: str
    replicas: int
    removing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Discard:
    """Delete a ReplicaSet that has no pod any more."""

    set: str


@dataclass(frozen=True)
class Spared:
    """Note that a ReplicaSet removed another pod than the one it was meant to."""

    set: str
    pods: tuple[str, ...]


Command: TypeAlias = Mark | Tell | Give | Resize | Discard | Spared


@dataclass(frozen=True)
class Steps:
    """What to do now, in order, and what is being waited for."""

    commands: tuple[Command, ...] = ()
    out: tuple[Pod, ...] = ()
    """Pods on their way out."""
    overdue: tuple[Pod, ...] = ()
    """Pods whose sessions have not moved in time, and which are kept for them."""
    homeless: int = 0
    """Sessions that no pod in service has room for."""
    queued: tuple[Pod, ...] = field(default=())
    """Empty pods that their ReplicaSet would not remove first: it is left alone until the others have started."""
    rebalancing: tuple[Pod, ...] = ()
    """Pods that stay, and are out of the Service while some of them give sessions to others."""

    @property
    def busy(self) -> bool:
        """Whether to look again soon."""
        return bool(self.commands or self.moving)

    @property
    def moving(self) -> bool:
        """Whether sessions move, or are about to."""
        return bool(self.out or self.rebalancing)


def describe(command: Command) -> str:
    """Return a command in words, for the log."""
    match command:
        case Mark(pod=pod, stage=stage):
            return f"mark {pod.name} {stage.value}, was {pod.stage.value}"
        case Tell(pod=pod, refuse=refuse):
            return f"tell {pod.name} to {'refuse' if refuse else 'take'} sessions"
        case Give(pod=pod, count=count):
            return f"have {pod.name} give {count} sessions away"
        case Resize(set=name, replicas=replicas, removing=removing):
            return f"resize {name} to {replicas}" + (f", removing {', '.join(removing)}" if removing else "")
        case Discard(set=name):
            return f"delete {name}"
    return f"note that {command.set} spared {', '.join(command.pods)}"


def steps(
    placement: Placement, sets: Mapping[str, Set], current: str, now: float, timeout: float, *, force: bool
) -> Steps:
    """Return the next steps; `now` is the wall clock, `timeout` the time that a pod has to become empty, in seconds.

    With `force`, a pod whose time is up goes with what it still holds.
    """
    pods = {pod.uid: pod for item in sets.values() for pod in item.staying}
    late = {uid for uid, pod in pods.items() if pod.stage.going and pod.since and now - pod.since > timeout}
    stages = {
        uid: _reached(pod, force and uid in late) if (stage := placement.stages[uid]) is Stage.DRAINING else stage
        for uid, pod in pods.items()
    }
    commands: list[Command] = []
    for uid, pod in pods.items():
        commands += _mark(pod, stages[uid], now)
    gifts, homeless = _give(pods, stages, placement.gives)
    resized, queued = _resize(placement, sets, stages, current)
    out = tuple(pod for uid, pod in pods.items() if stages[uid].going)
    rebalancing = tuple(pod for uid, pod in pods.items() if stages[uid] is Stage.REBALANCING)
    overdue = tuple(pod for pod in out if pod.uid in late and stages[pod.uid] is Stage.DRAINING)
    return Steps((*commands, *gifts, *resized), out, overdue, homeless, queued, rebalancing)


def _reached(pod: Pod, forced: bool) -> Stage:
    """Return how far a pod that should go has come; one that was empty and falls silent is still empty."""
    was_empty = pod.stage is Stage.DRAINED and pod.sample is None
    return Stage.DRAINED if pod.empty or was_empty or forced else Stage.DRAINING


def _mark(pod: Pod, stage: Stage, now: float) -> list[Command]:
    """Make a pod's marks, and the pod itself, as the stage says: marks first on the way out, last on the way back."""
    refuse = stage is not Stage.SERVING
    went_on = pod.stage.going is stage.going
    since = (pod.since if pod.since and went_on else now) if stage.giving else None
    marks: list[Command] = [Mark(pod, stage, since)] if (pod.stage, pod.since) != (stage, since) else []
    tells: list[Command] = [Tell(pod, refuse)] if pod.sample is not None and pod.sample.cordoned is not refuse else []
    return [*marks, *tells] if refuse else [*tells, *marks]


def _give(pods: Mapping[str, Pod], stages: Mapping[str, Stage], gives: Mapping[str, int]) -> tuple[list[Command], int]:
    """Return whom to ask to give how many sessions away, and how many sessions find no room."""
    out = [pod for uid, pod in pods.items() if stages[uid] is not Stage.SERVING]
    if not all(_closed(pod) for pod in out):
        return [], 0
    room = sum(_room(pod) for uid, pod in pods.items() if stages[uid] is Stage.SERVING)
    giving = [(pod, pod.sample) for pod in out if stages[pod.uid] is Stage.DRAINING and pod.sample is not None]
    room -= sum(sample.leaving for _, sample in giving)
    commands: list[Command] = [Give(pods[uid], count) for uid, count in gives.items()]
    homeless = 0
    for pod, sample in sorted(giving, key=lambda item: (item[1].connections, item[0].name)):
        untold = max(0, sample.connections - sample.leaving)
        count = max(0, min(untold, BATCH - sample.leaving, room))
        if count:
            commands.append(Give(pod, count))
        room -= count
        homeless += untold if room <= 0 and not count else 0
    return commands, homeless


def _closed(pod: Pod) -> bool:
    """Whether a pod certainly takes no new session: it is marked, nothing offers it, and it refuses if it answers."""
    return pod.stage is not Stage.SERVING and not pod.offered and (pod.sample is None or pod.sample.cordoned)


def _room(pod: Pod) -> int:
    """Return the sessions that a pod in service can take; one that does not answer takes none."""
    if not pod.ready or not pod.offered or pod.sample is None or pod.sample.cordoned:
        return 0
    return max(0, pod.sample.capacity - pod.sample.sessions)


def _resize(
    placement: Placement, sets: Mapping[str, Set], stages: Mapping[str, Stage], current: str
) -> tuple[list[Command], tuple[Pod, ...]]:
    """Return the ReplicaSets' new sizes, and the empty pods that have to wait for their turn."""
    commands: list[Command] = []
    queued: list[Pod] = []
    for name in sorted({*sets, *placement.grow}):
        item = sets.get(name, Set(name, 0))
        if item.spared:
            commands.append(Spared(name, tuple(pod.name for pod in item.spared)))
        if grow := placement.grow.get(name, 0):
            commands.append(Resize(name, item.replicas + grow))
        elif shed := placement.shed.get(name, 0):
            commands.append(Resize(name, item.replicas - shed))
        elif not item.leaving and not item.coming:
            drained = [pod for pod in item.pods if {pod.stage, stages[pod.uid]} == {Stage.DRAINED}]
            first = _first(item.pods, drained)
            queued += drained[len(first) :]
            if first:
                commands.append(Resize(name, item.replicas - len(first), tuple(pod.uid for pod in first)))
            elif name != current and not item.replicas and not item.ending:
                commands.append(Discard(name))
    return commands, tuple(queued)


def _first(pods: Sequence[Pod], wanted: Iterable[Pod]) -> list[Pod]:
    """Return those of the wanted pods that the ReplicaSet would remove before any other."""
    uids = {pod.uid for pod in wanted}
    count = next((index for index, pod in enumerate(pods) if pod.uid not in uids), len(pods))
    return list(pods[:count])
