"""Which pods serve, which are cordoned or drained, and how many are created. Pure.

One rule covers scaling, rollouts and node drains. A pod is *updated* if it is of the current revision and its node is
schedulable; otherwise it is *outdated*. Each updated pod that serves replaces one outdated pod. A revision whose pods
never serve therefore stops its rollout, and all outdated pods keep their sessions.

A session moves at most once per rollout: no outdated pod moves sessions before all of them are out of the Service, so
that every session moves to an updated pod.

With a canary, a few updated pods serve beside all outdated ones until they have been Ready for long enough without a
restart. Only then are outdated pods replaced.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage, removal_order


@dataclass(frozen=True)
class Canary:
    """The trial of a new revision before any pod is replaced."""

    pods: int
    """Number of canary pods."""
    min_ready: float
    """How long they must be Ready without a restart, in seconds."""
    now: float
    """Current time in seconds of the wall clock."""


@dataclass(frozen=True)
class Target:
    """The desired state of the pool."""

    replicas: int
    current: str
    """Name of the current revision's ReplicaSet, which may not exist yet."""
    surge: int = 1
    """Number of pods above `replicas` that may exist during a rollout."""
    paused: bool = False
    canary: Canary | None = None


@dataclass(frozen=True)
class Placement:
    """The stage that each pod should have, and changes of the number of pods."""

    stages: Mapping[str, Stage]
    """Stage by pod uid; never Drained, which is observed, not planned."""
    grow: Mapping[str, int] = field(default_factory=dict)
    """Number of pods to create, by ReplicaSet."""
    cancel: Mapping[str, int] = field(default_factory=dict)
    """Number of requested pods that do not exist yet and are no longer needed, by ReplicaSet."""
    moves: Mapping[str, int] = field(default_factory=dict)
    """Number of sessions to move in a rebalancing now, by pod uid."""


def share(replicas: int, percent: int) -> int:
    """Return a percentage of the desired pods, rounded up and at least one."""
    return max(1, math.ceil(replicas * percent / 100))


def surge(replicas: int, limit: int | str) -> int:
    """Return how many pods a rollout may add, by `spec.rollout.maxSurge`: a number, or a percentage such as `25%`."""
    return limit if isinstance(limit, int) else share(replicas, int(limit.removesuffix("%")))


def target_of(pool: SignalingPool, replicas: int, current: str, now: float) -> Target:
    """Return the target of a pool; `now` is in seconds of the wall clock."""
    spec = pool.spec.rollout
    extra, canary = surge(replicas, spec.max_surge), None
    if spec.canary is not None:
        canary = Canary(min(extra, share(replicas, spec.canary.percent)), spec.canary.min_ready_seconds, now)
    return Target(replicas, current, extra, spec.paused, canary)


def place(target: Target, revisions: Mapping[str, RevisionPods]) -> Placement:
    """Return the stage that each pod should have, and the pods to create or cancel."""
    current = revisions.get(target.current, RevisionPods(target.current, 0))
    older = [item for name, item in sorted(revisions.items()) if name != target.current]
    pods = [pod for item in (current, *older) for pod in item.staying]
    updated = [pod for pod in pods if pod.replica_set == target.current and not pod.evacuate]
    outdated = [pod for pod in pods if pod.replica_set != target.current or pod.evacuate]
    paused = target.paused and any(item.staying or item.coming for item in older)

    in_trial = not paused and in_canary(target, revisions)
    limit = _limit(target, len(updated) + current.coming, paused=paused, in_trial=in_trial)
    kept, surplus, cancel = _keep(updated, limit, [current])
    serving = sum(pod.ready for pod in kept)

    replaced = not (paused or in_trial) and _can_replace(serving, outdated, target)
    still_needed = max(0, target.replicas - serving) if replaced or paused else target.replicas
    carried, outgoing, cancel_older = _keep(outdated, still_needed, older)
    stages = {pod.uid: Stage.SERVING for pod in kept}
    stages |= {pod.uid: Stage.CORDONED if replaced else Stage.SERVING for pod in carried}
    stages |= {pod.uid: Stage.DRAINING for pod in (*surplus, *outgoing)}

    coming = sum(item.coming for item in (current, *older)) - sum(cancel.values()) - sum(cancel_older.values())
    ours = len(kept) + current.coming - cancel.get(target.current, 0)
    short = target.replicas - len(kept) - len(carried) - coming
    room = target.replicas + target.surge - len(pods) - coming
    if paused or (in_trial and short > 0):
        fullest = max((current, *older), key=lambda item: sum(pod.ready for pod in item.staying))
        grow = {fullest.name: max(0, short)}
    else:
        grow = {target.current: max(0, min(limit - ours, max(room, short)))}
    return Placement(stages, {name: count for name, count in grow.items() if count}, {**cancel, **cancel_older})


def in_canary(target: Target, revisions: Mapping[str, RevisionPods]) -> bool:
    """Return whether the current revision is a canary: newer than the others, and not Ready for long enough yet.

    A revision that is older than the others is a rollback and needs no canary.
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


def _limit(target: Target, existing: int, *, paused: bool, in_trial: bool) -> int:
    """Return the maximum number of updated pods; `existing` counts those that exist or are being created."""
    if paused:
        return min(target.replicas, existing)
    if in_trial and target.canary is not None:
        return min(target.replicas, max(target.canary.pods, existing))
    return target.replicas


def _can_replace(serving: int, outdated: Iterable[PodSnapshot], target: Target) -> bool:
    """Return whether enough updated pods serve to take the outdated ones out of the Service, or keep them out.

    Outdated pods return to service when no updated pod serves.
    """
    out_already = any(pod.stage.being_drained for pod in outdated)
    return serving >= (1 if out_already else min(target.replicas, target.surge))


def _keep(
    pods: list[PodSnapshot], limit: int, revisions: Iterable[RevisionPods]
) -> tuple[list[PodSnapshot], list[PodSnapshot], dict[str, int]]:
    """Return the pods to keep, those to remove, and how many to cancel, so that at most `limit` remain."""
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
    """Return the pods in the order in which to remove them.

    First those that are not Ready, in the order of a ReplicaSet; then draining ones, the emptiest first, so that the
    fullest returns to service if load comes back; then serving ones, the emptiest first, keeping the zones balanced.
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
    """Return the pods in an order in which removing any number from the front keeps the zones balanced."""
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
    """Return the sessions of a pod; one without a sample counts as full."""
    return math.inf if pod.sample is None else pod.sample.sessions
