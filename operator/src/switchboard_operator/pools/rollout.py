"""Which pods of a pool stay, which hold their sessions, which give them away, and how many are to be made. Pure.

One rule serves scaling, rollouts and node drains. A pod is *right* if it is of the current revision and its node is not
to be emptied. Right pods are wanted; each one that serves makes one of the others superfluous. Pods that never serve
therefore stop a rollout by themselves, with every other pod and its sessions kept.

A session moves once at most in a rollout: no other pod gives a session away before all of them are out of the Service,
so that it lands on a right pod.

A new revision may have to pass a trial first: a few right pods serve beside all others, and nothing else happens, until
they have been Ready for a while without a restart.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools.fleet import Pod, Set, Stage, removal_order


@dataclass(frozen=True)
class Canary:
    """A trial that a new revision has to pass before any pod is replaced."""

    pods: int
    """Pods of the new revision that are tried, beyond those wanted."""
    pause: float
    """Seconds that they have to be Ready for, without a restart."""
    now: float
    """Seconds of the wall clock."""


@dataclass(frozen=True)
class Wish:
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
    shed: Mapping[str, int] = field(default_factory=dict)
    """Pods that were asked for, do not exist yet, and should not be made, by ReplicaSet."""
    gives: Mapping[str, int] = field(default_factory=dict)
    """Sessions that pods that stay should give to others now, by uid."""


def surge(replicas: int, percent: int) -> int:
    """Return so many percent of the pods wanted, at least one: what a rollout may use beyond them, or try."""
    return max(1, math.ceil(replicas * percent / 100))


def wish_of(pool: SignalingPool, replicas: int, current: str, now: float) -> Wish:
    """Return what a pool should come to, by its spec, at a moment of the wall clock."""
    spec = pool.spec.rollout
    most, canary = surge(replicas, spec.surge_percent), None
    if spec.canary is not None:
        canary = Canary(min(most, surge(replicas, spec.canary.percent)), spec.canary.pause_seconds, now)
    return Wish(replicas, current, most, spec.paused, canary)


def place(wish: Wish, sets: Mapping[str, Set]) -> Placement:
    """Return where each pod should be."""
    current = sets.get(wish.current, Set(wish.current, 0))
    older = [item for name, item in sorted(sets.items()) if name != wish.current]
    pods = [pod for item in (current, *older) for pod in item.staying]
    right = [pod for pod in pods if pod.set == wish.current and not pod.evacuate]
    others = [pod for pod in pods if pod.set != wish.current or pod.evacuate]
    paused = wish.paused and any(item.staying or item.coming for item in older)

    tried = not paused and on_trial(wish, sets)
    limit = _limit(wish, len(right) + current.coming, paused=paused, tried=tried)
    kept, surplus, shed = _keep(right, limit, [current])
    serving = sum(pod.ready for pod in kept)

    relieved = not (paused or tried) and _relieved(serving, others, wish)
    still_needed = max(0, wish.replicas - serving) if relieved or paused else wish.replicas
    carried, outgoing, shed_older = _keep(others, still_needed, older)
    stages = {pod.uid: Stage.SERVING for pod in kept}
    stages |= {pod.uid: Stage.HOLDING if relieved else Stage.SERVING for pod in carried}
    stages |= {pod.uid: Stage.DRAINING for pod in (*surplus, *outgoing)}

    coming = sum(item.coming for item in (current, *older)) - sum(shed.values()) - sum(shed_older.values())
    ours = len(kept) + current.coming - shed.get(wish.current, 0)
    short = wish.replicas - len(kept) - len(carried) - coming
    room = wish.replicas + wish.surge - len(pods) - coming
    if paused or (tried and short > 0):
        most = max((current, *older), key=lambda item: sum(pod.ready for pod in item.staying))
        grow = {most.name: max(0, short)}
    else:
        grow = {wish.current: max(0, min(limit - ours, max(room, short)))}
    return Placement(stages, {name: count for name, count in grow.items() if count}, {**shed, **shed_older})


def on_trial(wish: Wish, sets: Mapping[str, Set]) -> bool:
    """Return whether the current revision is new here and has not passed its trial.

    One that was there before the others, to which a rollout is being taken back, needs none.
    """
    current = sets.get(wish.current)
    older = [item for name, item in sets.items() if name != wish.current and (item.staying or item.coming)]
    if wish.canary is None or not older or (current and current.created <= max(item.created for item in older)):
        return False
    pods = [pod for pod in current.staying if not pod.evacuate] if current else []
    return sum(_steady(pod, wish.canary) for pod in pods) < min(wish.canary.pods, wish.replicas)


def _steady(pod: Pod, canary: Canary) -> bool:
    return (
        pod.serves and not pod.restarts and pod.ready_since is not None and canary.now - pod.ready_since >= canary.pause
    )


def _limit(wish: Wish, there: int, *, paused: bool, tried: bool) -> int:
    """Return how many right pods there may be; `there`: those that exist or are coming."""
    if paused:
        return min(wish.replicas, there)
    if tried and wish.canary is not None:
        return min(wish.replicas, max(wish.canary.pods, there))
    return wish.replicas


def _relieved(serving: int, others: Iterable[Pod], wish: Wish) -> bool:
    """Whether enough right pods serve to take all others out of the Service, or to leave them out.

    They come back if no right pod is left that serves.
    """
    out_already = any(pod.stage.going for pod in others)
    return serving >= (1 if out_already else min(wish.replicas, wish.surge))


def _keep(pods: list[Pod], limit: int, sets: Iterable[Set]) -> tuple[list[Pod], list[Pod], dict[str, int]]:
    """Return the pods to keep, those to do without, and how many not to make, so that `limit` are left at most."""
    sets = list(sets)
    too_many = max(0, len(pods) + sum(item.coming for item in sets) - limit)
    shed = {}
    for item in sets:
        if count := min(item.coming, too_many):
            shed[item.name] = count
            too_many -= count
    ordered = victims(pods)
    return ordered[too_many:], ordered[:too_many], shed


def victims(pods: Iterable[Pod]) -> list[Pod]:
    """Return the pods in the order in which to do without them.

    First those that do not serve, as a ReplicaSet would; then those on their way out, the emptiest first, so that the
    fullest comes back if load returns; then those that serve, with the zones kept balanced, the emptiest first.
    """
    idle: list[Pod] = []
    leaving: list[Pod] = []
    serving: list[Pod] = []
    for pod in sorted(pods, key=lambda pod: pod.name):
        (serving if pod.serves else leaving if pod.ready else idle).append(pod)
    idle.sort(key=lambda pod: (removal_order(pod), _load(pod)))
    depth = [Stage.DRAINED, Stage.DRAINING, Stage.HOLDING]
    leaving.sort(key=lambda pod: (depth.index(pod.stage), _load(pod)))
    return [*idle, *leaving, *_balanced(serving)]


def _balanced(pods: list[Pod]) -> list[Pod]:
    """Return the pods so that whoever takes some from the front leaves the zones as equal as can be."""
    zones: dict[str, list[Pod]] = defaultdict(list)
    for pod in sorted(pods, key=_load, reverse=True):
        zones[pod.zone].append(pod)
    result = []
    while zones:
        zone = max(zones, key=lambda zone: (len(zones[zone]), -_load(zones[zone][-1]), zone))
        result.append(zones[zone].pop())
        if not zones[zone]:
            del zones[zone]
    return result


def _load(pod: Pod) -> float:
    """Return the sessions of a pod; one that does not say counts as full."""
    return math.inf if pod.sample is None else pod.sample.sessions
