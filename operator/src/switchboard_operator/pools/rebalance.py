"""Which pods that stay give sessions to others, so that pods that are new take their share of the load. Pure.

A rebalancing begins when a pod holds clearly more than the *level*: what it should hold, or the mean if that is more.
Pods without room leave the Service for as long as it lasts, so that whoever moves lands where there is room, and moves
once; those above the level give away what is too much. It ends at the level, or once the others have no room, or with
anything else that there is to do with the pool's pods.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from switchboard_crds.signaling_pool import RebalanceMode, SignalingPool
from switchboard_operator.pools.drain import BATCH
from switchboard_operator.pools.rollout import Placement
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage

MIN_MARGIN: Final = 10
"""Sessions above the level that are never worth a move."""
SHARE: Final = 10
"""At most 1/SHARE of the pool's sessions may be moving at once."""
CROWDED: Final = 8
"""Pods whose new clients one pod may have to take meanwhile, its own included: a crowd that comes must find room."""
LONGEST_SECONDS: Final = 120.0
"""Clients that do not follow must not keep their pods out of the Service for longer."""


@dataclass(frozen=True)
class Terms:
    """What the pool asks for, and how it is about time."""

    target: int
    """Sessions that a pod should hold; 0: their mean."""
    rested: bool
    """Whether sessions were last asked to move long enough ago."""
    now: float
    """Seconds of the wall clock."""


def margin(level: int) -> int:
    """Return how far above the level a pod must be: a fifth, and more than chance does to pods that are alike.

    Clients that choose a pod at random leave it with a spread of the root of its mean; three of those are rare.
    """
    return max(MIN_MARGIN, level // 5, 3 * math.isqrt(level))


def _min_room(level: int) -> int:
    """Return the room that makes a pod one to move to."""
    return margin(level) // 2


def level_of(loads: Sequence[float], target: int) -> int:
    """Return the sessions that no pod should be above, of one or more."""
    return max(target, math.ceil(sum(loads) / len(loads)))


def uneven(loads: Collection[float | None], target: int) -> bool:
    """Return whether a pod holds far more than the level, and enough others have room for clearly more.

    What is not known is no reason to move anybody.
    """
    known = [load for load in loads if load is not None]
    if len(known) < max(2, len(loads)):
        return False
    level = level_of(known, target)
    takers = sum(load <= level - _min_room(level) for load in known)
    return max(known) > level + margin(level) and takers * CROWDED >= len(known)


def terms_of(pool: SignalingPool, now: float) -> Terms | None:
    """Return a pool's terms at a moment of the wall clock; None if it wants no rebalancing."""
    wanted, auto, last = pool.spec.rebalance, pool.spec.autoscaling, pool.status.last_move_time
    if wanted.mode is RebalanceMode.DISABLED:
        return None
    rested = last is None or now - last.timestamp() >= wanted.cooldown_seconds
    return Terms(auto.target_sessions_per_pod if auto else 0, rested, now)


def rebalance(placement: Placement, revisions: Mapping[str, RevisionPods], terms: Terms) -> Placement:
    """Return the placement with the pods that take no clients for now, and who of them gives how many sessions away."""
    pods = [pod for item in revisions.values() for pod in item.staying]
    loads = [pod.sample.sessions for pod in pods if pod.sample is not None]
    if len(loads) < max(2, len(pods)) or not _quiet(placement, revisions, pods):
        return placement
    level, givers = level_of(loads, terms.target), _givers(pods)
    leaving = sum(pod.sample.leaving for pod in pods if pod.sample is not None)
    if givers:
        on_time = terms.now - min(pod.since or terms.now for pod in givers) <= LONGEST_SECONDS
        due = on_time and (leaving > 0 or any(_sessions(pod) > level for pod in givers))
    else:
        due = terms.rested and uneven(loads, terms.target)
    rooms = {pod.uid: room for pod in pods if (room := _room(pod, level)) >= _min_room(level)}
    if len(rooms) * CROWDED < len(pods):
        rooms = {}
    if not due or not (rooms or leaving):
        return placement
    # Who is still moving must not land where there is no room: until then, pods that were filled serve on.
    open_ = rooms or {pod.uid for pod in pods if pod.stage is Stage.SERVING}
    shut = {pod.uid: Stage.REBALANCING for pod in pods if pod.uid not in open_}
    budget = min(min(rooms.values(), default=0), math.ceil(sum(loads) / SHARE)) - leaving
    return replace(placement, stages={**placement.stages, **shut}, gives=_gives(givers, level, budget))


def _quiet(placement: Placement, revisions: Mapping[str, RevisionPods], pods: Sequence[PodSnapshot]) -> bool:
    """Whether nothing else is to be done with the pods: they all serve, are of one revision, and none comes or goes.

    Pods that are to take clients do: one that was just made, or came back, is about to be offered.
    """
    return (
        not placement.grow
        and not placement.cancel
        and not any(item.coming or item.leaving or item.ending for item in revisions.values())
        and len({pod.replica_set for pod in pods}) == 1
        and all(pod.serves and placement.stages[pod.uid] is Stage.SERVING for pod in pods)
        and all(pod.stage is Stage.REBALANCING or _takes(pod) for pod in pods)
    )


def _takes(pod: PodSnapshot) -> bool:
    return pod.offered and pod.sample is not None and not pod.sample.cordoned


def _room(pod: PodSnapshot, level: int) -> int:
    """Return how many sessions a pod can take."""
    if pod.stage is not Stage.SERVING or pod.sample is None:
        return 0
    return min(level, pod.sample.capacity) - pod.sample.sessions


def _givers(pods: Sequence[PodSnapshot]) -> list[PodSnapshot]:
    """Return the pods that the rebalancing began with, the fullest first.

    Those that left the Service later have been filled by it: who has just moved there moves no further.
    """
    shut = [pod for pod in pods if pod.stage is Stage.REBALANCING]
    first = min((pod.since for pod in shut if pod.since is not None), default=None)
    return sorted((pod for pod in shut if pod.since == first), key=lambda pod: (-_sessions(pod), pod.name))


def _gives(givers: Sequence[PodSnapshot], level: int, budget: int) -> dict[str, int]:
    """Share out how many may move now, such that even if all of them choose one pod, it stays within the level."""
    gives = {}
    for pod in givers:
        leaving = pod.sample.leaving if pod.sample is not None else 0
        count = min(_sessions(pod) - level - leaving, BATCH - leaving, budget)
        if count > 0:
            gives[pod.uid] = count
            budget -= count
    return gives


def _sessions(pod: PodSnapshot) -> int:
    return pod.sample.sessions if pod.sample is not None else 0


def summary(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Return in words what a rebalancing came to, by the sessions of each pod before and after it."""
    changes = {name: after[name] - sessions for name, sessions in before.items() if name in after}
    gave = sorted((name for name in changes if changes[name] < 0), key=lambda name: (changes[name], name))
    took = sorted((name for name in changes if changes[name] > 0), key=lambda name: (-changes[name], name))
    count = -sum(changes[name] for name in gave)

    def names(found: Sequence[str]) -> str:
        some = ", ".join(f"{name} ({before[name]} -> {after[name]})" for name in found[:3])
        return some + (f" and {len(found) - 3} more" if len(found) > 3 else "")

    if not gave or not took:
        return "No session moved."
    return f"{count} sessions left {names(gave)}; {names(took)} took sessions."
