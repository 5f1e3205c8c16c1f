"""Rebalancing: which serving pods move sessions to others, so that new pods get their share of the load. Pure.

A rebalancing begins when a pod holds clearly more sessions than the *level*: the target, or the mean if that is higher.
Pods without room leave the Service meanwhile, so that a session moves once, to a pod with room; pods above the level
move their excess. It ends when they reach the level, when the others have no room, or when the pool has to scale,
roll out or drain.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from switchboard_crds.signaling_pool import RebalanceMode, SignalingPool
from switchboard_operator.pools.drain import BATCH
from switchboard_operator.pools.rollout import Placement
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage
from switchboard_operator.status.wording import count, listing

MIN_MARGIN: Final = 10
"""Minimum excess over the level, in sessions, that is worth a move."""
SHARE: Final = 10
"""At most 1/SHARE of the pool's sessions may be moving at a time."""
MAX_CROWDING: Final = 8
"""A pod in service may get the new clients of at most this many pods meanwhile, its own included."""
LONGEST_SECONDS: Final = 120.0
"""Maximum duration: clients that do not move must not keep pods out of the Service for longer."""


@dataclass(frozen=True)
class RebalancePolicy:
    """The pool's settings for rebalancing at a point in time."""

    target: int
    """Sessions that each pod should hold; 0: the mean."""
    cooled_down: bool
    """Whether the cooldown since the last move is over."""
    now: float
    """Current time in seconds of the wall clock."""


def margin(level: int) -> int:
    """Return how many sessions above the level start a rebalancing: a fifth of it, and more than random variation.

    Clients choose pods at random, so the standard deviation is the square root of the mean; three of those are rare.
    """
    return max(MIN_MARGIN, level // 5, 3 * math.isqrt(level))


def _min_room(level: int) -> int:
    """Return the room, in sessions, from which on a pod can be moved to."""
    return margin(level) // 2


def level_of(loads: Sequence[float], target: int) -> int:
    """Return the level: sessions that no pod should exceed. `loads` must not be empty."""
    return max(target, math.ceil(sum(loads) / len(loads)))


def uneven(loads: Collection[float | None], target: int) -> bool:
    """Return whether a pod holds far more than the level, and enough others have room.

    An unknown load (None) never starts a rebalancing.
    """
    known = [load for load in loads if load is not None]
    if len(known) < max(2, len(loads)):
        return False
    level = level_of(known, target)
    receivers = sum(load <= level - _min_room(level) for load in known)
    return max(known) > level + margin(level) and receivers * MAX_CROWDING >= len(known)


def policy_of(pool: SignalingPool, now: float) -> RebalancePolicy | None:
    """Return a pool's policy at `now`, in seconds of the wall clock; None if rebalancing is disabled."""
    wanted, auto, last = pool.spec.rebalance, pool.spec.autoscaling, pool.status.last_move_time
    if wanted.mode is RebalanceMode.DISABLED:
        return None
    cooled_down = last is None or now - last.timestamp() >= wanted.cooldown_seconds
    return RebalancePolicy(auto.target_sessions_per_pod if auto else 0, cooled_down, now)


def rebalance(placement: Placement, revisions: Mapping[str, RevisionPods], policy: RebalancePolicy) -> Placement:
    """Return the placement with the pods that leave the Service, and how many sessions they move."""
    pods = [pod for item in revisions.values() for pod in item.staying]
    loads = [pod.sample.sessions for pod in pods if pod.sample is not None]
    if len(loads) < max(2, len(pods)) or not _quiet(placement, revisions, pods):
        return placement
    level, sources = level_of(loads, policy.target), _sources(pods)
    leaving = sum(pod.sample.leaving for pod in pods if pod.sample is not None)
    if sources:
        on_time = policy.now - min(pod.since or policy.now for pod in sources) <= LONGEST_SECONDS
        due = on_time and (leaving > 0 or any(_sessions(pod) > level for pod in sources))
    else:
        due = policy.cooled_down and uneven(loads, policy.target)
    rooms = {pod.uid: room for pod in pods if (room := _room(pod, level)) >= _min_room(level)}
    if len(rooms) * MAX_CROWDING < len(pods):
        rooms = {}
    if not due or not (rooms or leaving):
        return placement
    # Sessions that are still moving need a pod in service: if none has room, pods that were filled stay in service.
    kept = rooms or {pod.uid for pod in pods if pod.stage is Stage.SERVING}
    closed = {pod.uid: Stage.REBALANCING for pod in pods if pod.uid not in kept}
    budget = min(min(rooms.values(), default=0), math.ceil(sum(loads) / SHARE)) - leaving
    return replace(placement, stages={**placement.stages, **closed}, moves=_moves(sources, level, budget))


def _quiet(placement: Placement, revisions: Mapping[str, RevisionPods], pods: Sequence[PodSnapshot]) -> bool:
    """Return whether the pool is otherwise at rest: all pods serve and have one revision, and none comes or goes.

    Each pod in service must already get clients: one that is new or returning may not be in an EndpointSlice yet.
    """
    return (
        not placement.grow
        and not placement.cancel
        and not any(item.coming or item.leaving or item.ending for item in revisions.values())
        and len({pod.replica_set for pod in pods}) == 1
        and all(pod.serves and placement.stages[pod.uid] is Stage.SERVING for pod in pods)
        and all(pod.stage is Stage.REBALANCING or _in_service(pod) for pod in pods)
    )


def _in_service(pod: PodSnapshot) -> bool:
    return pod.offered and pod.sample is not None and not pod.sample.cordoned


def _room(pod: PodSnapshot, level: int) -> int:
    """Return how many more sessions a pod can hold without exceeding the level."""
    if pod.stage is not Stage.SERVING or pod.sample is None:
        return 0
    return min(level, pod.sample.capacity) - pod.sample.sessions


def _sources(pods: Sequence[PodSnapshot]) -> list[PodSnapshot]:
    """Return the pods that the rebalancing began with, the fullest first.

    Pods that left the Service later were filled by it: sessions that just moved there do not move again.
    """
    closed = [pod for pod in pods if pod.stage is Stage.REBALANCING]
    first = min((pod.since for pod in closed if pod.since is not None), default=None)
    return sorted((pod for pod in closed if pod.since == first), key=lambda pod: (-_sessions(pod), pod.name))


def _moves(sources: Sequence[PodSnapshot], level: int, budget: int) -> dict[str, int]:
    """Return how many sessions each pod moves now: few enough that one pod could take all of them within the level."""
    moves = {}
    for pod in sources:
        leaving = pod.sample.leaving if pod.sample is not None else 0
        excess = min(_sessions(pod) - level - leaving, BATCH - leaving, budget)
        if excess > 0:
            moves[pod.uid] = excess
            budget -= excess
    return moves


def _sessions(pod: PodSnapshot) -> int:
    return pod.sample.sessions if pod.sample is not None else 0


def summary(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """Return the result of a rebalancing as text, from the sessions of each pod by name before and after it."""
    changes = {name: after[name] - sessions for name, sessions in before.items() if name in after}
    gave = sorted((name for name in changes if changes[name] < 0), key=lambda name: (changes[name], name))
    took = sorted((name for name in changes if changes[name] > 0), key=lambda name: (-changes[name], name))
    moved = -sum(changes[name] for name in gave)

    def changed(pods: Sequence[str]) -> str:
        return listing(f"{name} ({before[name]} -> {after[name]})" for name in pods)

    if not gave or not took:
        return "No session moved."
    return f"Moved {count(moved, 'session')} from {changed(gave)} to {changed(took)}."
