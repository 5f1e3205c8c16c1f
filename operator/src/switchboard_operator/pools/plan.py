"""The plan of one reconciliation: from the observed pool to the commands that are due. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from switchboard_crds.signaling_pool import OnTimeout, SignalingPool
from switchboard_operator.pools import rollout
from switchboard_operator.pools.drain import Steps, steps
from switchboard_operator.pools.rebalance import policy_of, rebalance
from switchboard_operator.pools.replicas import ReplicaDecision, decide
from switchboard_operator.pools.snapshot import Observed, Stage

_NOTHING: Final = Steps()


@dataclass(frozen=True)
class Plan:
    """The desired number of pods, and the next steps."""

    decision: ReplicaDecision
    steps: Steps = _NOTHING
    last_move: datetime | None = None
    """When sessions were last asked to move."""
    in_canary: bool = False
    """Whether the current revision is a canary: no pod is replaced yet."""


def plan(pool: SignalingPool, observed: Observed, now: float) -> Plan:
    """Return the plan at `now`, in seconds of the wall clock."""
    revisions, drain = observed.revisions, pool.spec.drain
    decision = decide(pool, observed.load)
    target = rollout.target_of(pool, decision.desired, observed.current, now)
    placement = rollout.place(target, revisions)
    if (policy := policy_of(pool, now)) is not None:
        placement = rebalance(placement, revisions, policy)
    force = drain.on_timeout is OnTimeout.FORCE
    due = steps(placement, revisions, observed.current, now, drain.timeout_seconds, force=force)
    return Plan(decision, due, _last_move(pool, observed, due, now), rollout.in_canary(target, revisions))


def idle(pool: SignalingPool, observed: Observed) -> Plan:
    """Return the plan of a pool that cannot change: a dependency is missing, or an object was rejected."""
    return Plan(decide(pool, observed.load), last_move=pool.status.last_move_time)


def _last_move(pool: SignalingPool, observed: Observed, due: Steps, now: float) -> datetime | None:
    """Return when sessions were last asked to move: set only when a move begins and ends, because it costs a write."""
    moved, before = any(pod.stage is not Stage.SERVING for pod in observed.pods), pool.status.last_move_time
    return datetime.fromtimestamp(now, UTC) if moved is not due.moving or (moved and before is None) else before
