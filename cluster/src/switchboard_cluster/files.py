"""Atomic writes of files, because a process may be killed at any time."""

from __future__ import annotations

from pathlib import Path


def write_atomically(file: Path, text: str, unfinished: Path) -> None:
    """Write a file atomically through `unfinished`, a temporary path on the same file system."""
    unfinished.write_text(text)
    unfinished.replace(file)
