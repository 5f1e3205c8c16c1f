"""From what was observed to the facts and fields of a pool's status. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from switchboard_crds.signaling_pool import PoolCondition, ScalingMode, SignalingPool
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.pools import objects
from switchboard_operator.pools.demand import read_schedules
from switchboard_operator.pools.fleet import Pod, Stage
from switchboard_operator.pools.state import Moved
from switchboard_operator.status.conditions import Fact, rfc3339
from switchboard_operator.status.diagnosis import trouble

START_SECONDS: Final = 120
"""A pod that does not serve by then is no pod that just starts."""


def fields(pool: SignalingPool, image: Images, rev: str, moved: Moved) -> dict[str, Any]:
    """Return the pool's own fields of the status; `rev` is empty while the pool waits for what it refers to."""
    return {
        "replicas": len(moved.pods),
        "readyReplicas": sum(pod.ready for pod in moved.pods),
        "drainingReplicas": sum(pod.stage in {Stage.DRAINING, Stage.DRAINED} for pod in moved.pods),
        "desiredReplicas": moved.decision.desired,
        "decision": moved.numbers.why,
        "sessions": moved.numbers.sessions,
        "capacity": moved.numbers.capacity,
        **({"lastMoveTime": rfc3339(moved.last_move)} if moved.last_move else {}),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(objects.selector(pool).items())),
        **image.fields(),
        "revision": rev,
        "service": objects.base_name(pool),
    }


def pods_ready(pool: SignalingPool, moved: Moved, pods: Sequence[Json], now: datetime) -> Fact:
    """Return whether all pods of the current revision serve and no other ones are left."""
    kind, wanted = PoolCondition.PODS_READY, moved.decision.desired
    if moved.serving >= wanted and not moved.others:
        return Fact(kind, True, "Serving", f"{moved.serving} of {wanted} pods serve.")
    if (found := trouble(pods)) is not None:
        return Fact(kind, False, *found)
    if moved.failure is not None:
        return Fact(kind, False, "PodsRefused", f"{moved.failure}. Remedy: lift the limit it names")
    if late := _late(moved, now):
        message = f"Pod {pool.metadata.namespace}/{late} was made {START_SECONDS} s ago and does not serve."
        remedy = " Remedy: read its `kubectl logs`; to give the new revision up, apply the old spec again"
        return Fact(kind, False, "PodNotServing", message + (remedy if moved.others else remedy.split(";")[0]))
    message = f"{moved.serving} of {wanted} right pods serve; {moved.others} are left to be replaced."
    if (tried := pool.spec.rollout.canary) is not None and moved.on_trial and not pool.spec.rollout.paused:
        if unsteady := [pod for pod in moved.right if pod.restarts]:
            message = (
                f"Of the new revision {_names(unsteady)} restarted: the rollout stops with all old pods in service."
            )
            remedy = " Remedy: read `kubectl logs --previous`; apply the old spec again, or delete the pod to try again"
            return Fact(kind, False, "CanaryRestarted", message + remedy)
        message = f"{moved.serving} pods of the new revision serve beside the old ones, which are replaced once the new"
        return Fact(kind, False, "Canary", f"{message} ones were Ready for {tried.pause_seconds} s.", in_progress=True)
    if pool.spec.rollout.paused and moved.others:
        return Fact(kind, False, "RolloutPaused", f"{message} Remedy: set spec.rollout.paused to false", True)
    return Fact(kind, False, "RollingOut" if moved.others else "Starting", message, in_progress=True)


def _late(moved: Moved, now: datetime) -> str | None:
    """Return the name of a right pod that should serve by now and does not."""
    for pod in moved.right:
        created = datetime.fromisoformat(pod.created)
        if not pod.ready and not pod.stage.going and (now - created).total_seconds() > START_SECONDS:
            return pod.name
    return None


def drained(pool: SignalingPool, moved: Moved) -> Fact:
    """Return whether no pod waits for its sessions to move."""
    kind, steps = PoolCondition.DRAINED, moved.steps
    if steps.overdue:
        message = f"After {pool.spec.drain.timeout_seconds} s {_names(steps.overdue)} still hold sessions."
        remedy = " Remedy: wait for these clients to leave, or set spec.drain.onTimeout to Force"
        return Fact(kind, False, "TimedOut", message + remedy)
    if steps.homeless:
        message = "The pods in service have no room for the sessions of those that should go."
        return Fact(kind, False, "NoRoom", f"{message} Remedy: raise spec.replicas, or wait for clients to leave")
    if steps.out:
        return Fact(kind, False, "Draining", f"On their way out: {_names(steps.out)}.", in_progress=True)
    return Fact(kind, True, "Drained", "No pod is on its way out.")


def scaling(pool: SignalingPool, moved: Moved) -> Fact:
    """Return whether the load decides on pods."""
    kind, auto = PoolCondition.SCALING_ACTIVE, pool.spec.autoscaling
    if auto is None or auto.mode is ScalingMode.MANUAL:
        return Fact(kind, False, "Manual", "spec.replicas decides.")
    if moved.decision.blind:
        message = "No pod could be asked for its sessions: nothing goes down until one answers."
        return Fact(kind, False, "NoSamples", f"{message} Remedy: see whether the operator reaches the pods' port")
    if problems := read_schedules(auto)[1]:
        return Fact(kind, False, "WrongSchedule", f"{problems[0]}. Remedy: correct it; the others are kept")
    bounds = f"{auto.min_replicas} to {auto.max_replicas} pods"
    return Fact(kind, True, "Auto", f"The load decides on {bounds}; spec.replicas is ignored.")


def _names(pods: Iterable[Pod]) -> str:
    names = sorted(pod.name for pod in pods)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def waiting() -> Fact:
    """Return that no pods can be made yet."""
    message = "The pods are made once what the spec refers to is there."
    return Fact(PoolCondition.PODS_READY, False, "Waiting", message, in_progress=True)


def durable(pool: SignalingPool) -> Fact:
    """Return whether sessions outlive their pod."""
    if pool.spec.redis_ref is not None:
        return Fact(PoolCondition.SESSIONS_DURABLE, True, "Redis", "Sessions live in Redis.")
    message = "Sessions end with their pod. Remedy for more than trying: set spec.redisRef"
    return Fact(PoolCondition.SESSIONS_DURABLE, False, "Memory", message)
