"""Image of a resource's pods: the one in its spec, else the default pinned at creation time. Pure."""

from dataclasses import dataclass

from switchboard_crds.model import Status
from switchboard_operator.kube.resources import Json


@dataclass(frozen=True)
class Images:
    """The images of one resource."""

    used: str
    """Image of new pods."""
    default: str
    """The operator's default image at creation time, used while `spec.image` is unset."""

    def fields(self) -> Json:
        """Return the status fields that persist both, so that the next reconciliation finds the default."""
        return {"image": self.used, "defaultImage": self.default}


def choose(wanted: str | None, status: Status, default: str) -> Images:
    """Return the images of a resource with `wanted` as its `spec.image`, given the operator's current default.

    The first reconciliation pins the default even if `spec.image` is set, so that a user can unset it later. A status
    without `defaultImage` was written by an older operator and holds only the image in use. If `spec.image` is unset,
    that image is pinned, so that the upgrade replaces no pod. If it is set, the image in use may come from the spec,
    so the operator's current default is pinned.
    """
    pinned = status.default_image or (status.image if wanted is None else "") or default
    return Images(wanted or pinned, pinned)
