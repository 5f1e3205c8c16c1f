"""Owner of objects: its labels, owner reference and applied hash. Pure."""

from dataclasses import dataclass

from switchboard_crds import names
from switchboard_crds.model import Resource
from switchboard_operator.kube.compare import digest
from switchboard_operator.kube.resources import Json

OwnerKey = tuple[str, str, str]
"""Kind, namespace and name of a custom resource."""


def owner_key(obj: Json) -> OwnerKey | None:
    """Return the custom resource that an object belongs to by its labels, or None."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    for kind in names.KINDS:
        if name := labels.get(kind.label):
            return kind.kind, metadata["namespace"], name
    return None


@dataclass(frozen=True)
class Owner:
    """A custom resource that owns objects."""

    kind: names.Kind
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, kind: names.Kind, resource: Resource) -> "Owner":
        """Return a resource as an owner."""
        return cls(kind, resource.metadata.namespace, resource.metadata.name, resource.metadata.uid)

    @property
    def key(self) -> OwnerKey:
        """Key of the resource in the queue and the store."""
        return self.kind.kind, self.namespace, self.name

    def labels(self) -> dict[str, str]:
        """Return the labels that identify the resource's objects."""
        return {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_INSTANCE: self.name,
            self.kind.label: self.name,
        }

    def reference(self) -> Json:
        """Return the owner reference, by which the garbage collector deletes the object with its owner."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": self.kind.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def finish(self, obj: Json) -> Json:
        """Return the object with namespace, labels, owner reference and the hash of its manifest."""
        metadata = obj["metadata"]
        complete: Json = {
            **obj,
            "metadata": {
                **metadata,
                "namespace": self.namespace,
                "labels": {**self.labels(), **metadata.get("labels", {})},
                "ownerReferences": [self.reference()],
            },
        }
        annotations = {**metadata.get("annotations", {}), names.ANNOTATION_APPLIED_HASH: digest(complete)}
        return {**complete, "metadata": {**complete["metadata"], "annotations": annotations}}

    def controls(self, obj: Json) -> bool:
        """Return whether this resource, not an earlier one of the same name, controls the object."""
        references = obj["metadata"].get("ownerReferences") or []
        return any(item.get("controller") and item["uid"] == self.uid for item in references)
