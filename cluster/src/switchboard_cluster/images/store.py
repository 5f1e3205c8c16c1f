"""The cache of images, outside any checkout: bases, wheels, archives, and buildah's own storage."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import layout

UNFINISHED = ".unfinished"
"""The suffix of what is being written: it gets its name when it is whole."""
KEPT = 3
"""How many of a kind are kept, the latest used ones: enough to go back and forth between two branches."""
STORAGE_LIMIT = 4 * 2**30
"""Bytes of layers after which buildah's storage is thrown away; it is only a cache, and fills with each change."""


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
        """Held while anything is built."""
        return self.root / "lock"

    @property
    def bases(self) -> Path:
        """A tar and a JSON file a base."""
        return self.root / "bases"

    @property
    def wheels(self) -> Path:
        """A folder of wheels a lock."""
        return self.root / "wheels"

    @property
    def archives(self) -> Path:
        """The images: `<name>-<tag>.tar`."""
        return self.root / "archives"

    @property
    def storage(self) -> Path:
        """Buildah's storage, apart from the user's own."""
        return self.root / "storage"

    @property
    def work(self) -> Path:
        """What a running build needs; emptied when a build begins and when it ends."""
        return self.root / "work"

    def log(self, name: str) -> Path:
        """Return the log of what is made last under a name."""
        return self.root / "logs" / f"{name}.log"

    def archive(self, name: str, tag: str) -> Path:
        """Return where an image is, once it is built."""
        return self.archives / f"{name}-{tag}.tar"


def clean(store: ImageStore) -> None:
    """Remove what an interrupted build has left. The lock must be held."""
    shutil.rmtree(store.work, ignore_errors=True)
    for folder in (store.bases, store.wheels, store.archives, store.work):
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{UNFINISHED}"):
            remove(left)
    if _layer_bytes(store.storage) > STORAGE_LIMIT:
        shutil.rmtree(store.storage)


def prune(folder: Path, pattern: str, kept: int = KEPT) -> None:
    """Remove all but the latest used of a folder's entries that match `pattern`."""
    for old in sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[kept:]:
        remove(old)


def remove(path: Path) -> None:
    """Remove a file or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def mark_used(path: Path) -> None:
    """Remember that an entry was used now; `prune` goes by that."""
    os.utime(path)


def _layer_bytes(storage: Path) -> int:
    """Return the size of all layers, from the list that the storage keeps of them."""
    listed = [path for path in storage.glob("*-layers/layers.json") if path.stat().st_size]
    return sum(layer.get("diff-size", 0) for path in listed for layer in json.loads(path.read_text()) or [])
