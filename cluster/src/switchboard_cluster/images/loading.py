"""Loads images into the nodes' containerd."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from switchboard_cluster.images import commands
from switchboard_cluster.images.build import Built
from switchboard_cluster.system import run


def load(built: Sequence[Built], nodes: Sequence[tuple[Path, Path]]) -> list[str]:
    """Import missing images into each node, given as the path of `ctr` and the containerd socket, in parallel.

    Return the references of the images that at least one node lacked.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(nodes))) as pool:
        loaded = list(pool.map(lambda node: _load(built, *node), nodes))
    return sorted(set().union(*loaded))


def _load(built: Sequence[Built], ctr: Path, socket: Path) -> set[str]:
    present = set(run(commands.list_images(ctr, socket)).stdout.split())
    missing = [image for image in built if image.reference not in present]
    for image in missing:
        run(commands.import_archive(ctr, socket, image.archive), timeout=300)
    return {image.reference for image in missing}
