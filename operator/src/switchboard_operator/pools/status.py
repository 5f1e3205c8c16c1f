"""From what was observed to the facts and fields of a pool's status. Pure."""

from collections.abc import Sequence
from typing import Any

from switchboard_crds.signaling_pool import PoolCondition, SignalingPool
from switchboard_operator.api import Json
from switchboard_operator.conditions import Fact
from switchboard_operator.pools import objects
from switchboard_operator.pools.rollout import RevisionState
from switchboard_operator.workloads import trouble


def fields(pool: SignalingPool, image: str, rev: str, states: Sequence[RevisionState]) -> dict[str, Any]:
    """Return the pool's own fields of the status; `rev` is empty while the pool waits for what it refers to."""
    return {
        "replicas": sum(state.existing for state in states),
        "readyReplicas": sum(state.ready for state in states),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(objects.selector(pool).items())),
        "image": image,
        "revision": rev,
        "service": objects.base_name(pool),
    }


def pods_ready(
    wanted: int, current: RevisionState, older: Sequence[RevisionState], pods: Sequence[Json], failure: str | None
) -> Fact:
    """Return whether all pods of the current revision serve and no older ones are left."""
    left = sum(state.existing for state in older)
    if current.ready >= wanted and not left:
        return Fact(PoolCondition.PODS_READY, True, "Serving", f"{current.ready} of {wanted} pods serve.")
    if (found := trouble(pods)) is not None:
        return Fact(PoolCondition.PODS_READY, False, *found)
    if failure is not None:
        return Fact(PoolCondition.PODS_READY, False, "PodsRefused", f"{failure}. Remedy: lift the limit it names")
    message = f"{current.ready} of {wanted} pods of the current revision serve; {left} of older revisions are left."
    return Fact(PoolCondition.PODS_READY, False, "RollingOut" if older else "Starting", message, in_progress=True)


def waiting() -> Fact:
    """Return that no pods can be made yet."""
    message = "The pods are made once spec.redisRef is resolved."
    return Fact(PoolCondition.PODS_READY, False, "Waiting", message, in_progress=True)


def durable(pool: SignalingPool) -> Fact:
    """Return whether sessions outlive their pod."""
    if pool.spec.redis_ref is not None:
        return Fact(PoolCondition.SESSIONS_DURABLE, True, "Redis", "Sessions live in Redis.")
    message = "Sessions end with their pod. Remedy for more than trying: set spec.redisRef"
    return Fact(PoolCondition.SESSIONS_DURABLE, False, "Memory", message)
