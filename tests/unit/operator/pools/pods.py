"""Pods and ReplicaSets that the tests of this folder begin with."""

from typing import Any

from switchboard_operator.pools.samples import Sample
from switchboard_operator.pools.snapshot import PodSnapshot, RevisionPods, Stage, removal_order


def sample(sessions: int = 0, **fields: Any) -> Sample:
    return Sample(**{"at": 0.0, "sessions": sessions, "connections": sessions, "capacity": 100, **fields})


def serving(name: str, sessions: int = 0, revision: str = "new", **fields: Any) -> PodSnapshot:
    """Return a pod that serves and is offered, unless the fields say otherwise."""
    found = {"sample": sample(sessions), "offered": True, "created": "2026-01-01T00:00:00Z", **fields}
    return PodSnapshot(name, f"uid-{name}", revision, **found)


def out(
    name: str, sessions: int = 0, stage: Stage = Stage.DRAINING, revision: str = "new", **fields: Any
) -> PodSnapshot:
    """Return a draining pod that no EndpointSlice offers."""
    since = None if stage is Stage.CORDONED else 100.0
    found = {"stage": stage, "since": since, "offered": False, "sample": sample(sessions, cordoned=True), **fields}
    return serving(name, sessions, revision, **found)


def starting(name: str, revision: str = "new", **fields: Any) -> PodSnapshot:
    """Return a pod that has just been made."""
    never_started = {
        "ready": False,
        "assigned": False,
        "pending": True,
        "started": False,
        "offered": False,
        "sample": None,
    }
    return serving(name, 0, revision, **{**never_started, **fields})


def replica_set(*pods: PodSnapshot, name: str = "new", replicas: int | None = None, **fields: Any) -> RevisionPods:
    ordered = tuple(sorted(pods, key=lambda pod: (*removal_order(pod), pod.name)))
    return RevisionPods(name, len(pods) if replicas is None else replicas, ordered, **fields)


def by_name(*sets: RevisionPods) -> dict[str, RevisionPods]:
    return {item.name: item for item in sets}
