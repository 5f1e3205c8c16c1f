"""From what was observed to the facts and fields of a pool's status. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from switchboard_crds.signaling_pool import PoolCanary, PoolCondition, ScalingMode, SignalingPool
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.pools import objects
from switchboard_operator.pools.replicas import read_schedules
from switchboard_operator.pools.snapshot import Observed, PodSnapshot, Stage
from switchboard_operator.pools.state import PoolState
from switchboard_operator.status.conditions import Fact, rfc3339
from switchboard_operator.status.diagnosis import trouble

START_SECONDS: Final = 120
"""A pod that does not serve by then is no pod that just starts."""


def fields(pool: SignalingPool, image: Images, revision: str, state: PoolState) -> dict[str, Any]:
    """Return the pool's own fields of the status; `revision` is empty while the pool waits for what it refers to."""
    return {
        "replicas": len(state.observed.pods),
        "readyReplicas": sum(pod.ready for pod in state.observed.pods),
        "updatedReplicas": sum(pod.replica_set == state.observed.current for pod in state.observed.pods),
        "drainingReplicas": sum(pod.stage in {Stage.DRAINING, Stage.DRAINED} for pod in state.observed.pods),
        "desiredReplicas": state.plan.decision.desired,
        "scalingDecision": state.figures.why,
        "sessions": state.figures.sessions,
        "sessionCapacity": state.figures.capacity,
        **({"lastMoveTime": rfc3339(state.plan.last_move)} if state.plan.last_move else {}),
        "selector": ",".join(f"{key}={value}" for key, value in sorted(objects.selector(pool).items())),
        **image.fields(),
        "revision": revision,
        "serviceName": objects.base_name(pool),
    }


def pods_ready(pool: SignalingPool, state: PoolState, pods: Sequence[Json], now: datetime) -> Fact:
    """Return whether all pods of the current revision serve and no outdated ones are left."""
    kind, wanted, observed = PoolCondition.PODS_READY, state.plan.decision.desired, state.observed
    serving, outdated = observed.serving, observed.outdated
    if serving >= wanted and not outdated:
        return Fact(kind, True, "Serving", f"{serving} of {wanted} pods serve.")
    if (found := trouble(pods)) is not None:
        return Fact(kind, False, *found)
    if observed.failure is not None:
        return Fact(kind, False, "PodsRefused", f"{observed.failure}. Remedy: lift the limit it names")
    if late := _late(observed, now):
        message = f"Pod {pool.metadata.namespace}/{late} was made {START_SECONDS} s ago and does not serve."
        remedy = " Remedy: read its `kubectl logs`; to give the new revision up, apply the old spec again"
        return Fact(kind, False, "PodNotServing", message + (remedy if outdated else remedy.split(";")[0]))
    if (canary := pool.spec.rollout.canary) is not None and state.plan.on_trial and not pool.spec.rollout.paused:
        return _on_trial(kind, observed, canary)
    message = f"{serving} of {wanted} pods of the current revision are ready"
    message += f"; {outdated} outdated {'pod remains' if outdated == 1 else 'pods remain'}." if outdated else "."
    if pool.spec.rollout.paused and outdated:
        return Fact(kind, False, "RolloutPaused", f"{message} Remedy: set spec.rollout.paused to false", True)
    return Fact(kind, False, "RollingOut" if outdated else "Starting", message, in_progress=True)


def _on_trial(kind: str, observed: Observed, canary: PoolCanary) -> Fact:
    """Return how the trial of the current revision goes."""
    if unsteady := [pod for pod in observed.updated if pod.restarts]:
        message = f"Canary pods {_names(unsteady)} restarted; the rollout is halted and all old pods keep serving."
        remedy = " Remedy: read `kubectl logs --previous`; apply the old spec again, or delete the pod to try again"
        return Fact(kind, False, "CanaryRestarted", message + remedy)
    serving = "1 pod of the new revision serves" if observed.serving == 1 else f"{observed.serving} new pods serve"
    message = f"{serving} beside the old ones, which will be replaced once the new pods have been Ready for"
    return Fact(kind, False, "Canary", f"{message} {canary.min_ready_seconds} s.", in_progress=True)


def _late(observed: Observed, now: datetime) -> str | None:
    """Return the name of an updated pod that should serve by now and does not."""
    for pod in observed.updated:
        created = datetime.fromisoformat(pod.created)
        if not pod.ready and not pod.stage.going and (now - created).total_seconds() > START_SECONDS:
            return pod.name
    return None


def drained(pool: SignalingPool, state: PoolState) -> Fact:
    """Return whether no pod waits for its sessions to move."""
    kind, steps = PoolCondition.DRAINED, state.plan.steps
    if steps.overdue:
        message = f"After {pool.spec.drain.timeout_seconds} s {_names(steps.overdue)} still hold sessions."
        remedy = " Remedy: wait for these clients to leave, or set spec.drain.onTimeout to Force"
        return Fact(kind, False, "TimedOut", message + remedy)
    if steps.unplaceable:
        message = "The serving pods lack capacity for the sessions of the pods being drained."
        return Fact(kind, False, "NoRoom", f"{message} Remedy: raise spec.replicas, or wait for clients to leave")
    if steps.out:
        return Fact(kind, False, "Draining", f"Draining: {_names(steps.out)}.", in_progress=True)
    return Fact(kind, True, "Drained", "No pod is draining.")


def scaling(pool: SignalingPool, state: PoolState) -> Fact:
    """Return whether the load decides on pods."""
    kind, auto = PoolCondition.SCALING_ACTIVE, pool.spec.autoscaling
    if auto is None or auto.mode is ScalingMode.MANUAL:
        return Fact(kind, False, "Manual", "spec.replicas decides.")
    if state.plan.decision.no_metrics:
        message = "No pod could be asked for its sessions: nothing goes down until one answers."
        return Fact(kind, False, "NoSamples", f"{message} Remedy: see whether the operator reaches the pods' port")
    if problems := read_schedules(auto)[1]:
        return Fact(kind, False, "WrongSchedule", f"{problems[0]}. Remedy: correct it; the others are kept")
    bounds = f"{auto.min_replicas} to {auto.max_replicas} pods"
    return Fact(kind, True, "Auto", f"The load decides on {bounds}; spec.replicas is ignored.")


def _names(pods: Iterable[PodSnapshot]) -> str:
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
    message = "Sessions are lost with their pod. Remedy: set spec.redisRef for anything beyond a trial"
    return Fact(PoolCondition.SESSIONS_DURABLE, False, "Memory", message)
