"""Catalog of images and their bases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from switchboard_cluster.errors import ClusterError

Version = tuple[int, int]


@dataclass(frozen=True)
class Suite:
    """A release of Debian, and the minimum versions of a base's programs in it."""

    name: str
    floors: Mapping[str, Version]


@dataclass(frozen=True)
class Base:
    """A root file system of Debian packages; `suites` are tried in order."""

    name: str
    packages: tuple[str, ...]
    suites: tuple[Suite, ...]
    programs: Mapping[str, tuple[str, ...]]
    """Commands that print the version of each program."""


@dataclass(frozen=True)
class Image:
    """An image: its Dockerfile (a path in the checkout) and its contents."""

    name: str
    dockerfile: str
    base: Base | None = None
    """None for an image `FROM scratch`."""
    packages: tuple[str, ...] = field(default=())
    """Python packages of this repository; third-party ones are in `requirements/<name>.txt`."""
    binary: str | None = None
    """Static binary that is its only content."""


# busybox: a shell for `kubectl exec`, as in public base images.
_PYTHON = ("python3", "--version")
_PYTHON_PACKAGES = ("python3", "ca-certificates", "busybox")

PYTHON = Base(
    "python",
    _PYTHON_PACKAGES,
    (Suite("forky", {"python": (3, 14)}), Suite("trixie", {"python": (3, 11)})),
    {"python": _PYTHON},
)
VALKEY = Base(
    "valkey",
    ("valkey-server", "valkey-tools", "busybox"),
    (Suite("forky", {"valkey": (9, 0)}), Suite("trixie", {"valkey": (8, 0)})),
    {"valkey": ("valkey-server", "--version")},
)
COTURN = Base(
    "coturn",
    ("coturn", *_PYTHON_PACKAGES),
    (
        Suite("forky", {"python": (3, 14), "coturn": (4, 18)}),
        Suite("trixie", {"python": (3, 11), "coturn": (4, 6)}),
    ),
    {"python": _PYTHON, "coturn": ("turnserver", "--version")},
)

IMAGES = (
    Image("pause", "cluster/images/pause/Dockerfile", binary="pause"),
    Image("coredns", "cluster/images/coredns/Dockerfile", binary="coredns"),
    Image("valkey", "cluster/images/valkey/Dockerfile", VALKEY),
    Image("operator", "operator/Dockerfile", PYTHON, packages=("crds", "operator")),
    Image("signaling", "signaling/Dockerfile", PYTHON, packages=("crds", "signaling")),
    Image("turn", "turn/Dockerfile", COTURN, packages=("crds", "turn")),
)


def find(name: str) -> Image:
    """Return an image by name. Raises `ClusterError("unknown-image")`."""
    for image in IMAGES:
        if image.name == name:
            return image
    known = ", ".join(image.name for image in IMAGES)
    raise ClusterError("unknown-image", f"there is no image {name}", f"the images are: {known}")
