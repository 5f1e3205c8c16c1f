"""A pool of signaling pods in simulated time: sessions arrive, stay and leave; an autoscaler sets the number of pods.

The same rules apply to every autoscaler. A pod becomes Ready some time after its creation. A surplus pod is cordoned,
its sessions move to other pods, and then it is deleted; if it is needed again before that, it is uncordoned. A session
that reaches a full pod is rejected and does not return.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

TICK_S = 2
"""Seconds between observations."""
DRAIN_S = 10
"""Seconds over which a cordoned pod's sessions move."""


@dataclass(frozen=True)
class Trace:
    """The sessions of a run, and the pool's conditions."""

    name: str
    seconds: int
    sessions: tuple[tuple[float, float], ...]
    """Arrival and duration of each session in seconds, ordered by arrival."""
    start_delay: tuple[float, float] = (10.0, 20.0)
    """Shortest and longest time from a pod's creation to Ready, seconds."""
    outages: tuple[tuple[int, int], ...] = ()
    """Begin and end of each period without samples, in seconds."""
    sample_age_s: int = 0
    """Age of the samples that the autoscaler receives."""
    least_loaded: bool = True
    """Whether a session goes to the pod with the fewest sessions; otherwise to a random one, as with a Service."""
    flash_s: tuple[int, ...] = ()
    """Begin of each flash crowd, in seconds."""
    seed: int = 0

    def without_outages(self) -> "Trace":
        """Return the same load without outages."""
        return replace(self, outages=())


@dataclass(frozen=True)
class Rules:
    """The pool's settings."""

    target: int = 100
    capacity: int = 150
    min_pods: int = 2
    max_pods: int = 100


@dataclass
class Pod:
    """One pod."""

    name: str
    created_at: int
    ready_at: float
    sessions: set[int] = field(default_factory=set)
    ready: bool = False
    draining: bool = False
    moves_per_second: int = 0
    refused: int = 0


@dataclass
class Result:
    """The cost and quality of a run."""

    pod_seconds: int = 0
    overload: int = 0
    """Session-seconds above the pods' target."""
    rejected: int = 0
    dropped: int = 0
    moved: int = 0
    changes: int = 0
    """Number of scaling actions."""
    absorbed_s: list[int] = field(default_factory=list)
    """For each flash crowd, seconds from its begin until the pool had room for all sessions."""
    series: list[tuple[int, int, int]] = field(default_factory=list)
    """Time, sessions and pods at each tick."""


Scaler = Callable[[dict[str, Any]], int]
"""From an observation to the desired number of pods."""


class Pool:
    """The pods and their sessions."""

    def __init__(self, trace: Trace, rules: Rules) -> None:
        self.trace = trace
        self.rules = rules
        self.result = Result()
        self.pods: list[Pod] = []
        self.where: dict[int, Pod] = {}
        self.created = 0
        self.placing = random.Random(trace.seed + 1)
        initial = sum(arrival < 1 for arrival, _ in trace.sessions)
        for _ in range(max(rules.min_pods, math.ceil(initial / rules.target))):
            self._create(0).ready_at = 0.0

    def _create(self, now: int) -> Pod:
        low, high = self.trace.start_delay
        delay = random.Random(self.trace.seed * 1_000_003 + self.created).uniform(low, high)
        pod = Pod(f"pod-{self.created}", now, now + delay)
        self.created += 1
        self.pods.append(pod)
        return pod

    def serving(self) -> list[Pod]:
        """Return the pods that accept new sessions."""
        return [pod for pod in self.pods if pod.ready and not pod.draining]

    def arrive(self, session: int) -> bool:
        """Place a session; return whether a pod accepted it."""
        serving = self.serving()
        if not serving:
            self.result.rejected += 1
            return False
        if self.trace.least_loaded:
            pod = min(serving, key=lambda pod: len(pod.sessions))
        else:
            pod = self.placing.choice(serving)
        if len(pod.sessions) >= self.rules.capacity:
            pod.refused += 1
            self.result.rejected += 1
            return False
        pod.sessions.add(session)
        self.where[session] = pod
        return True

    def leave(self, session: int) -> None:
        """End a session."""
        pod = self.where.pop(session, None)
        if pod is not None:
            pod.sessions.discard(session)

    def step(self, now: int) -> None:
        """Advance by one second: pods become Ready, cordoned pods lose sessions, empty cordoned pods are deleted."""
        for pod in self.pods:
            pod.ready = pod.ready or pod.ready_at <= now
        for pod in [pod for pod in self.pods if pod.draining]:
            self._drain(pod)
            if not pod.sessions:
                self.pods.remove(pod)

    def _drain(self, pod: Pod) -> None:
        serving = self.serving()
        for _ in range(min(pod.moves_per_second, len(pod.sessions))):
            other = min(serving, key=lambda pod: len(pod.sessions), default=None)
            if other is None or len(other.sessions) >= self.rules.capacity:
                return
            session = pod.sessions.pop()
            other.sessions.add(session)
            self.where[session] = other
            self.result.moved += 1

    def count(self) -> None:
        """Add this second to the costs."""
        self.result.pod_seconds += len(self.pods)
        for pod in self.pods:
            self.result.overload += max(0, len(pod.sessions) - self.rules.target)

    def active(self) -> list[Pod]:
        """Return the pods that are not cordoned."""
        return [pod for pod in self.pods if not pod.draining]

    def scale(self, now: int, desired: int) -> None:
        """Uncordon, create or cordon pods until the desired number is active."""
        active = self.active()
        if desired == len(active):
            return
        self.result.changes += 1
        for pod in sorted((pod for pod in self.pods if pod.draining), key=lambda pod: -len(pod.sessions)):
            if len(active) < desired:
                pod.draining = False
                active.append(pod)
        for _ in range(desired - len(active)):
            self._create(now)
        for pod in sorted(active, key=lambda pod: (pod.ready, len(pod.sessions), -pod.created_at))[
            : max(0, len(active) - desired)
        ]:
            pod.draining = True
            pod.moves_per_second = max(1, math.ceil(len(pod.sessions) / DRAIN_S))
            if not pod.ready:
                self.pods.remove(pod)

    def observe(self, now: int) -> list[dict[str, Any]]:
        """Return a sample of each pod."""
        samples = []
        for pod in self.pods:
            sample = {
                "name": pod.name,
                "ready": pod.ready,
                "age_s": now - pod.created_at,
                "sessions": len(pod.sessions) if pod.ready else None,
            }
            if pod.draining:
                sample["draining"] = True
            if pod.refused:
                sample["refused"] = pod.refused
                pod.refused = 0
            samples.append(sample)
        return samples


def _aged(samples: list[dict[str, Any]], old: dict[str, Any], age_s: int) -> list[dict[str, Any]]:
    """Return current samples with the counts of earlier ones; pods that did not exist then have no counts."""
    return [
        {**pod, "sessions": old[pod["name"]]["sessions"], "refused": old[pod["name"]].get("refused", 0)}
        | {"sample_age_s": age_s}
        if pod["name"] in old
        else {**pod, "sessions": None, "refused": 0}
        for pod in samples
    ]


def _samples(pool: Pool, now: int, earlier: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    trace = pool.trace
    samples = pool.observe(now)
    if any(begin <= now < end for begin, end in trace.outages):
        return [{**pod, "sessions": None, "refused": 0} for pod in samples]
    if trace.sample_age_s:
        earlier[now] = {pod["name"]: pod for pod in samples}
        then = now - trace.sample_age_s // TICK_S * TICK_S
        return _aged(samples, earlier.pop(then, {}), now - then)
    return samples


def run(trace: Trace, scaler: Scaler, rules: Rules | None = None) -> Result:
    """Return the cost and quality of a trace under an autoscaler."""
    rules = rules or Rules()
    pool = Pool(trace, rules)
    arriving = _by_second(trace)
    leaving: dict[int, list[int]] = {}
    earlier: dict[int, dict[str, Any]] = {}
    short_at: list[int] = []
    for now in range(trace.seconds):
        pool.step(now)
        for session in leaving.pop(now, ()):
            pool.leave(session)
        rejected = pool.result.rejected
        for session, end in next(arriving):
            if pool.arrive(session):
                leaving.setdefault(max(now + 1, math.ceil(end)), []).append(session)
        pool.count()
        if pool.result.rejected > rejected or len(pool.where) > rules.target * sum(pod.ready for pod in pool.pods):
            short_at.append(now)
        if now % TICK_S == 0:
            current = len(pool.active())
            desired = scaler(
                {
                    "t": now,
                    "pods": _samples(pool, now, earlier),
                    "current_replicas": current,
                    "target_sessions_per_pod": rules.target,
                    "capacity_sessions_per_pod": rules.capacity,
                    "min": rules.min_pods,
                    "max": rules.max_pods,
                }
            )
            pool.scale(now, desired)
            pool.result.series.append((now, len(pool.where), len(pool.pods)))
    pool.result.absorbed_s = [_absorbed(begin, short_at) for begin in trace.flash_s]
    return pool.result


def _absorbed(begin: int, short_at: list[int]) -> int:
    """Return the seconds from the begin of a flash crowd to the last second without enough room, up to two minutes."""
    return max((second - begin + 1 for second in short_at if begin <= second < begin + 120), default=0)


def _by_second(trace: Trace) -> Iterator[list[tuple[int, float]]]:
    """Yield the sessions that arrive in each second, with their ends."""
    index = 0
    for second in range(trace.seconds):
        found = []
        while index < len(trace.sessions) and trace.sessions[index][0] < second + 1:
            arrival, duration = trace.sessions[index]
            found.append((index, arrival + duration))
            index += 1
        yield found
