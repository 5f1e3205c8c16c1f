"""Input and output of a decision. Times are in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

MAX_POINTS = 400
"""Maximum length of each list in a history, at any rate of observations."""


@dataclass(frozen=True, slots=True)
class PodLoad:
    """Load of one pod."""

    name: str
    ready: bool
    age_s: float
    sessions: float | None
    """Sessions that it holds, connected and resumable; None if it did not answer."""
    draining: bool = False
    """Whether it is being removed: its sessions move, and it no longer counts as a replica."""
    refused: float = 0
    """Sessions that it rejected since the previous observation."""
    sample_age_s: float = 0
    """Age of the sample."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A lower bound on the number of pods, for `duration` after each time that matches `cron`."""

    name: str
    cron: str
    """Five fields: minute, hour, day of month, month, day of week."""
    zone: ZoneInfo
    duration: timedelta
    min_pods: int


@dataclass(frozen=True, slots=True)
class LoadObservation:
    """A pool at one time."""

    t: float
    """Time of a monotonic clock."""
    pods: Sequence[PodLoad]
    """All pods, including those that start or drain."""
    current: int
    """Current number of replicas, without draining pods."""
    target: float
    """Sessions that each pod should hold."""
    capacity: float
    """Sessions that each pod can hold."""
    min_pods: int
    max_pods: int
    schedules: Sequence[Schedule] = ()
    utc: float | None = None
    """Seconds since 1970-01-01 UTC, if `t` is another clock."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """Parameters of a decision. The defaults were tuned with bench/autoscaler, on other seeds than it reports."""

    buffer_sessions: float = 0
    """Room to keep free at all times, in sessions above the current number."""
    stable_window_s: float = 60
    """Span of the trend."""
    panic_window_s: float = 12
    """Span in which surges are detected; the trend would follow them too late."""
    panic_sigmas: float = 5
    """A rise is a surge if it exceeds the noise by this factor."""
    surge_factor: float = 1.3
    """Factor on the part of a surge above the trend: a surge is detected while it begins, and continues to grow."""
    error_quantile: float = 0.94
    """Quantile of the forecast's recent errors that the margin covers."""
    down_margin: float = 1.2
    """Factor on the margin when scaling down, so that a load at the edge of a pod does not flap."""
    error_window_s: float = 600
    """Span of the recent errors."""
    start_delay_s: float = 20
    """Assumed time until a pod is Ready, before any start was observed."""
    longest_start_delay_s: float = 120
    """Upper bound on the forecast's horizon: pods that take longer to start count as stuck."""
    young_s: float = 60
    """Age up to which a pod without a sample counts as empty."""
    stale_s: float = 30
    """Age from which on a sample is ignored."""
    gap_s: float = 15
    """Longest span without samples; after a longer one, the history starts again."""
    refused_window_s: float = 15
    """How long a rejected session counts as demand."""
    stabilization_window_s: float = 30
    """Scale-down stabilization: remove a pod only after it has been unneeded for this long."""
    up_factor: float = 4
    up_pods: int = 20
    """Within `limit_window_s`, replicas grow at most by the factor or the pods, whichever allows more."""
    down_factor: float = 2
    down_pods: int = 2
    """Within `limit_window_s`, replicas shrink at most by the factor or the pods, whichever allows more."""
    limit_window_s: float = 15
    """Span of both limits."""


@dataclass(frozen=True, slots=True)
class LoadDecision:
    """The desired number of pods, and why."""

    desired: int
    why: str
    """The change and its reason, such as `3 -> 5: load needs 6 pods (520 sessions, 100 per pod); max 5`."""
    reason: str
    term: str
    """Name of the term that needs the most pods."""
    limits: tuple[str, ...] = ()
    """What keeps the decision from the number of pods that the term needs."""
    no_metrics: bool = False
    """Whether the load is unknown: pods may hold sessions, and none has a sample."""
