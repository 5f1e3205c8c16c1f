"""Facts and fields of a pool's status, from its state. Pure."""

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
from switchboard_operator.status.diagnosis import diagnose
from switchboard_operator.status.wording import count, listing, portion

START_SECONDS: Final = 120
"""Age from which on a pod that is not Ready is reported."""


def fields(pool: SignalingPool, image: Images, revision: str, state: PoolState) -> dict[str, Any]:
    """Return the pool's own status fields; `revision` is empty while dependencies are missing."""
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
    """Return the condition PodsReady: all desired pods serve, and none is outdated."""
    kind, wanted, observed = PoolCondition.PODS_READY, state.plan.decision.desired, state.observed
    serving, outdated = observed.serving, observed.outdated
    if serving >= wanted and not outdated:
        return Fact(kind, True, "Ready", f"{portion(serving, wanted, 'pod')} ready.")
    if (found := diagnose(pods)) is not None:
        return Fact(kind, False, *found)
    if observed.failure is not None:
        return Fact(
            kind, False, "PodCreationFailed", f"{observed.failure}. Remedy: raise the limit that the message names"
        )
    if late := _late(observed, now):
        message = f"Pod {pool.metadata.namespace}/{late} is not ready after {START_SECONDS} s."
        remedy = " Remedy: read its logs with `kubectl logs`"
        rollback = "; to roll back, apply the previous spec" if outdated else ""
        return Fact(kind, False, "PodNotReady", f"{message}{remedy}{rollback}")
    if (canary := pool.spec.rollout.canary) is not None and state.plan.in_canary and not pool.spec.rollout.paused:
        return _canary(kind, observed, canary)
    message = f"{portion(serving, wanted, 'pod of the current revision', 'pods of the current revision')} ready"
    message += f"; {count(outdated, 'outdated pod remains', 'outdated pods remain')}." if outdated else "."
    if pool.spec.rollout.paused and outdated:
        return Fact(kind, False, "RolloutPaused", f"{message} Remedy: set spec.rollout.paused to false", True)
    return Fact(kind, False, "RollingOut" if outdated else "Starting", message, in_progress=True)


def _canary(kind: str, observed: Observed, canary: PoolCanary) -> Fact:
    """Return the condition PodsReady during the trial of a canary."""
    if unsteady := [pod for pod in observed.updated if pod.restarts]:
        message = f"Canary {_pods(unsteady)} restarted; the rollout is halted, and all outdated pods keep serving."
        remedy = " Remedy: read `kubectl logs --previous`; apply the previous spec, or delete the pod to try again"
        return Fact(kind, False, "CanaryRestarted", message + remedy)
    ready = count(observed.serving, "canary pod is", "canary pods are")
    passed = f"the canary has been Ready for {canary.min_ready_seconds} s without a restart"
    return Fact(kind, False, "Canary", f"{ready} ready; the rollout continues once {passed}.", in_progress=True)


def _late(observed: Observed, now: datetime) -> str | None:
    """Return the name of an updated pod that is not Ready after START_SECONDS, or None."""
    for pod in observed.updated:
        created = datetime.fromisoformat(pod.created)
        if not pod.ready and not pod.stage.being_drained and (now - created).total_seconds() > START_SECONDS:
            return pod.name
    return None


def drained(pool: SignalingPool, state: PoolState) -> Fact:
    """Return the condition Drained: no pod is draining."""
    kind, steps = PoolCondition.DRAINED, state.plan.steps
    if steps.overdue:
        hold = "holds" if len(steps.overdue) == 1 else "hold"
        message = f"Draining {_pods(steps.overdue)} still {hold} sessions after {pool.spec.drain.timeout_seconds} s."
        remedy = " Remedy: wait for their clients to leave, or set spec.drain.onTimeout to Force"
        return Fact(kind, False, "TimedOut", message + remedy)
    if steps.unplaceable:
        message = f"The pods in service have no room for {count(steps.unplaceable, 'session')} of draining pods."
        return Fact(
            kind, False, "InsufficientCapacity", f"{message} Remedy: raise spec.replicas, or wait for clients to leave"
        )
    if steps.draining:
        return Fact(kind, False, "Draining", f"Draining {_pods(steps.draining)}.", in_progress=True)
    return Fact(kind, True, "Drained", "No pod is draining.")


def scaling(pool: SignalingPool, state: PoolState) -> Fact:
    """Return the condition ScalingActive: the load sets the number of pods."""
    kind, auto = PoolCondition.SCALING_ACTIVE, pool.spec.autoscaling
    if auto is None or auto.mode is ScalingMode.MANUAL:
        return Fact(kind, False, "Manual", "spec.replicas sets the number of pods.")
    if state.plan.decision.no_metrics:
        message = "No pod reports its sessions; scale-down is suspended."
        remedy = "make sure that the operator can reach the pods' internal port"
        return Fact(kind, False, "NoSamples", f"{message} Remedy: {remedy}")
    if problems := read_schedules(auto)[1]:
        return Fact(
            kind, False, "InvalidSchedule", f"{problems[0]}. Remedy: correct it; the other schedules remain in effect"
        )
    bounds = f"{auto.min_replicas} to {count(auto.max_replicas, 'pod')}"
    return Fact(kind, True, "Auto", f"The load sets the number of pods ({bounds}); spec.replicas is ignored.")


def _pods(pods: Iterable[PodSnapshot]) -> str:
    names = sorted(pod.name for pod in pods)
    return f"{'pod' if len(names) == 1 else 'pods'} {listing(names)}"


def waiting() -> Fact:
    """Return the condition PodsReady while dependencies are missing."""
    message = "No pods are created until the resources that the spec refers to are available."
    return Fact(PoolCondition.PODS_READY, False, "WaitingForDependencies", message, in_progress=True)


def durable(pool: SignalingPool) -> Fact:
    """Return the condition SessionsDurable: sessions outlive their pod."""
    if pool.spec.redis_ref is not None:
        return Fact(PoolCondition.SESSIONS_DURABLE, True, "Redis", "Sessions are stored in Redis.")
    message = "Sessions are lost with their pod. Remedy: set spec.redisRef for anything beyond a trial"
    return Fact(PoolCondition.SESSIONS_DURABLE, False, "Memory", message)
