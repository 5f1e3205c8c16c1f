"""Container images without a daemon and without a registry.

It exists because the embedded cluster must run on machines that reach no registry. Ordinary Dockerfiles are built by
buildah, from bases that are bootstrapped from the distribution's own mirror, with wheels that are fetched beforehand.
An image's tag is the hash of all that goes into it, so that nothing is built or loaded twice.
"""

from switchboard_cluster.images.build import Built, ensure, write_context
from switchboard_cluster.images.catalog import IMAGES, Image, find
from switchboard_cluster.images.loading import load


def names() -> list[str]:
    """Return the names of all images."""
    return [image.name for image in IMAGES]


__all__ = ["Built", "Image", "ensure", "find", "load", "names", "write_context"]
