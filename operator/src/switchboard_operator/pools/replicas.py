"""The desired number of pods, from the pool's spec and its load. Pure.

`advance` adds observations to the load, each one once; `decide` reads the load and may be called any number of times.
The reason appears in the status and in events.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from switchboard_crds.signaling_pool import PoolAutoscaling, ScalingMode, SignalingPool
from switchboard_operator.pools.autoscaling import model, schedule
from switchboard_operator.pools.autoscaling.decide import decide as decide_by_load
from switchboard_operator.pools.samples import Load, PoolObservation

NO_SAMPLE: Final = "No observation yet; keeping the previous number of pods within minReplicas and maxReplicas."


@dataclass(frozen=True)
class ReplicaDecision:
    """The desired number of pods, and why."""

    desired: int
    why: str
    no_metrics: bool = False
    """Whether the load is unknown because no pod answered."""


def advance(pool: SignalingPool, load: Load, observations: Iterable[PoolObservation]) -> Load:
    """Return the load after the observations, oldest first; those that it already contains are skipped.

    The current number of replicas is the last decision; after a start of the operator it comes from the status, so
    that the pool does not scale down before the history is long enough again.
    """
    auto = pool.spec.autoscaling
    if auto is None:
        return load
    tuning = model.Tuning(
        buffer_sessions=auto.buffer_sessions, stabilization_window_s=auto.scale_down.stabilization_window_seconds
    )
    schedules, _ = read_schedules(auto)
    for observation in observations:
        if load.history.t is not None and observation.at <= load.history.t:
            continue
        target = auto.target_sessions_per_pod
        seen = model.LoadObservation(
            t=observation.at,
            utc=observation.utc,
            pods=observation.pods,
            current=_current(pool, auto, load),
            target=target,
            capacity=max(target, observation.capacity),
            min_pods=auto.min_replicas,
            max_pods=auto.max_replicas,
            schedules=schedules,
        )
        history, found = decide_by_load(load.history, seen, tuning)
        load = Load(history, found.desired, found.reason, found.no_metrics)
    return load


def _current(pool: SignalingPool, auto: PoolAutoscaling, load: Load) -> int:
    if auto.mode is ScalingMode.MANUAL:
        return pool.spec.replicas
    return pool.status.desired_replicas if load.desired is None else load.desired


def decide(pool: SignalingPool, load: Load) -> ReplicaDecision:
    """Return the decision by the spec or, in mode Auto, by the load; in mode Manual, `why` includes the load's."""
    auto, replicas = pool.spec.autoscaling, pool.spec.replicas
    if auto is None:
        return ReplicaDecision(replicas, f"spec.replicas is {replicas}.")
    wanted = _by_load(pool, auto, load)
    if auto.mode is ScalingMode.MANUAL:
        why = f"spec.replicas is {replicas}; mode Auto would choose {wanted.desired}: {wanted.why}"
        return replace(wanted, desired=replicas, why=why)
    return wanted


def _by_load(pool: SignalingPool, auto: PoolAutoscaling, load: Load) -> ReplicaDecision:
    """Return the decision by the load within the current bounds, which may have changed since the last observation."""
    before = pool.status.desired_replicas if load.desired is None else load.desired
    desired = min(max(before, auto.min_replicas), auto.max_replicas)
    if load.desired is None:
        return ReplicaDecision(desired, NO_SAMPLE)
    bound = f"; min {desired}" if desired > before else f"; max {desired}" if desired < before else ""
    return ReplicaDecision(desired, f"{load.reason}{bound}", load.no_metrics)


def read_schedules(auto: PoolAutoscaling) -> tuple[list[model.Schedule], list[str]]:
    """Return the valid schedules, and what is wrong with each of the others."""
    found, problems = [], []
    for index, item in enumerate(auto.schedules):
        path, zone = f"spec.autoscaling.schedules[{index}]", schedule.time_zone(item.time_zone)
        if wrong := schedule.problem(item.cron):
            problems.append(f"{path}.cron {item.cron!r} is invalid: {wrong}")
        elif zone is None:
            problems.append(f"{path}.timeZone {item.time_zone!r} must be an IANA time zone, such as Europe/Berlin")
        else:
            duration = timedelta(seconds=item.duration_seconds)
            found.append(model.Schedule(item.name, item.cron, zone, duration, item.min_replicas))
    return found, problems
