"""The cache of images, outside any checkout: bases, wheels, archives and buildah's storage."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import layout

UNFINISHED = ".unfinished"
"""Suffix of incomplete files and folders, which are renamed when complete."""
KEPT = 3
"""Number of recently used entries that are kept per kind, enough to switch between two branches."""
STORAGE_LIMIT = 4 * 2**30
"""Bytes of layers from which on buildah's storage, a cache that grows with each build, is deleted."""


@dataclass(frozen=True)
class ImageStore:
    """Folders of the cache."""

    root: Path

    @classmethod
    def of_user(cls) -> ImageStore:
        """Return the cache of the user."""
        return cls(layout.cache_root() / "images")

    @property
    def lock(self) -> Path:
        """Lock file, held during builds."""
        return self.root / "lock"

    @property
    def bases(self) -> Path:
        """Folder of bases, one tar and one JSON file each."""
        return self.root / "bases"

    @property
    def wheels(self) -> Path:
        """Folder of wheels, one subfolder per lock file."""
        return self.root / "wheels"

    @property
    def archives(self) -> Path:
        """Folder of images: `<name>-<tag>.tar`."""
        return self.root / "archives"

    @property
    def storage(self) -> Path:
        """Buildah's storage, separate from the user's."""
        return self.root / "storage"

    @property
    def work(self) -> Path:
        """Temporary folder of a running build, emptied before and after each build."""
        return self.root / "work"

    def log(self, name: str) -> Path:
        """Return the log of the last build of this name."""
        return self.root / "logs" / f"{name}.log"

    def archive(self, name: str, tag: str) -> Path:
        """Return the path of an image, which exists once it is built."""
        return self.archives / f"{name}-{tag}.tar"


def clean(store: ImageStore) -> None:
    """Remove the remains of interrupted builds. The lock must be held."""
    shutil.rmtree(store.work, ignore_errors=True)
    for folder in (store.bases, store.wheels, store.archives, store.work):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{UNFINISHED}"):
            remove(left)
    if _layer_bytes(store.storage) > STORAGE_LIMIT:
        shutil.rmtree(store.storage)


def prune(folder: Path, pattern: str, kept: int = KEPT) -> None:
    """Remove all but the most recently used entries of a folder that match `pattern`."""
    for old in sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[kept:]:
        remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def mark_used(path: Path) -> None:
    """Record that an entry was used now, for `prune`."""
    os.utime(path)


def _layer_bytes(storage: Path) -> int:
    """Return the size of all layers in bytes, from the storage's metadata."""
    listed = [path for path in storage.glob("*-layers/layers.json") if path.stat().st_size]
    return sum(layer.get("diff-size", 0) for path in listed for layer in json.loads(path.read_text()) or [])
