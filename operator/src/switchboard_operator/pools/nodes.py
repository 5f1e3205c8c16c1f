"""Zones of the Kubernetes nodes, and which of them are unschedulable; all else is dropped to save memory."""

from switchboard_crds import names
from switchboard_operator.kube.resources import Api, Json


class Nodes:
    """Zone and schedulability of each node, kept by an informer."""

    def __init__(self) -> None:
        self.zones: dict[str, str] = {}
        self.unschedulable: set[str] = set()
        """Nodes that are cordoned or drained (`kubectl cordon`, `kubectl drain`): their pods should move."""

    def put(self, _api: Api, obj: Json) -> bool:
        """Store a node. It triggers no reconciliation: pools read their nodes with every sample."""
        name = obj["metadata"]["name"]
        self.zones[name] = (obj["metadata"].get("labels") or {}).get(names.TOPOLOGY_ZONE, "")
        if (obj.get("spec") or {}).get("unschedulable"):
            self.unschedulable.add(name)
        else:
            self.unschedulable.discard(name)
        return False

    def drop(self, _api: Api, _namespace: str, name: str, _version: str) -> Json | None:
        """Remove a node."""
        self.zones.pop(name, None)
        self.unschedulable.discard(name)
        return None

    def names_of(self, _api: Api, _namespace: str | None) -> set[tuple[str, str]]:
        """Return the names of the stored nodes."""
        return {("", name) for name in self.zones}
