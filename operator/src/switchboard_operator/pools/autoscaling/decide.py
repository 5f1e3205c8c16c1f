"""From a pool's history and an observation to the number of pods, and the history to go on with. Pure.

sessions = those on all pods, draining ones too, and those turned away a moment ago
forecast = sessions + what arrives while a pod starts + what such forecasts missed lately
surge    = the same for a jump that the trend does not show yet
buffer   = sessions + free slots
wanted   = max(those / target, schedule, min)
desired  = wanted, up at once within the up limit; down only what the whole down window allows with a larger margin,
           within the down limit
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from switchboard_operator.pools.autoscaling import demand, explain, forecast, limits, schedule
from switchboard_operator.pools.autoscaling.demand import Demand
from switchboard_operator.pools.autoscaling.explain import Term, number
from switchboard_operator.pools.autoscaling.forecast import Outlook, Past
from switchboard_operator.pools.autoscaling.limits import Count
from switchboard_operator.pools.autoscaling.model import MAX_POINTS, LoadDecision, LoadObservation, Tuning

LEARNT_STARTS = 20
"""How many start times are remembered."""
NO_PAST = Past()
DEFAULTS = Tuning()


@dataclass(frozen=True, slots=True)
class LoadHistory:
    """What is remembered of a pool between decisions: bounded, and empty after a restart."""

    t: float | None = None
    """Time of the latest observation."""
    since: float | None = None
    """Since when there were samples without a gap; None while there are none."""
    last: Mapping[str, float] = field(default_factory=dict)
    """Sessions of each pod as last seen."""
    refused: tuple[tuple[float, float], ...] = ()
    """When sessions were turned away, and how many."""
    starting: frozenset[str] = frozenset()
    """Pods that were not Ready yet when they were last seen."""
    starts: tuple[float, ...] = ()
    """Seconds that the latest pods took to be Ready."""
    past: Past = NO_PAST
    kept: tuple[Count, ...] = ()
    """Pods that were wanted at most, over the down window."""
    replicas: tuple[Count, ...] = ()
    """Replicas that were asked for, over the limits' window."""


def decide(
    history: LoadHistory, observation: LoadObservation, tuning: Tuning = DEFAULTS
) -> tuple[LoadHistory, LoadDecision]:
    """Return how many pods there should be, and the history for the next decision.

    Missing samples may only hold or raise; after a start or a gap nothing goes down before both windows were seen
    whole. The pool's own bounds hold even then.
    """
    t = observation.t
    refused = _refused(history, observation, tuning)
    demanded, last = demand.measure(observation, history.last, sum(count for _, count in refused), tuning)
    starting, starts = _starts(history, observation, tuning)
    replicas = limits.remember(history.replicas, t, observation.current, tuning.limit_window_s)
    lead_s = _lead_s(history, observation, starts, demanded, tuning)
    floors = _floors(observation, lead_s)
    if not demanded.sampled:
        since = history.since if history.t is None or t - history.t <= tuning.gap_s else None
        gone = LoadHistory(t, since, last, refused, starting, starts, history.past, history.kept, replicas)
        return gone, _hold(observation, floors, replicas, demanded.unknown > 0, tuning)
    past, outlook = forecast.look_ahead(history.past, t, demanded.level, lead_s, tuning)
    since = history.since
    if since is None or not history.past.points or t - history.past.points[-1].t > tuning.gap_s:
        since = t
    terms = (*_terms(observation, demanded.low, outlook, tuning), *floors)
    cautious = replace(outlook, margin=tuning.down_margin * outlook.margin)
    ceiling = (*_terms(observation, demanded.high, cautious, tuning), *floors)
    kept = limits.remember(history.kept, t, max(term.pods for term in ceiling), tuning.stabilization_window_s)
    after = LoadHistory(t, since, last, refused, starting, starts, past, kept, replicas)
    return after, _decision(after, observation, terms, demanded, tuning)


def _terms(observation: LoadObservation, sessions: float, outlook: Outlook, tuning: Tuning) -> tuple[Term, ...]:
    """Return what the sessions want; where two want the same, the simpler one comes first."""
    target, now = observation.target, number(sessions)
    ahead = f"in {number(outlook.lead_s)} s"
    lines = [("load", sessions, f"{now} sessions / {number(target)}")]
    if tuning.buffer_sessions > 0:
        free = tuning.buffer_sessions
        lines.append(("buffer", sessions + free, f"{now} sessions + {number(free)} free / {number(target)}"))
    for name, more in (("forecast", outlook.rise), ("surge", outlook.surge)):
        how = f"{now} sessions + {number(more)} {ahead} + {number(outlook.margin)} margin / {number(target)}"
        lines.append((name, sessions + more + outlook.margin, how))
    return tuple(Term(name, _pods(wanted, target), how) for name, wanted, how in lines)


def _pods(sessions: float, target: float) -> int:
    return math.ceil(sessions / target - 1e-9)


def _floors(observation: LoadObservation, lead_s: float) -> tuple[Term, ...]:
    lower = Term("min", observation.min_pods, "the pool's own")
    utc = observation.t if observation.utc is None else observation.utc
    announced = schedule.floor(observation.schedules, utc, lead_s)
    if announced is None:
        return (lower,)
    how = f"{announced.cron} {announced.zone.key}"
    return Term(f"schedule {announced.name}", announced.min_pods, how), lower


def _decision(
    history: LoadHistory, observation: LoadObservation, terms: tuple[Term, ...], demanded: Demand, tuning: Tuning
) -> LoadDecision:
    current = observation.current
    wanted = max(terms, key=lambda term: term.pods)
    peak = max(count.pods for count in history.kept)
    said: list[str] = []
    desired = wanted.pods
    if desired < current:
        desired = min(current, peak)
        if desired > wanted.pods:
            said.append(_why_kept(history, desired, demanded, tuning))
        whole_s = max(tuning.stable_window_s, tuning.stabilization_window_s)
        if desired < current and (history.since is None or observation.t - history.since < whole_s):
            desired = current
            said.append(f"history is not {number(whole_s)} s long yet")
    return _bounded(observation, wanted, desired, history.replicas, said, tuning)


def _why_kept(history: LoadHistory, desired: int, demanded: Demand, tuning: Tuning) -> str:
    if demanded.unknown and history.kept[-1].pods >= desired:
        return f"{demanded.unknown} without a sample count as full"
    margin, window = number(tuning.down_margin), number(tuning.stabilization_window_s)
    return f"down window: {desired} with {margin}x margin in the last {window} s"


def _hold(
    observation: LoadObservation,
    floors: tuple[Term, ...],
    replicas: tuple[Count, ...],
    no_metrics: bool,
    tuning: Tuning,
) -> LoadDecision:
    wanted = max(floors, key=lambda term: term.pods)
    said = ["no samples: nothing goes down"]
    return _bounded(
        observation, wanted, max(wanted.pods, observation.current), replicas, said, tuning, no_metrics=no_metrics
    )


def _bounded(
    observation: LoadObservation,
    wanted: Term,
    desired: int,
    replicas: tuple[Count, ...],
    said: list[str],
    tuning: Tuning,
    *,
    no_metrics: bool = False,
) -> LoadDecision:
    """Return the decision within the rate limits and the pool's bounds."""
    current = observation.current
    if desired > (upper := max(current, limits.max_up(replicas, tuning))):
        desired = upper
        said.append(f"up limit {number(tuning.up_factor)}x or +{tuning.up_pods}")
    if desired < (lower := min(current, limits.min_down(replicas, tuning))):
        desired = lower
        said.append(f"down limit {number(tuning.down_factor)}x or -{tuning.down_pods}")
    if desired < observation.min_pods:
        desired = observation.min_pods
        said.append(f"min {observation.min_pods}")
    if desired > observation.max_pods:
        desired = observation.max_pods
        said.append(f"max {observation.max_pods}")
    reason = explain.reason(wanted, said)
    why = f"{explain.change(current, desired)}: {reason}"
    return LoadDecision(desired, why, reason, wanted.name, tuple(said), no_metrics)


def _refused(history: LoadHistory, observation: LoadObservation, tuning: Tuning) -> tuple[tuple[float, float], ...]:
    since = observation.t - tuning.refused_window_s
    kept = tuple(item for item in history.refused if item[0] > since)[-MAX_POINTS:]
    count = sum(pod.refused for pod in observation.pods)
    return (*kept, (observation.t, count)) if count else kept


def _starts(
    history: LoadHistory, observation: LoadObservation, tuning: Tuning
) -> tuple[frozenset[str], tuple[float, ...]]:
    """Return the pods that start, and how long the latest took."""
    starting = frozenset(
        pod.name
        for pod in observation.pods
        if not pod.ready and not pod.draining and (pod.name in history.starting or pod.name not in history.last)
    )
    took = tuple(
        min(pod.age_s, tuning.longest_start_delay_s)
        for pod in observation.pods
        if pod.ready and pod.name in history.starting
    )
    return starting, (*history.starts, *took)[-LEARNT_STARTS:]


def _lead_s(
    history: LoadHistory, observation: LoadObservation, starts: tuple[float, ...], demanded: Demand, tuning: Tuning
) -> float:
    """Return how far ahead to look: a slow pod's start, from the samples' time to the next observation's.

    A pod that is still starting took at least its age; while none has been seen to start, that may be all there is.
    """
    delay = forecast.quantile(starts, 0.9) if starts else tuning.start_delay_s
    ages = (pod.age_s for pod in observation.pods if not pod.ready and not pod.draining)
    delay = min(max(delay, max(ages, default=0.0)), tuning.longest_start_delay_s)
    step = min(observation.t - history.t, tuning.gap_s) if history.t is not None else 0.0
    return delay + step + demanded.sample_age_s
