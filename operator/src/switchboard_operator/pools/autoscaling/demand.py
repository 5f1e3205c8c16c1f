"""How many sessions there are: surely, at most, and as far as the trend is concerned. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from switchboard_operator.pools.autoscaling.model import LoadObservation, PodLoad, Tuning


@dataclass(frozen=True, slots=True)
class Demand:
    """The sessions of a pool, those on draining pods too, and those that were turned away a moment ago."""

    low: float
    """Pods that could not be sampled count as empty: what more pods are justified by."""
    high: float
    """Pods that could not be sampled count as full: what fewer pods must have room for."""
    level: float
    """Pods that could not be sampled count as when they were last seen, so that they do not bend the trend."""
    sampled: int
    """Pods that were sampled."""
    unknown: int
    """Pods that may hold sessions and could not be sampled."""
    sample_age_s: float
    """Age of the oldest sample that counts."""


def measure(
    observation: LoadObservation, last: Mapping[str, float], refused: float, tuning: Tuning
) -> tuple[Demand, dict[str, float]]:
    """Return the demand, and the sessions of each pod as last seen, for the next call's `last`.

    A pod that was never sampled is empty while it is young: it was made because others are full, and a mean of theirs
    would ask for still more pods.
    """
    known = missing = 0.0
    sampled = unknown = 0
    oldest = 0.0
    seen: dict[str, float] = {}
    for pod in observation.pods:
        sessions = pod.sessions
        if sessions is not None and pod.sample_age_s <= tuning.stale_s:
            seen[pod.name] = sessions
            known += sessions
            sampled += 1
            oldest = max(oldest, pod.sample_age_s)
        elif may_hold_sessions(pod, last, tuning):
            before = sessions if sessions is not None else last.get(pod.name)
            unknown += 1
            if before is not None:
                seen[pod.name] = before
                missing += before
    low = known + refused
    return (
        Demand(low, low + unknown * observation.capacity, low + missing, sampled, unknown, oldest),
        seen,
    )


def may_hold_sessions(pod: PodLoad, last: Mapping[str, float], tuning: Tuning) -> bool:
    """Return whether sessions may be on a pod that has no fresh sample."""
    return pod.sessions is not None or pod.name in last or pod.age_s >= tuning.young_s
