"""What a decision is made from, and what it is. Times are in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

MAX_POINTS = 400
"""Bound of each list that is kept, whatever the pace of observations."""


@dataclass(frozen=True, slots=True)
class PodLoad:
    """One pod as it was seen."""

    name: str
    ready: bool
    age_s: float
    sessions: float | None
    """Sessions that it holds, attached and resumable; None where it could not be asked."""
    draining: bool = False
    """Whether it is cordoned: its sessions move, and it does not count as a replica any more."""
    refused: float = 0
    """Sessions that it turned away since the observation before."""
    sample_age_s: float = 0
    """How long ago it was asked."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A floor that was announced: so many pods, from each time that `cron` names, for `duration`."""

    name: str
    cron: str
    """Five fields: minute, hour, day of month, month, day of week."""
    zone: ZoneInfo
    duration: timedelta
    min_pods: int


@dataclass(frozen=True, slots=True)
class LoadObservation:
    """A pool at one moment."""

    t: float
    """The time, of a clock that only goes forward."""
    pods: Sequence[PodLoad]
    """All pods, also those that start or drain."""
    current: int
    """Replicas asked for now: pods without the draining ones."""
    target: float
    """Sessions that a pod should hold."""
    capacity: float
    """Sessions that a pod can hold."""
    min_pods: int
    max_pods: int
    schedules: Sequence[Schedule] = ()
    utc: float | None = None
    """Seconds since 1970-01-01 UTC, where `t` is another clock."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What can be set of the decision. The defaults were chosen by bench/autoscaler, on other seeds than it reports."""

    buffer_sessions: float = 0
    """Room for so many more sessions is kept at all times, beyond what the forecast wants."""
    stable_window_s: float = 60
    """Span of the trend."""
    panic_window_s: float = 12
    """Span of the jumps that the trend would see too late."""
    panic_sigmas: float = 5
    """A jump is one when it exceeds the usual noise so many times."""
    surge_factor: float = 1.3
    """So many times what a jump exceeds the trend by is expected of it: it is seen while it begins, and grows on."""
    error_quantile: float = 0.94
    """Share of the forecast's recent errors that are covered by pods: the margin."""
    down_margin: float = 1.2
    """A pod goes only where so many times the margin has room without it: a load at the edge of a pod would flap."""
    error_window_s: float = 600
    """How far back errors are recent."""
    start_delay_s: float = 20
    """How long pods take to be Ready, until some have been seen to start."""
    longest_start_delay_s: float = 120
    """Pods that take longer are taken for stuck: no forecast reaches further."""
    young_s: float = 60
    """A pod that was never sampled holds no sessions while it is younger."""
    stale_s: float = 30
    """A sample that is older counts as none."""
    gap_s: float = 15
    """A span without any sample that is longer begins the history anew."""
    refused_window_s: float = 15
    """How long a session that was turned away counts as demand."""
    stabilization_window_s: float = 30
    """A pod goes only after it was not wanted for so long."""
    up_factor: float = 4
    up_pods: int = 20
    """Within the limits' window, replicas grow at most by the factor or by the pods, whichever allows more."""
    down_factor: float = 2
    down_pods: int = 2
    """Within the limits' window, replicas shrink at most by the factor or by the pods, whichever allows more."""
    limit_window_s: float = 15


@dataclass(frozen=True, slots=True)
class LoadDecision:
    """How many pods there should be, and why."""

    desired: int
    why: str
    """The change and its reason: `3 -> 5: buffer wants 5 (412 sessions + 60 free / 100); up limit 2x or +2`."""
    reason: str
    term: str
    """Name of the term that won."""
    limits: tuple[str, ...] = ()
    """What kept the decision from the term's wish."""
    no_metrics: bool = False
    """Whether pods may hold sessions and none could be sampled: the load is unknown."""
