"""A pool's pods and ReplicaSets as they are, read from what Kubernetes and the pods themselves say. Pure."""

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
"""Pod deletion costs: of pods that are alike otherwise, a ReplicaSet removes empty ones first, then draining ones."""


class Stage(StrEnum):
    """Whether a pod takes clients, and how far its draining has come."""

    SERVING = "Serving"
    """The Service offers it to clients."""
    REBALANCING = "Rebalancing"
    """It stays, but is out of the Service for a moment, while it gives away what it holds above its share."""
    CORDONED = "Cordoned"
    """Out of the Service: it keeps its sessions and takes no other."""
    DRAINING = "Draining"
    """It gives its sessions away too."""
    DRAINED = "Drained"
    """It holds nothing any more, or its time is up: the next one to be removed."""

    @property
    def going(self) -> bool:
        """Whether a pod of this stage is being drained, or is about to be."""
        return self not in {Stage.SERVING, Stage.REBALANCING}

    @property
    def giving(self) -> bool:
        """Whether a pod of this stage is asked to give sessions away, or was."""
        return self not in {Stage.SERVING, Stage.CORDONED}


_STAGES: Final = {**{stage.value: stage for stage in Stage}, "Holding": Stage.CORDONED}
"""By the value of the annotation; operators up to 0.1.0 wrote `Holding`."""


@dataclass(frozen=True)
class PodSnapshot:
    """One pod that is not being deleted."""

    name: str
    uid: str
    replica_set: str
    """Name of its ReplicaSet."""
    stage: Stage = Stage.SERVING
    since: float | None = None
    """When it began to give sessions away, in seconds of the wall clock."""
    ready: bool = True
    ready_since: float | None = None
    """When it became Ready, in seconds of the wall clock; None if it is not."""
    restarts: int = 0
    """How often its container has started anew."""
    assigned: bool = True
    """Whether it has a node."""
    pending: bool = False
    """Whether its containers have not all started yet (phase Pending)."""
    started: bool = True
    """Whether its container runs and has passed its startup probe."""
    offered: bool = False
    """Whether an EndpointSlice offers it to clients."""
    evacuate: bool = False
    """Whether its node should be empty (`kubectl drain`, `kubectl cordon`)."""
    zone: str = ""
    created: str = ""
    sample: Sample | None = None
    """None if it does not answer."""

    @property
    def serves(self) -> bool:
        """Whether it is Ready and stays."""
        return self.ready and not self.stage.going

    @property
    def never_started(self) -> bool:
        """Whether it cannot hold a session: it has never served, or its process is gone."""
        return self.sample is None and not self.ready and not self.started

    @property
    def empty(self) -> bool:
        """Whether it certainly holds no session and cannot get one."""
        if self.sample is None:
            return self.never_started
        return self.sample.connections == 0 and self.sample.cordoned and not self.offered

    @property
    def cost(self) -> int:
        """Its deletion cost by its stage."""
        return _cost(self.stage)


def _cost(stage: Stage) -> int:
    if not stage.going:
        return 0
    return DRAINED_COST if stage is Stage.DRAINED else CORDONED_COST


def removal_order(pod: PodSnapshot) -> tuple[bool, bool, bool, int]:
    """Return what a ReplicaSet removes pods by, lowest first.

    Source: kubernetes pkg/controller/controller_utils.go, ActivePodsWithRanks.Less; pods that are alike in these
    are told apart by their node's load, by time and by restarts, which nothing here relies on.
    """
    return (pod.assigned, not pod.pending, pod.ready, pod.cost)


@dataclass(frozen=True)
class RevisionPods:
    """The ReplicaSet of one revision, with its pods in the order in which it would remove them."""

    name: str
    replicas: int
    pods: tuple[PodSnapshot, ...] = ()
    removing: frozenset[str] = frozenset()
    """Uids of the pods that its last step down was meant to remove."""
    ending: int = 0
    """Pods that are being deleted."""
    created: str = ""

    @property
    def leaving(self) -> int:
        """How many pods it was asked to remove and has not yet."""
        return max(0, len(self.pods) - self.replicas)

    @property
    def staying(self) -> tuple[PodSnapshot, ...]:
        """The pods without those that it is about to remove."""
        return self.pods[self.leaving :]

    @property
    def coming(self) -> int:
        """How many pods it was asked to make and has not yet."""
        return max(0, self.replicas - len(self.pods))

    @property
    def survivors(self) -> tuple[PodSnapshot, ...]:
        """The pods that its last step down was meant to remove, and which are still there after it."""
        return tuple(pod for pod in self.pods if pod.uid in self.removing) if not self.leaving else ()


@dataclass(frozen=True)
class Observed:
    """A pool as one pass finds it."""

    current: str = ""
    """Name of the current revision's ReplicaSet, which may not exist yet; empty while the pool waits."""
    revisions: Mapping[str, RevisionPods] = field(default_factory=dict)
    """By the name of their ReplicaSet."""
    load: Load = field(default_factory=Load)
    failure: str | None = None
    """Why the current ReplicaSet cannot make pods."""

    @property
    def pods(self) -> list[PodSnapshot]:
        """All pods that stay for now."""
        return [pod for item in self.revisions.values() for pod in item.staying]

    @property
    def updated(self) -> list[PodSnapshot]:
        """Pods of the current revision whose node is not to be emptied."""
        return [pod for pod in self.pods if pod.replica_set == self.current and not pod.evacuate]

    @property
    def serving(self) -> int:
        """Updated pods that serve."""
        return sum(pod.serves for pod in self.updated)

    @property
    def outdated(self) -> int:
        """Pods that are to be replaced."""
        return len(self.pods) - len(self.updated)

    @property
    def replacing(self) -> bool:
        """Whether pods are to be replaced, or older ReplicaSets to be deleted."""
        return bool(self.outdated or set(self.revisions) - {self.current})

    @property
    def sessions(self) -> dict[str, int]:
        """Sessions of the pods that answer, by name."""
        return {pod.name: pod.sample.sessions for pod in self.pods if pod.sample is not None}


def read_revisions(
    replica_sets: Sequence[Json], pods: Sequence[Json], describe: Callable[[Json], PodSnapshot]
) -> dict[str, RevisionPods]:
    """Return the ReplicaSets by name, each with its own pods; `describe` reads one pod."""
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
    """Return why a ReplicaSet cannot make pods (quota, admission), or None."""
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
    """Return a pod as it is.

    `offered`: uids that EndpointSlices offer; `zones`: zone by node; `unschedulable`: nodes to be emptied.
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
    """Return the stage that is marked on a pod; one that the Service does not select is out of it, marked or not."""
    marked = _STAGES.get((metadata.get("annotations") or {}).get(names.ANNOTATION_DRAIN, ""), Stage.SERVING)
    in_service = (metadata.get("labels") or {}).get(names.LABEL_IN_SERVICE) == "true"
    return Stage.CORDONED if marked is Stage.SERVING and not in_service else marked


def _seconds(text: str) -> float | None:
    """Return a moment in seconds; None if it is none, for example one written by hand."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _controller_name(pod: Json) -> str:
    references = pod["metadata"].get("ownerReferences") or []
    return next((str(item["name"]) for item in references if item.get("controller")), "")


def offered(slices: Iterable[Json]) -> frozenset[str]:
    """Return the uids of the pods that EndpointSlices offer; unknown readiness counts as offered, as for kube-proxy."""
    return frozenset(
        str(endpoint["targetRef"]["uid"])
        for item in slices
        for endpoint in item.get("endpoints") or []
        if "targetRef" in endpoint and (endpoint.get("conditions") or {}).get("ready") is not False
    )


def marks(stage: Stage, since: str | None) -> Json:
    """Return the metadata that makes a pod so, as a merge patch; `since` is when it began to give sessions away."""
    out = stage is not Stage.SERVING
    return {
        "metadata": {
            "labels": {names.LABEL_IN_SERVICE: "false" if out else "true"},
            "annotations": {
                names.ANNOTATION_DRAIN: stage.value if out else None,
                names.ANNOTATION_DRAIN_STARTED: since if stage.giving else None,
                names.ANNOTATION_DELETION_COST: str(_cost(stage)) if stage.going else None,
            },
        }
    }
