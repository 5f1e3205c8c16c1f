"""Which pods of a pool serve, which are cordoned, which are drained, and how many are to be made. Pure.

One rule serves scaling, rollouts and node drains. A pod is *updated* if it is of the current revision and its node is
not to be emptied. Updated pods are wanted; each one that serves makes one outdated pod superfluous. Pods that never
serve therefore stop a rollout by themselves, with every outdated pod and its sessions kept.

A session moves at most once in a rollout: no outdated pod gives a session away before all of them are out of the
Service, so that it lands on an updated pod.

A new revision may have to pass a trial first: a few updated pods serve beside all outdated ones, and nothing else
happens, until they have been Ready for a while without a restart.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage, removal_order


@dataclass(frozen=True)
class Canary:
    """A trial that a new revision has to pass before any pod is replaced."""

    pods: int
    """Pods of the new revision that are tried, beyond those wanted."""
    min_ready: float
    """How long they must be Ready without a restart, in seconds."""
    now: float
    """Seconds of the wall clock."""


@dataclass(frozen=True)
class Target:
    """What the pool should come to."""

    replicas: int
    current: str
    """Name of the current revision's ReplicaSet, which may not exist yet."""
    surge: int = 1
    """Pods beyond `replicas` that may exist while others are being replaced."""
    paused: bool = False
    canary: Canary | None = None


@dataclass(frozen=True)
class Placement:
    """The stage that each pod should be in, and changes in number."""

    stages: Mapping[str, Stage]
    """By uid; never Drained, which is found and not wanted."""
    grow: Mapping[str, int] = field(default_factory=dict)
    """Pods to be made, by ReplicaSet."""
    cancel: Mapping[str, int] = field(default_factory=dict)
    """Pods that were asked for, do not exist yet, and should not be made, by ReplicaSet."""
    gives: Mapping[str, int] = field(default_factory=dict)
    """Sessions that pods that stay should give to others now, by uid."""


def share(replicas: int, percent: int) -> int:
    """Return a percentage of the desired pods, rounded up and at least one."""
    return max(1, math.ceil(replicas * percent / 100))


def surge(replicas: int, limit: int | str) -> int:
    """Return how many pods a rollout may add, by `spec.rollout.maxSurge`: a number, or a percentage such as `25%`."""
    return limit if isinstance(limit, int) else share(replicas, int(limit.removesuffix("%")))


def target_of(pool: SignalingPool, replicas: int, current: str, now: float) -> Target:
    """Return what a pool should come to, by its spec, at a moment of the wall clock."""
    spec = pool.spec.rollout
    extra, canary = surge(replicas, spec.max_surge), None
    if spec.canary is not None:
        canary = Canary(min(extra, share(replicas, spec.canary.percent)), spec.canary.min_ready_seconds, now)
    return Target(replicas, current, extra, spec.paused, canary)


def place(target: Target, revisions: Mapping[str, RevisionPods]) -> Placement:
    """Return where each pod should be."""
    current = revisions.get(target.current, RevisionPods(target.current, 0))
    older = [item for name, item in sorted(revisions.items()) if name != target.current]
    pods = [pod for item in (current, *older) for pod in item.staying]
    updated = [pod for pod in pods if pod.replica_set == target.current and not pod.evacuate]
    outdated = [pod for pod in pods if pod.replica_set != target.current or pod.evacuate]
    paused = target.paused and any(item.staying or item.coming for item in older)

    tried = not paused and on_trial(target, revisions)
    limit = _limit(target, len(updated) + current.coming, paused=paused, tried=tried)
    kept, surplus, cancel = _keep(updated, limit, [current])
    serving = sum(pod.ready for pod in kept)

    relieved = not (paused or tried) and _relieved(serving, outdated, target)
    still_needed = max(0, target.replicas - serving) if relieved or paused else target.replicas
    carried, outgoing, cancel_older = _keep(outdated, still_needed, older)
    stages = {pod.uid: Stage.SERVING for pod in kept}
    stages |= {pod.uid: Stage.CORDONED if relieved else Stage.SERVING for pod in carried}
    stages |= {pod.uid: Stage.DRAINING for pod in (*surplus, *outgoing)}

    coming = sum(item.coming for item in (current, *older)) - sum(cancel.values()) - sum(cancel_older.values())
    ours = len(kept) + current.coming - cancel.get(target.current, 0)
    short = target.replicas - len(kept) - len(carried) - coming
    room = target.replicas + target.surge - len(pods) - coming
    if paused or (tried and short > 0):
        fullest = max((current, *older), key=lambda item: sum(pod.ready for pod in item.staying))
        grow = {fullest.name: max(0, short)}
    else:
        grow = {target.current: max(0, min(limit - ours, max(room, short)))}
    return Placement(stages, {name: count for name, count in grow.items() if count}, {**cancel, **cancel_older})


def on_trial(target: Target, revisions: Mapping[str, RevisionPods]) -> bool:
    """Return whether the current revision is new here and has not passed its trial.

    One that was there before the others, to which a rollout is being taken back, needs none.
    """
    current = revisions.get(target.current)
    older = [item for name, item in revisions.items() if name != target.current and (item.staying or item.coming)]
    if target.canary is None or not older or (current and current.created <= max(item.created for item in older)):
        return False
    pods = [pod for pod in current.staying if not pod.evacuate] if current else []
    return sum(_steady(pod, target.canary) for pod in pods) < min(target.canary.pods, target.replicas)


def _steady(pod: PodSnapshot, canary: Canary) -> bool:
    return (
        pod.serves
        and not pod.restarts
        and pod.ready_since is not None
        and canary.now - pod.ready_since >= canary.min_ready
    )


def _limit(target: Target, there: int, *, paused: bool, tried: bool) -> int:
    """Return how many updated pods there may be; `there`: those that exist or are coming."""
    if paused:
        return min(target.replicas, there)
    if tried and target.canary is not None:
        return min(target.replicas, max(target.canary.pods, there))
    return target.replicas


def _relieved(serving: int, outdated: Iterable[PodSnapshot], target: Target) -> bool:
    """Whether enough updated pods serve to take all outdated ones out of the Service, or to leave them out.

    They come back if no updated pod is left that serves.
    """
    out_already = any(pod.stage.going for pod in outdated)
    return serving >= (1 if out_already else min(target.replicas, target.surge))


def _keep(
    pods: list[PodSnapshot], limit: int, revisions: Iterable[RevisionPods]
) -> tuple[list[PodSnapshot], list[PodSnapshot], dict[str, int]]:
    """Return the pods to keep, those to do without, and how many not to make, so that at most `limit` are left."""
    revisions = list(revisions)
    too_many = max(0, len(pods) + sum(item.coming for item in revisions) - limit)
    cancel = {}
    for item in revisions:
        if count := min(item.coming, too_many):
            cancel[item.name] = count
            too_many -= count
    ordered = victims(pods)
    return ordered[too_many:], ordered[:too_many], cancel


def victims(pods: Iterable[PodSnapshot]) -> list[PodSnapshot]:
    """Return the pods in the order in which to do without them.

    First those that do not serve, as a ReplicaSet would; then those that drain, the emptiest first, so that the
    fullest comes back if load returns; then those that serve, with the zones kept balanced, the emptiest first.
    """
    idle: list[PodSnapshot] = []
    leaving: list[PodSnapshot] = []
    serving: list[PodSnapshot] = []
    for pod in sorted(pods, key=lambda pod: pod.name):
        (serving if pod.serves else leaving if pod.ready else idle).append(pod)
    idle.sort(key=lambda pod: (removal_order(pod), _load(pod)))
    depth = [Stage.DRAINED, Stage.DRAINING, Stage.CORDONED]
    leaving.sort(key=lambda pod: (depth.index(pod.stage), _load(pod)))
    return [*idle, *leaving, *_balanced(serving)]


def _balanced(pods: list[PodSnapshot]) -> list[PodSnapshot]:
    """Return the pods so that whoever takes some from the front leaves the zones as equal as can be."""
    zones: dict[str, list[PodSnapshot]] = defaultdict(list)
    for pod in sorted(pods, key=_load, reverse=True):
        zones[pod.zone].append(pod)
    result = []
    while zones:
        zone = max(zones, key=lambda zone: (len(zones[zone]), -_load(zones[zone][-1]), zone))
        result.append(zones[zone].pop())
        if not zones[zone]:
            del zones[zone]
    return result


def _load(pod: PodSnapshot) -> float:
    """Return the sessions of a pod; one that does not say counts as full."""
    return math.inf if pod.sample is None else pod.sample.sessions
