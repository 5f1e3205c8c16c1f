"""Container images without a daemon and without a registry.

The embedded cluster must run on machines that reach no registry. Buildah builds ordinary Dockerfiles, from bases that
are bootstrapped from the distribution's mirror, with wheels that are downloaded first. An image's tag is the hash of
its inputs, so that nothing is built or loaded twice.
"""

from switchboard_cluster.images.build import Built, ensure, write_context
from switchboard_cluster.images.catalog import IMAGES, Image, find
from switchboard_cluster.images.loading import load


def names() -> list[str]:
    """Return the names of all images."""
    return [image.name for image in IMAGES]


__all__ = ["Built", "Image", "ensure", "find", "load", "names", "write_context"]
