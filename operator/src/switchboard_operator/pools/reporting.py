"""Load figures for the status, and events. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.pools import rebalance
from switchboard_operator.pools.replicas import ReplicaDecision
from switchboard_operator.pools.snapshot import Observed
from switchboard_operator.pools.state import Figures, PoolState
from switchboard_operator.pools.wakeups import REPORT_SECONDS
from switchboard_operator.status.wording import count


@dataclass(frozen=True)
class Memory:
    """State of a pool that is kept from one reconciliation to the next."""

    reported_at: float = 0.0
    """When its figures were last updated, on the monotonic clock in seconds."""
    sessions: Mapping[str, int] = field(default_factory=dict)
    """Sessions of its pods by name at the start of the current rebalancing; empty while there is none."""


@dataclass(frozen=True)
class PoolEvent:
    """An event about the pool."""

    reason: str
    note: str


def figures(
    pool: SignalingPool, observed: Observed, decision: ReplicaDecision, memory: Memory, now: float
) -> tuple[Figures, Memory]:
    """Return the figures for the status: the current ones if an update is due, else those already there.

    `now` is the monotonic clock in seconds.
    """
    sampled = [(pod.serves, pod.sample) for pod in observed.pods if pod.sample is not None]
    sessions = sum(sample.sessions for _, sample in sampled)
    found = Figures(sessions, sum(sample.capacity for serves, sample in sampled if serves), decision.why)
    shown = Figures.published(pool)
    recent = now - memory.reported_at < REPORT_SECONDS
    decided = decision.desired != pool.status.desired_replicas
    changed = pool.metadata.generation != pool.status.observed_generation
    if found == shown or (recent and not decided and not changed):
        return shown, memory
    return found, replace(memory, reported_at=now)


def events(pool: SignalingPool, state: PoolState, memory: Memory) -> tuple[list[PoolEvent], Memory]:
    """Return the events of an executed plan, and what to remember for the next reconciliation.

    `pool` is as it was read at the start: its status has the previous decision.
    """
    found = []
    before, decision = pool.status.desired_replicas, state.plan.decision
    if before != decision.desired and pool.status.scaling_decision:
        found.append(PoolEvent("Scaling", f"Scaling from {before} to {count(decision.desired, 'pod')}: {decision.why}"))
    if state.plan.steps.rebalancing:
        memory = replace(memory, sessions=memory.sessions or state.observed.sessions)
    elif memory.sessions:
        found.append(PoolEvent("Rebalanced", rebalance.summary(memory.sessions, state.observed.sessions)))
        memory = replace(memory, sessions={})
    return found, memory
