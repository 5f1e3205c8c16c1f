"""Number of sessions in a pool: a lower bound, an upper bound, and an estimate for the trend. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from switchboard_operator.pools.autoscaling.model import LoadObservation, PodLoad, Tuning


@dataclass(frozen=True, slots=True)
class Demand:
    """Sessions of a pool, including those on draining pods and those that were recently rejected."""

    low: float
    """Lower bound: pods without a sample count as empty. It justifies scaling up."""
    high: float
    """Upper bound: pods without a sample count as full. It must fit after scaling down."""
    level: float
    """Estimate: pods without a sample count as last seen, so that they do not distort the trend."""
    sampled: int
    """Number of pods with a sample."""
    unknown: int
    """Number of pods without a sample that may hold sessions."""
    sample_age_s: float
    """Age of the oldest sample in use."""


def measure(
    observation: LoadObservation, last: Mapping[str, float], refused: float, tuning: Tuning
) -> tuple[Demand, dict[str, float]]:
    """Return the demand, and the sessions of each pod as last seen, for `last` of the next call.

    A pod without any sample counts as empty while it is young: it was created because others are full, and assuming
    their mean for it would create even more pods.
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
    """Return whether a pod without a fresh sample may hold sessions."""
    return pod.sessions is not None or pod.name in last or pod.age_s >= tuning.young_s
