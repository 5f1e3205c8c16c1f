"""The resource that objects are made for, and how they are marked as its own. Pure."""

from dataclasses import dataclass

from switchboard_crds import names
from switchboard_crds.model import Resource
from switchboard_operator.kube.compare import digest
from switchboard_operator.kube.resources import Json

OwnerKey = tuple[str, str, str]
"""Kind, namespace and name of a resource of ours."""


def owner_key(obj: Json) -> OwnerKey | None:
    """Return the resource that an object was made for by its labels, or None."""
    metadata = obj["metadata"]
    labels = metadata.get("labels") or {}
    for kind in names.KINDS:
        if name := labels.get(kind.label):
            return kind.kind, metadata["namespace"], name
    return None


@dataclass(frozen=True)
class Owner:
    """The resource that objects are made for."""

    kind: names.Kind
    namespace: str
    name: str
    uid: str

    @classmethod
    def of(cls, kind: names.Kind, resource: Resource) -> "Owner":
        """Return the owner that a resource is."""
        return cls(kind, resource.metadata.namespace, resource.metadata.name, resource.metadata.uid)

    @property
    def key(self) -> OwnerKey:
        """The key that the queue and the store know the resource by."""
        return self.kind.kind, self.namespace, self.name

    def labels(self) -> dict[str, str]:
        """Return the labels that tell the resource's pods from all others."""
        return {
            names.LABEL_MANAGED_BY: names.MANAGED_BY,
            names.LABEL_INSTANCE: self.name,
            self.kind.label: self.name,
        }

    def reference(self) -> Json:
        """Return the owner reference: the garbage collector deletes the object with its owner, operator or not."""
        return {
            "apiVersion": names.API_VERSION,
            "kind": self.kind.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }

    def finish(self, obj: Json) -> Json:
        """Return the object with namespace, labels, owner reference and the hash of what is wanted."""
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
        """Return whether the object belongs to this very resource, not to an earlier one of its name."""
        references = obj["metadata"].get("ownerReferences") or []
        return any(item.get("controller") and item["uid"] == self.uid for item in references)
