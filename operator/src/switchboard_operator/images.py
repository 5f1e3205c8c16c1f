"""Which image a resource's pods run: the one its spec names, else the default pinned at creation time. Pure."""

from dataclasses import dataclass

from switchboard_crds.model import Status
from switchboard_operator.kube.resources import Json


@dataclass(frozen=True)
class Images:
    """The images of one resource."""

    used: str
    """Image that its new pods are made from."""
    default: str
    """Operator's default image at the resource's creation time; an unset `spec.image` means this one."""

    def fields(self) -> Json:
        """Return the status fields that keep both, so that the next reconciliation finds the default."""
        return {"image": self.used, "defaultImage": self.default}


def choose(wanted: str | None, status: Status, default: str) -> Images:
    """Return the images of a resource with `wanted` as its `spec.image`, given the operator's present default.

    The default is pinned by the first reconciliation, whatever the spec names, so an image can be taken back. A status
    that an operator without `defaultImage` wrote holds the image in use only. With `spec.image` unset it is pinned,
    so that the upgrade replaces no pod. With `spec.image` set it says nothing about the default, because it may come
    from the spec, now or earlier; the operator's present default is pinned then.
    """
    pinned = status.default_image or (status.image if wanted is None else "") or default
    return Images(wanted or pinned, pinned)
