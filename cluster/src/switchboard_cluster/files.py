"""Files that are there whole or not at all, since a kill may come at any moment."""

from __future__ import annotations

from pathlib import Path


def write_at_once(file: Path, text: str, unfinished: Path) -> None:
    """Write a file by way of `unfinished`, a path on the same file system that may be lost."""
    unfinished.write_text(text)
    unfinished.replace(file)
