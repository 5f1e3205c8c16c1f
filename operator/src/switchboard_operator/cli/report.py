"""Output of `kubectl switchboard status`, from resources and events. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from switchboard_crds.model import Condition, ConditionStatus
from switchboard_crds.signaling_pool import PoolCondition, ScalingMode, SignalingPool
from switchboard_operator.kube.resources import Json

DECISIONS: Final = 5
"""Maximum number of decisions per pool, the latest first."""
DECIDED: Final = frozenset({"Scaling", "Rebalanced"})
"""Reasons of the events that report decisions."""


def report(pools: Iterable[SignalingPool], events: Iterable[Json]) -> list[dict[str, Any]]:
    """Return a report on each pool, sorted by namespace and name."""
    decided = [event for event in events if event.get("reason") in DECIDED]
    return [_pool(pool, decided) for pool in sorted(pools, key=lambda pool: pool.key)]


def _pool(pool: SignalingPool, events: Iterable[Json]) -> dict[str, Any]:
    status, conditions = pool.status, {item.type: item for item in pool.status.conditions}
    auto = pool.spec.autoscaling
    own = [event for event in events if (event.get("regarding") or {}).get("uid") == pool.metadata.uid]
    own.sort(key=_when, reverse=True)
    return {
        "namespace": pool.metadata.namespace,
        "name": pool.metadata.name,
        "ready": _condition(conditions.get(PoolCondition.READY)),
        "drained": _condition(conditions.get(PoolCondition.DRAINED)),
        "replicas": {
            "desired": status.desired_replicas,
            "existing": status.replicas,
            "ready": status.ready_replicas,
            "draining": status.draining_replicas,
        },
        "scaling": {
            "mode": (auto.mode if auto else ScalingMode.MANUAL).value,
            "min": auto.min_replicas if auto else None,
            "max": auto.max_replicas if auto else None,
            **_condition(conditions.get(PoolCondition.SCALING_ACTIVE)),
        },
        "sessions": status.sessions,
        "capacity": status.session_capacity,
        "why": status.scaling_decision,
        "decisions": [{"at": _when(event), "decision": event.get("note", "")} for event in own[:DECISIONS]],
    }


def _when(event: Json) -> str:
    return str(event.get("eventTime") or event["metadata"].get("creationTimestamp") or "")


def _condition(condition: Condition | None) -> dict[str, Any]:
    if condition is None:
        return {"holds": None, "reason": "Unknown", "message": "The operator has not reconciled this pool yet."}
    holds = {ConditionStatus.TRUE: True, ConditionStatus.FALSE: False}.get(condition.status)
    return {"holds": holds, "reason": condition.reason, "message": condition.message}


def text(pools: Sequence[dict[str, Any]]) -> str:
    """Return the report as a table, with details below it for each pool that needs attention or has decisions."""
    if not pools:
        return "No SignalingPool found.\n"
    rows = [
        ("NAMESPACE", "POOL", "READY", "PODS", "SCALING", "DRAINING", "SESSIONS", "CAPACITY", "WHY"),
        *map(_row, pools),
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for pool in pools:
        notes = [
            f"  {what}: {pool[what]['reason']}: {pool[what]['message']}"
            for what in ("ready", "drained", "scaling")
            if pool[what]["holds"] is False and pool[what]["reason"] != ScalingMode.MANUAL
        ]
        notes += [f"  {item['at'][:19]}  {item['decision']}" for item in pool["decisions"]]
        if notes:
            lines += ["", f"{pool['namespace']}/{pool['name']}", *notes]
    return "\n".join([*lines, ""])


def _row(pool: dict[str, Any]) -> tuple[str, ...]:
    replicas = pool["replicas"]
    scaling = pool["scaling"]
    mode = f"{scaling['mode']} {scaling['min']}-{scaling['max']}" if scaling["max"] else scaling["mode"]
    ready = {True: "yes", False: "no"}.get(pool["ready"]["holds"], "?")
    return (
        pool["namespace"],
        pool["name"],
        ready,
        f"{replicas['ready']}/{replicas['desired']}",
        mode,
        str(replicas["draining"]),
        str(pool["sessions"]),
        str(pool["capacity"]),
        pool["why"],
    )
