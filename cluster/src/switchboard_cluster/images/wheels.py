"""Wheels of third-party packages, downloaded once per lock file, and of this repository's packages."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from switchboard_cluster import layout
from switchboard_cluster.images import commands, fingerprints, steps
from switchboard_cluster.images.catalog import Version
from switchboard_cluster.images.store import UNFINISHED, ImageStore, mark_used, prune, remove
from switchboard_cluster.progress import Progress

_PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]


def lock(name: str) -> Path:
    """Return the lock file of an image's third-party packages."""
    return layout.checkout_root() / "requirements" / f"{name}.txt"


def installer() -> str:
    """Return the lock file lines of pip, which installs the wheels in the image."""
    return commands.pinned(lock("dev").read_text(), "pip")


def fetch(name: str, python: Version, store: ImageStore, progress: Progress) -> Path:
    """Return the folder of an image's third-party wheels and pip's wheel, downloading missing ones.

    The store's lock must be held.
    """
    machine = platform.machine()
    inputs = {"lock": lock(name).read_text(), "pip": installer(), "python": repr(python), "machine": machine}
    folder = store.wheels / f"{name}-{fingerprints.combine(inputs)}"
    if not folder.exists():
        progress.say(f"downloading the wheels of {name}")
        unfinished = folder.with_name(folder.name + UNFINISHED)
        remove(unfinished)
        unfinished.mkdir(parents=True)
        pip_lock = unfinished / "pip.txt"
        pip_lock.write_text(inputs["pip"])
        log = store.log(f"wheels-{name}")
        log.unlink(missing_ok=True)
        for source, target in ((lock(name), unfinished / "dependencies"), (pip_lock, unfinished)):
            argv = [*_PIP, *commands.download(source, target, python, machine)]
            steps.run(argv, f"downloading the wheels of {name}", log, progress)
        next(unfinished.glob("pip-*.whl")).rename(unfinished / "pip.whl")
        pip_lock.unlink()
        unfinished.rename(folder)
    mark_used(folder)
    prune(store.wheels, f"{name}-*")
    return folder


def build(packages: Sequence[str], target: Path, log: Path, progress: Progress) -> None:
    """Build wheels of this repository's packages (folders of the checkout) in `target`."""
    for package in packages:
        steps.run(
            [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", target],
            f"building the wheel of {package}",
            log,
            progress,
            cwd=layout.checkout_root() / package,
        )
