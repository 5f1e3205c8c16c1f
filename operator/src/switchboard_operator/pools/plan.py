"""What one pass does about a pool: the whole decision, from what was observed to the commands that are due. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from switchboard_crds.signaling_pool import OnTimeout, SignalingPool
from switchboard_operator.pools import rollout
from switchboard_operator.pools.drain import Steps, steps
from switchboard_operator.pools.rebalance import rebalance, terms_of
from switchboard_operator.pools.replicas import ReplicaDecision, decide
from switchboard_operator.pools.snapshot import Observed, Stage

_NOTHING: Final = Steps()


@dataclass(frozen=True)
class Plan:
    """How many pods there should be, and what is done about it now."""

    decision: ReplicaDecision
    steps: Steps = _NOTHING
    last_move: datetime | None = None
    """When sessions were last asked to move."""
    on_trial: bool = False
    """Whether the current revision has to pass its trial before pods are replaced."""


def plan(pool: SignalingPool, observed: Observed, now: float) -> Plan:
    """Return what is due at a moment of the wall clock, in seconds."""
    revisions, drain = observed.revisions, pool.spec.drain
    decision = decide(pool, observed.load)
    target = rollout.target_of(pool, decision.desired, observed.current, now)
    placement = rollout.place(target, revisions)
    if (terms := terms_of(pool, now)) is not None:
        placement = rebalance(placement, revisions, terms)
    force = drain.on_timeout is OnTimeout.FORCE
    due = steps(placement, revisions, observed.current, now, drain.timeout_seconds, force=force)
    return Plan(decision, due, _last_move(pool, observed, due, now), rollout.on_trial(target, revisions))


def idle(pool: SignalingPool, observed: Observed) -> Plan:
    """Return the plan of a pool that cannot be acted on: it waits for what it refers to, or an object was refused."""
    return Plan(decide(pool, observed.load), last_move=pool.status.last_move_time)


def _last_move(pool: SignalingPool, observed: Observed, due: Steps, now: float) -> datetime | None:
    """Return when sessions were last asked to move: noted as that begins and as it ends, since a note is a write."""
    moved, before = any(pod.stage is not Stage.SERVING for pod in observed.pods), pool.status.last_move_time
    return datetime.fromtimestamp(now, UTC) if moved is not due.moving or (moved and before is None) else before
