"""The decision: from a pool's history and an observation to the desired number of pods and the new history. Pure.

sessions = sessions on all pods, including draining ones, and recently rejected sessions
forecast = sessions + arrivals while a pod starts + margin for the errors of recent forecasts
surge    = the same for a sudden rise that the trend does not show yet
buffer   = sessions + buffer sessions
needed   = max(each of these / target, schedule, min)
desired  = needed; up at once, within the scale-up limit; down to the highest number needed in the stabilization window
           with a larger margin, within the scale-down limit
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
from switchboard_operator.status.wording import count

KEPT_STARTS = 20
"""Number of start times that are kept."""
NO_PAST = Past()
DEFAULTS = Tuning()


@dataclass(frozen=True, slots=True)
class LoadHistory:
    """State of a pool between decisions; bounded, and empty after a restart."""

    t: float | None = None
    """Time of the latest observation."""
    since: float | None = None
    """Start of the current span without a gap in the samples; None without samples."""
    last: Mapping[str, float] = field(default_factory=dict)
    """Sessions of each pod as last seen."""
    refused: tuple[tuple[float, float], ...] = ()
    """Times and numbers of rejected sessions."""
    starting: frozenset[str] = frozenset()
    """Pods that were not Ready in the latest observation."""
    starts: tuple[float, ...] = ()
    """Seconds that the latest pods took to become Ready."""
    past: Past = NO_PAST
    kept: tuple[Count, ...] = ()
    """Numbers of pods needed, over the stabilization window."""
    replicas: tuple[Count, ...] = ()
    """Numbers of replicas, over the window of the rate limits."""


def decide(
    history: LoadHistory, observation: LoadObservation, tuning: Tuning = DEFAULTS
) -> tuple[LoadHistory, LoadDecision]:
    """Return the history for the next decision, and the desired number of pods.

    Missing samples never scale down; after a start or a gap, nothing is scaled down until the history covers both
    windows. The pool's bounds always apply.
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
    """Return the terms that depend on sessions; of terms that need the same number, the simpler one comes first."""
    target, now = observation.target, number(sessions)
    ahead, each = f"within {number(outlook.lead_s)} s", f"{number(target)} per pod"
    lines = [("load", sessions, f"{now} sessions, {each}")]
    if tuning.buffer_sessions > 0:
        free = tuning.buffer_sessions
        lines.append(("buffer", sessions + free, f"{now} sessions + {number(free)} buffer, {each}"))
    for name, more in (("forecast", outlook.rise), ("surge", outlook.surge)):
        how = f"{now} sessions + {number(more)} {ahead} + {number(outlook.margin)} margin, {each}"
        lines.append((name, sessions + more + outlook.margin, how))
    return tuple(Term(name, _pods(wanted, target), how) for name, wanted, how in lines)


def _pods(sessions: float, target: float) -> int:
    return math.ceil(sessions / target - 1e-9)


def _floors(observation: LoadObservation, lead_s: float) -> tuple[Term, ...]:
    lower = Term("min", observation.min_pods, "lower bound of the pool")
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
    notes: list[str] = []
    desired = wanted.pods
    if desired < current:
        desired = min(current, peak)
        if desired > wanted.pods:
            notes.append(_why_kept(history, desired, demanded, tuning))
        whole_s = max(tuning.stable_window_s, tuning.stabilization_window_s)
        if desired < current and (history.since is None or observation.t - history.since < whole_s):
            desired = current
            notes.append(f"history is shorter than {number(whole_s)} s")
    return _bounded(observation, wanted, desired, history.replicas, notes, tuning)


def _why_kept(history: LoadHistory, desired: int, demanded: Demand, tuning: Tuning) -> str:
    if demanded.unknown and history.kept[-1].pods >= desired:
        return f"{count(demanded.unknown, 'pod without a sample counts', 'pods without a sample count')} as full"
    margin, window = number(tuning.down_margin), number(tuning.stabilization_window_s)
    return f"scale-down stabilization: {desired} with {margin}x margin within the last {window} s"


def _hold(
    observation: LoadObservation,
    floors: tuple[Term, ...],
    replicas: tuple[Count, ...],
    no_metrics: bool,
    tuning: Tuning,
) -> LoadDecision:
    wanted = max(floors, key=lambda term: term.pods)
    notes = ["no samples, no scale-down"]
    return _bounded(
        observation, wanted, max(wanted.pods, observation.current), replicas, notes, tuning, no_metrics=no_metrics
    )


def _bounded(
    observation: LoadObservation,
    wanted: Term,
    desired: int,
    replicas: tuple[Count, ...],
    notes: list[str],
    tuning: Tuning,
    *,
    no_metrics: bool = False,
) -> LoadDecision:
    """Return the decision after the rate limits and the pool's bounds."""
    current = observation.current
    if desired > (upper := max(current, limits.max_up(replicas, tuning))):
        desired = upper
        notes.append(f"scale-up limit {number(tuning.up_factor)}x or +{tuning.up_pods}")
    if desired < (lower := min(current, limits.min_down(replicas, tuning))):
        desired = lower
        notes.append(f"scale-down limit {number(tuning.down_factor)}x or -{tuning.down_pods}")
    if desired < observation.min_pods:
        desired = observation.min_pods
        notes.append(f"min {observation.min_pods}")
    if desired > observation.max_pods:
        desired = observation.max_pods
        notes.append(f"max {observation.max_pods}")
    reason = explain.reason(wanted, notes)
    why = f"{explain.change(current, desired)}: {reason}"
    return LoadDecision(desired, why, reason, wanted.name, tuple(notes), no_metrics)


def _refused(history: LoadHistory, observation: LoadObservation, tuning: Tuning) -> tuple[tuple[float, float], ...]:
    since = observation.t - tuning.refused_window_s
    kept = tuple(item for item in history.refused if item[0] > since)[-MAX_POINTS:]
    count = sum(pod.refused for pod in observation.pods)
    return (*kept, (observation.t, count)) if count else kept


def _starts(
    history: LoadHistory, observation: LoadObservation, tuning: Tuning
) -> tuple[frozenset[str], tuple[float, ...]]:
    """Return the pods that are starting, and the start times of the latest pods."""
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
    return starting, (*history.starts, *took)[-KEPT_STARTS:]


def _lead_s(
    history: LoadHistory, observation: LoadObservation, starts: tuple[float, ...], demanded: Demand, tuning: Tuning
) -> float:
    """Return the forecast's horizon in seconds: the start time of a slow pod, plus the sample age and one interval.

    The age of a pod that is still starting is a lower bound of its start time.
    """
    delay = forecast.quantile(starts, 0.9) if starts else tuning.start_delay_s
    ages = (pod.age_s for pod in observation.pods if not pod.ready and not pod.draining)
    delay = min(max(delay, max(ages, default=0.0)), tuning.longest_start_delay_s)
    step = min(observation.t - history.t, tuning.gap_s) if history.t is not None else 0.0
    return delay + step + demanded.sample_age_s
