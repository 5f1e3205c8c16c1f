"""Resources and objects that the tests of several modules begin with."""

from datetime import UTC, datetime
from typing import Any

from switchboard_crds import names
from switchboard_crds.model import Condition, ConditionStatus
from switchboard_crds.redis_cluster import RedisCluster
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_crds.turn_fleet import TurnFleet
from switchboard_operator.keys.derived import Keys

KEYS = Keys(b"k" * 32)


def metadata(name: str, uid: str | None = None) -> dict[str, Any]:
    return {"name": name, "namespace": "web", "uid": uid or f"uid-of-{name}", "generation": 1}


def pool(name: str = "calls", status: dict[str, Any] | None = None, **spec: Any) -> SignalingPool:
    spec = {"environment": "Development", **spec}
    return SignalingPool.model_validate({"metadata": metadata(name), "spec": spec, "status": status or {}})


def fleet(name: str = "relays", status: dict[str, Any] | None = None, **spec: Any) -> TurnFleet:
    spec = {"regions": [{"name": "north"}], **spec}
    return TurnFleet.model_validate({"metadata": metadata(name), "spec": spec, "status": status or {}})


def cluster(name: str = "store", status: dict[str, Any] | None = None, **spec: Any) -> RedisCluster:
    return RedisCluster.model_validate({"metadata": metadata(name), "spec": spec, "status": status or {}})


def ready_condition(status: ConditionStatus = ConditionStatus.TRUE) -> dict[str, Any]:
    found = Condition(
        type="Ready",
        status=status,
        reason="Ready",
        message="",
        last_transition_time=datetime(2026, 1, 1, tzinfo=UTC),
        observed_generation=1,
    )
    return found.model_dump(by_alias=True, mode="json")


def pod(name: str = "calls-1", *, ready: bool = False, labels: dict[str, str] | None = None, **status: Any) -> Any:
    """Return a pod; `status` adds to its status."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}, *status.pop("conditions", [])]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata(name), "labels": labels or {}},
        "status": {"conditions": conditions, **status},
    }


def going(item: Any) -> Any:
    """Return the object as it is while it is being deleted."""
    return {**item, "metadata": {**item["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}


def resource(kind: str, name: str, **spec: Any) -> Any:
    """Return a resource of ours as the API server has it."""
    return {"apiVersion": names.API_VERSION, "kind": kind, "metadata": metadata(name), "spec": spec}
