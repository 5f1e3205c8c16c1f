"""Snapshot of a pool's pods and ReplicaSets, read from Kubernetes objects and the pods' samples. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from switchboard_crds import names
from switchboard_operator.kube.resources import Json
from switchboard_operator.pools.samples import Load, Sample
from switchboard_operator.status.diagnosis import is_finished, is_ready

CORDONED_COST: Final = -100
DRAINED_COST: Final = -1000
"""Pod deletion costs: among otherwise equal pods, a ReplicaSet removes empty pods first, then draining ones."""


class Stage(StrEnum):
    """Whether a pod accepts clients, and the progress of its drain."""

    SERVING = "Serving"
    """The Service offers it to clients."""
    REBALANCING = "Rebalancing"
    """Temporarily out of the Service while sessions are rebalanced; it stays."""
    CORDONED = "Cordoned"
    """Out of the Service: it keeps its sessions and accepts no new ones."""
    DRAINING = "Draining"
    """Out of the Service, and its sessions are asked to move to other pods."""
    DRAINED = "Drained"
    """It holds no sessions, or its drain timed out with `onTimeout: Force`: the next one to be removed."""

    @property
    def being_drained(self) -> bool:
        """Whether a pod at this stage is being removed."""
        return self not in {Stage.SERVING, Stage.REBALANCING}

    @property
    def moves_sessions(self) -> bool:
        """Whether sessions of a pod at this stage have been asked to move."""
        return self not in {Stage.SERVING, Stage.CORDONED}


_STAGES: Final = {stage.value: stage for stage in Stage}
"""Stages by the value of the annotation."""


@dataclass(frozen=True)
class PodSnapshot:
    """One pod that is not being deleted."""

    name: str
    uid: str
    replica_set: str
    """Name of its ReplicaSet."""
    stage: Stage = Stage.SERVING
    since: float | None = None
    """When its sessions were first asked to move, in seconds of the wall clock."""
    ready: bool = True
    ready_since: float | None = None
    """When it became Ready, in seconds of the wall clock; None if it is not Ready."""
    restarts: int = 0
    """Restarts of its container."""
    assigned: bool = True
    """Whether it has a node."""
    pending: bool = False
    """Whether not all of its containers have started yet (phase Pending)."""
    started: bool = True
    """Whether its container is running and has passed its startup probe."""
    offered: bool = False
    """Whether an EndpointSlice lists it as ready."""
    evacuate: bool = False
    """Whether its node is unschedulable (`kubectl drain`, `kubectl cordon`)."""
    zone: str = ""
    created: str = ""
    sample: Sample | None = None
    """None without a fresh answer."""

    @property
    def serves(self) -> bool:
        """Whether it is Ready and not being removed."""
        return self.ready and not self.stage.being_drained

    @property
    def never_started(self) -> bool:
        """Whether it cannot hold a session: it never started, or its process is gone."""
        return self.sample is None and not self.ready and not self.started

    @property
    def empty(self) -> bool:
        """Whether it is certain to hold no session and to get none."""
        if self.sample is None:
            return self.never_started
        return self.sample.connections == 0 and self.sample.cordoned and not self.offered

    @property
    def cost(self) -> int:
        """Deletion cost of its stage."""
        return _cost(self.stage)


def _cost(stage: Stage) -> int:
    if not stage.being_drained:
        return 0
    return DRAINED_COST if stage is Stage.DRAINED else CORDONED_COST


def removal_order(pod: PodSnapshot) -> tuple[bool, bool, bool, int]:
    """Return the sort key by which a ReplicaSet removes pods, lowest first.

    Source: kubernetes pkg/controller/controller_utils.go, ActivePodsWithRanks.Less. Pods with equal keys are ordered
    by the load of their node, age and restarts, which nothing here relies on.
    """
    return (pod.assigned, not pod.pending, pod.ready, pod.cost)


@dataclass(frozen=True)
class RevisionPods:
    """Snapshot of the ReplicaSet of one revision, with its pods in the order in which it would remove them."""

    name: str
    replicas: int
    pods: tuple[PodSnapshot, ...] = ()
    removing: frozenset[str] = frozenset()
    """Uids of the pods that its last scale-down should remove."""
    ending: int = 0
    """Number of pods that are being deleted."""
    created: str = ""

    @property
    def leaving(self) -> int:
        """Number of pods that it has yet to remove."""
        return max(0, len(self.pods) - self.replicas)

    @property
    def staying(self) -> tuple[PodSnapshot, ...]:
        """Pods except those that it is about to remove."""
        return self.pods[self.leaving :]

    @property
    def coming(self) -> int:
        """Number of pods that it has yet to create."""
        return max(0, self.replicas - len(self.pods))

    @property
    def survivors(self) -> tuple[PodSnapshot, ...]:
        """Pods that its last scale-down should have removed and did not."""
        return tuple(pod for pod in self.pods if pod.uid in self.removing) if not self.leaving else ()


@dataclass(frozen=True)
class Observed:
    """A pool as one reconciliation observes it."""

    current: str = ""
    """Name of the current revision's ReplicaSet, which may not exist yet; empty while dependencies are missing."""
    revisions: Mapping[str, RevisionPods] = field(default_factory=dict)
    """Revisions by the name of their ReplicaSet."""
    load: Load = field(default_factory=Load)
    failure: str | None = None
    """Why the current ReplicaSet cannot create pods, or None."""

    @property
    def pods(self) -> list[PodSnapshot]:
        """All pods except those that a ReplicaSet is about to remove."""
        return [pod for item in self.revisions.values() for pod in item.staying]

    @property
    def updated(self) -> list[PodSnapshot]:
        """Pods of the current revision on schedulable nodes."""
        return [pod for pod in self.pods if pod.replica_set == self.current and not pod.evacuate]

    @property
    def serving(self) -> int:
        """Number of updated pods that serve."""
        return sum(pod.serves for pod in self.updated)

    @property
    def outdated(self) -> int:
        """Number of pods to be replaced."""
        return len(self.pods) - len(self.updated)

    @property
    def replacing(self) -> bool:
        """Whether pods have to be replaced or older ReplicaSets deleted."""
        return bool(self.outdated or set(self.revisions) - {self.current})

    @property
    def sessions(self) -> dict[str, int]:
        """Sessions of the pods that answer, by pod name."""
        return {pod.name: pod.sample.sessions for pod in self.pods if pod.sample is not None}


def read_revisions(
    replica_sets: Sequence[Json], pods: Sequence[Json], describe: Callable[[Json], PodSnapshot]
) -> dict[str, RevisionPods]:
    """Return the revisions by ReplicaSet name, each with its pods; `describe` reads one pod."""
    found = {}
    for item in replica_sets:
        metadata = item["metadata"]
        own = [pod for pod in pods if controller(pod) == metadata["uid"] and not is_finished(pod)]
        living = [describe(pod) for pod in own if not pod["metadata"].get("deletionTimestamp")]
        removing = (metadata.get("annotations") or {}).get(names.ANNOTATION_REMOVING, "")
        found[metadata["name"]] = RevisionPods(
            metadata["name"],
            item["spec"].get("replicas", 1),
            tuple(sorted(living, key=lambda pod: (*removal_order(pod), pod.name))),
            frozenset(filter(None, removing.split(","))),
            len(own) - len(living),
            metadata.get("creationTimestamp", ""),
        )
    return found


def failure(replica_set: Json | None) -> str | None:
    """Return why a ReplicaSet cannot create pods (quota, admission), or None."""
    for condition in ((replica_set or {}).get("status") or {}).get("conditions") or []:
        if condition["type"] == "ReplicaFailure":
            return str(condition.get("message", ""))
    return None


def controller(pod: Json) -> str | None:
    """Return the uid of the object that controls a pod."""
    references = pod["metadata"].get("ownerReferences") or []
    return next((str(item["uid"]) for item in references if item.get("controller")), None)


def read_pod(
    pod: Json, offered: Collection[str], zones: Mapping[str, str], unschedulable: Collection[str], sample: Sample | None
) -> PodSnapshot:
    """Return the snapshot of a pod.

    `offered`: uids that EndpointSlices list as ready; `zones`: zone by node; `unschedulable`: unschedulable nodes.
    """
    metadata, status = pod["metadata"], pod.get("status") or {}
    annotations = metadata.get("annotations") or {}
    node = (pod.get("spec") or {}).get("nodeName", "")
    containers = status.get("containerStatuses") or []
    return PodSnapshot(
        name=metadata["name"],
        uid=metadata["uid"],
        replica_set=_controller_name(pod),
        stage=stage_of(metadata),
        since=_seconds(annotations.get(names.ANNOTATION_DRAIN_STARTED, "")),
        ready=is_ready(pod),
        ready_since=_ready_since(pod),
        restarts=sum(item.get("restartCount", 0) for item in containers),
        assigned=bool(node),
        pending=status.get("phase", "Pending") == "Pending",
        started=any("running" in (item.get("state") or {}) and item.get("started") for item in containers),
        offered=metadata["uid"] in offered,
        evacuate=node in unschedulable,
        zone=zones.get(node, ""),
        created=metadata.get("creationTimestamp", ""),
        sample=sample,
    )


def _ready_since(pod: Json) -> float | None:
    conditions = (pod.get("status") or {}).get("conditions") or []
    times = (item.get("lastTransitionTime") or "" for item in conditions if item["type"] == "Ready")
    return _seconds(next(times, "")) if is_ready(pod) else None


def stage_of(metadata: Json) -> Stage:
    """Return the stage in a pod's annotation; a pod without one that the Service does not select is cordoned."""
    marked = _STAGES.get((metadata.get("annotations") or {}).get(names.ANNOTATION_DRAIN, ""), Stage.SERVING)
    in_service = (metadata.get("labels") or {}).get(names.LABEL_IN_SERVICE) == "true"
    return Stage.CORDONED if marked is Stage.SERVING and not in_service else marked


def _seconds(text: str) -> float | None:
    """Return a time in seconds since 1970; None if the text is not a time, for example after a manual edit."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _controller_name(pod: Json) -> str:
    references = pod["metadata"].get("ownerReferences") or []
    return next((str(item["name"]) for item in references if item.get("controller")), "")


def offered(slices: Iterable[Json]) -> frozenset[str]:
    """Return the uids of the pods that EndpointSlices list; unknown readiness counts as ready, as for kube-proxy."""
    return frozenset(
        str(endpoint["targetRef"]["uid"])
        for item in slices
        for endpoint in item.get("endpoints") or []
        if "targetRef" in endpoint and (endpoint.get("conditions") or {}).get("ready") is not False
    )


def stage_patch(stage: Stage, since: str | None) -> Json:
    """Return the merge patch that puts a pod into a stage; `since` is when its sessions were first asked to move."""
    out = stage is not Stage.SERVING
    return {
        "metadata": {
            "labels": {names.LABEL_IN_SERVICE: "false" if out else "true"},
            "annotations": {
                names.ANNOTATION_DRAIN: stage.value if out else None,
                names.ANNOTATION_DRAIN_STARTED: since if stage.moves_sessions else None,
                names.ANNOTATION_DELETION_COST: str(_cost(stage)) if stage.being_drained else None,
            },
        }
    }
