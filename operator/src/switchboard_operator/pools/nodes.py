"""What the operator wants to know of the nodes, kept slim: their zones, and which of them should be empty."""

from switchboard_crds import names
from switchboard_operator.kube.resources import Api, Json


class Nodes:
    """Zone and schedulability by node; an informer fills it."""

    def __init__(self) -> None:
        self.zones: dict[str, str] = {}
        self.unschedulable: set[str] = set()
        """Nodes that take no pod any more (`kubectl drain`, `kubectl cordon`): those that they have should move."""

    def put(self, _api: Api, obj: Json) -> bool:
        """Note a node. No resource of ours is woken by it: pools look at their nodes with every sample."""
        name = obj["metadata"]["name"]
        self.zones[name] = (obj["metadata"].get("labels") or {}).get(names.TOPOLOGY_ZONE, "")
        if (obj.get("spec") or {}).get("unschedulable"):
            self.unschedulable.add(name)
        else:
            self.unschedulable.discard(name)
        return False

    def drop(self, _api: Api, _namespace: str, name: str) -> Json | None:
        """Forget a node."""
        self.zones.pop(name, None)
        self.unschedulable.discard(name)
        return None

    def names_of(self, _api: Api, _namespace: str | None) -> set[tuple[str, str]]:
        """Return the known nodes."""
        return {("", name) for name in self.zones}
