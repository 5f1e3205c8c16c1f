"""Hashes of what goes into an image: its tag."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

LENGTH = 16
"""Hexadecimal digits of a tag: 64 bits, far more than the images that one machine ever builds."""


def combine(inputs: Mapping[str, str | bytes]) -> str:
    """Return the hash of named inputs; neither their order nor where one ends and the next begins can mislead it."""
    digest = hashlib.sha256()
    for name in sorted(inputs):
        value = inputs[name]
        content = value.encode() if isinstance(value, str) else value
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:LENGTH]


def file(path: Path) -> str:
    """Return the hash of a file's content."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sources(package: Path) -> dict[str, bytes]:
    """Return all files that a Python package's wheel is built from, by their path in it.

    The build follows links to folders, such as the signaling server's to the SDK; so does this.
    """
    places = os.walk(package / "src", followlinks=True)
    paths = [package / "pyproject.toml", *(Path(place, name) for place, _, names in places for name in names)]
    return {
        str(path.relative_to(package)): path.read_bytes()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts and not any(p.endswith(".egg-info") for p in path.parts)
    }
