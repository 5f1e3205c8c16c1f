"""Pods and ReplicaSets that the tests of this folder begin with."""

from typing import Any

from switchboard_operator.pools.fleet import Pod, Set, Stage, removal_order
from switchboard_operator.pools.samples import Sample


def sample(sessions: int = 0, **fields: Any) -> Sample:
    return Sample(**{"at": 0.0, "sessions": sessions, "connections": sessions, "capacity": 100, **fields})


def serving(name: str, sessions: int = 0, revision: str = "new", **fields: Any) -> Pod:
    """Return a pod that serves and is offered, unless the fields say otherwise."""
    found = {"sample": sample(sessions), "offered": True, "created": "2026-01-01T00:00:00Z", **fields}
    return Pod(name, f"uid-{name}", revision, **found)


def out(name: str, sessions: int = 0, stage: Stage = Stage.DRAINING, revision: str = "new", **fields: Any) -> Pod:
    """Return a pod on its way out that nothing offers any more."""
    since = None if stage is Stage.HOLDING else 100.0
    found = {"stage": stage, "since": since, "offered": False, "sample": sample(sessions, cordoned=True), **fields}
    return serving(name, sessions, revision, **found)


def starting(name: str, revision: str = "new", **fields: Any) -> Pod:
    """Return a pod that has just been made."""
    blank = {"ready": False, "assigned": False, "pending": True, "started": False, "offered": False, "sample": None}
    return serving(name, 0, revision, **{**blank, **fields})


def replica_set(*pods: Pod, name: str = "new", replicas: int | None = None, **fields: Any) -> Set:
    ordered = tuple(sorted(pods, key=lambda pod: (*removal_order(pod), pod.name)))
    return Set(name, len(pods) if replicas is None else replicas, ordered, **fields)


def by_name(*sets: Set) -> dict[str, Set]:
    return {item.name: item for item in sets}
