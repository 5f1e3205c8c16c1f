"""Hashes of the inputs of an image, which are its tag."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

LENGTH = 16
"""Hexadecimal digits of a tag: 64 bits, enough to avoid collisions."""


def combine(inputs: Mapping[str, str | bytes]) -> str:
    """Return the hash of named inputs, independent of their order and unambiguous about their boundaries."""
    digest = hashlib.sha256()
    for name in sorted(inputs):
        value = inputs[name]
        content = value.encode() if isinstance(value, str) else value
        for part in (name.encode(), content):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:LENGTH]


def file(path: Path) -> str:
    """Return the hash of the contents of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sources(package: Path) -> dict[str, bytes]:
    """Return the contents of all source files of a Python package's wheel, by path.

    Like the build, it follows links to folders, such as the signaling server's link to the SDK.
    """
    places = os.walk(package / "src", followlinks=True)
    paths = [package / "pyproject.toml", *(Path(place, name) for place, _, names in places for name in names)]
    return {
        str(path.relative_to(package)): path.read_bytes()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts and not any(p.endswith(".egg-info") for p in path.parts)
    }
