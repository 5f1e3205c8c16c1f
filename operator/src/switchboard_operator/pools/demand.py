"""How many pods a pool should have, by its spec and its load. Pure, but for what it remembers in the history.

`Decide` is where every way to decide meets the rest: it gets what is known of the load and answers with a number and
the reason for it, which people read in the status and in an event.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeAlias

from switchboard_crds.signaling_pool import PoolAutoscaling, ScalingMode, SignalingPool
from switchboard_operator.pools.autoscaling import model, schedule
from switchboard_operator.pools.autoscaling.decide import decide as by_load
from switchboard_operator.pools.samples import History

NO_SAMPLE: Final = "No observation yet: as many as before, within the bounds."


@dataclass(frozen=True)
class Decision:
    """Pods that there should be, and why."""

    desired: int
    why: str
    blind: bool = False
    """Whether pods are there and none could be asked for its sessions, so that the load is unknown."""


Decide: TypeAlias = Callable[[SignalingPool, History], Decision]
"""Decides by the pool's spec and what is known of its load. It is called with every observation, and more often."""


def decide(pool: SignalingPool, history: History) -> Decision:
    """Return what the spec wants, or in mode Auto the load; in mode Manual say what the load would want."""
    auto, replicas = pool.spec.autoscaling, pool.spec.replicas
    if auto is None:
        return Decision(replicas, f"spec.replicas is {replicas}.")
    manual = auto.mode is ScalingMode.MANUAL
    wanted = _auto(pool, auto, history, replicas if manual else None)
    if manual:
        why = f"spec.replicas is {replicas}; Auto would have {wanted.desired}: {wanted.why}"
        return replace(wanted, desired=replicas, why=why)
    return wanted


def _auto(pool: SignalingPool, auto: PoolAutoscaling, history: History, current: int | None) -> Decision:
    """Take in the observations that are new, and return what they come to.

    The replicas asked for now are what was decided last; after a start of the operator they stand in the status, so
    that nothing goes down before the history is whole again.
    """
    load, (schedules, _) = history.load, read_schedules(auto)
    settings = model.Settings(free_slots=auto.free_slots, down_window_s=auto.down_window_seconds)
    for observation in history.observations:
        if load.past.t is not None and observation.at <= load.past.t:
            continue
        before = pool.status.desired_replicas if load.desired is None else load.desired
        target = auto.target_sessions_per_pod
        seen = model.Observation(
            t=observation.at,
            utc=observation.utc,
            pods=observation.pods,
            current=before if current is None else current,
            target=target,
            capacity=max(target, observation.capacity),
            least=auto.min_replicas,
            most=auto.max_replicas,
            schedules=schedules,
        )
        load.past, found = by_load(load.past, seen, settings)
        load.desired, load.reason, load.blind = found.desired, found.reason, found.blind
    if load.desired is None:
        within = min(max(pool.status.desired_replicas, auto.min_replicas), auto.max_replicas)
        return Decision(within, NO_SAMPLE)
    return Decision(load.desired, load.reason, load.blind)


def read_schedules(auto: PoolAutoscaling) -> tuple[list[model.Schedule], list[str]]:
    """Return the schedules that can be kept, and what is wrong with each of the others."""
    found, problems = [], []
    for index, item in enumerate(auto.schedules):
        path, zone = f"spec.autoscaling.schedules[{index}]", schedule.time_zone(item.time_zone)
        if wrong := schedule.problem(item.cron):
            problems.append(f"{path}.cron {item.cron!r} cannot be kept: {wrong}")
        elif zone is None:
            problems.append(f"{path}.timeZone {item.time_zone!r} is no IANA time zone, such as Europe/Berlin")
        else:
            duration = timedelta(seconds=item.duration_seconds)
            found.append(model.Schedule(item.name, item.cron, zone, duration, item.replicas))
    return found, problems
