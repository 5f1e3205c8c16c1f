"""The cache of images, outside any checkout: bases, wheels, archives, and buildah's storage."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import layout

UNFINISHED = ".unfinished"
"""The suffix of incomplete entries; complete ones are renamed."""
KEPT = 3
"""Number of recently used entries that are kept per kind: enough to switch between two branches."""
STORAGE_LIMIT = 4 * 2**30
"""Bytes of layers above which buildah's storage is deleted; it is only a cache, and grows with each change."""


@dataclass(frozen=True)
class ImageStore:
    """The folders of the cache."""

    root: Path

    @classmethod
    def of_user(cls) -> ImageStore:
        """Return the user's cache."""
        return cls(layout.cache_root() / "images")

    @property
    def lock(self) -> Path:
        """The lock that is held during builds."""
        return self.root / "lock"

    @property
    def bases(self) -> Path:
        """The folder of bases: one tar and one JSON file per base."""
        return self.root / "bases"

    @property
    def wheels(self) -> Path:
        """The folder of wheels: one folder per lock."""
        return self.root / "wheels"

    @property
    def archives(self) -> Path:
        """The folder of images: `<name>-<tag>.tar`."""
        return self.root / "archives"

    @property
    def storage(self) -> Path:
        """The folder of buildah's storage, separate from the user's own."""
        return self.root / "storage"

    @property
    def work(self) -> Path:
        """The temporary folder of a running build, emptied at its start and end."""
        return self.root / "work"

    def log(self, name: str) -> Path:
        """Return the log of the last build of a name."""
        return self.root / "logs" / f"{name}.log"

    def archive(self, name: str, tag: str) -> Path:
        """Return the path of an image."""
        return self.archives / f"{name}-{tag}.tar"


def clean(store: ImageStore) -> None:
    """Remove the leftovers of an interrupted build. The lock must be held."""
    shutil.rmtree(store.work, ignore_errors=True)
    for folder in (store.bases, store.wheels, store.archives, store.work):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{UNFINISHED}"):
            remove(left)
    if _layer_bytes(store.storage) > STORAGE_LIMIT:
        shutil.rmtree(store.storage)


def prune(folder: Path, pattern: str, kept: int = KEPT) -> None:
    """Remove all but the most recently used of a folder's entries that match `pattern`."""
    for old in sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[kept:]:
        remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def mark_used(path: Path) -> None:
    """Record the use of an entry, for `prune`."""
    os.utime(path)


def _layer_bytes(storage: Path) -> int:
    """Return the size of all layers, from the storage's own list."""
    listed = [path for path in storage.glob("*-layers/layers.json") if path.stat().st_size]
    return sum(layer.get("diff-size", 0) for path in listed for layer in json.loads(path.read_text()) or [])
