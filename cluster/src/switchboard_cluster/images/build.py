"""Builds the images that are not in the cache."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import layout, locks
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import bases, commands, fingerprints, steps, wheels
from switchboard_cluster.images.bases import Bootstrapped
from switchboard_cluster.images.catalog import Image, Version, find
from switchboard_cluster.images.store import UNFINISHED, ImageStore, clean, mark_used, prune
from switchboard_cluster.progress import Progress
from switchboard_cluster.system import run

FORMAT = "2"
"""Increase it when this package builds different images from the same inputs."""
DISK_NEEDED = 3 * 2**30
"""Bytes that building all images needs, with a reserve."""
_BASE_DOCKERFILE = "FROM scratch\nADD base.tar /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin\n"


@dataclass(frozen=True)
class Built:
    """An image in the cache."""

    name: str
    reference: str
    """Full name, `docker.io/switchboard/<name>:<tag>`; the tag is the hash of the inputs."""
    archive: Path
    """Path of its OCI archive."""
    built: bool
    """Whether this call built it."""


def ensure(names: Sequence[str], *, binaries: Path, progress: Progress) -> dict[str, Built]:
    """Return images by name, building those that are not in the cache.

    `binaries` is the folder of the static binaries that some images contain. Raises `ClusterError`:
    `unknown-image`, `missing-package`, `disk-full`, `no-base`, `image-step-failed`.
    """
    wanted = [find(name) for name in names]
    store = ImageStore.of_user()
    found = {image.name: _find(image, store, binaries) for image in wanted}
    if missing := [image for image in wanted if found[image.name] is None]:
        _need_programs(missing)
        with locks.hold(store.lock, "builds images", progress), _buildah(store) as builder:
            for image in missing:
                # Another process may have built it while this one waited for the lock.
                found[image.name] = _find(image, store, binaries) or builder.build(image, binaries, progress)
    return {name: built for name, built in found.items() if built}


def write_context(name: str, target: Path, *, python: Version | None, binaries: Path, progress: Progress) -> None:
    """Write an image's build context, for other builders: `docker build TARGET`.

    `python` is the Python version of the base image; None: that of this package's base. Raises `ClusterError`.
    """
    image, store = find(name), ImageStore.of_user()
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise ClusterError("context-exists", f"{target} is not empty", "choose a new or empty folder")
    with locks.hold(store.lock, f"writes the context of {name}", progress):
        clean(store)
        if image.base and image.packages and python is None:
            python = bases.python_version(bases.ensure(image.base, store, progress))
        _write_context(image, target, python, store, binaries, progress)


def _find(image: Image, store: ImageStore, binaries: Path) -> Built | None:
    """Return an image from the cache, or None."""
    base = bases.find(image.base, store) if image.base else None
    if image.base and not base:
        return None
    tag = _tag(image, base, binaries)
    archive = store.archive(image.name, tag)
    if not archive.exists():
        return None
    mark_used(archive)
    return Built(image.name, _reference(image, tag), archive, built=False)


def _reference(image: Image, tag: str) -> str:
    return f"docker.io/switchboard/{image.name}:{tag}"


def _tag(image: Image, base: Bootstrapped | None, binaries: Path) -> str:
    """Return the hash of all inputs of an image."""
    root = layout.checkout_root()
    inputs: dict[str, str | bytes] = {"format": FORMAT, "dockerfile": (root / image.dockerfile).read_bytes()}
    if base:
        inputs["base"] = base.sha256
    if image.binary:
        inputs["binary"] = fingerprints.file(binaries / image.binary)
    if image.packages:
        inputs |= {"lock": wheels.lock(image.name).read_bytes(), "pip": wheels.installer()}
    for package in image.packages:
        inputs |= {f"{package}/{path}": content for path, content in fingerprints.sources(root / package).items()}
    return fingerprints.combine(inputs)


def _write_context(
    image: Image, target: Path, python: Version | None, store: ImageStore, binaries: Path, progress: Progress
) -> None:
    root = layout.checkout_root()
    shutil.copyfile(root / image.dockerfile, target / "Dockerfile")
    if image.binary:
        shutil.copy(binaries / image.binary, target / image.binary)
    if image.packages and python:
        fetched = wheels.fetch(image.name, python, store, progress)
        shutil.copytree(fetched, target, dirs_exist_ok=True)
        shutil.copyfile(wheels.lock(image.name), target / "requirements.txt")
        wheels.build(image.packages, target / "packages", store.log(image.name), progress)


@dataclass(frozen=True)
class _Buildah:
    """Buildah with its own storage."""

    store: ImageStore
    driver: str

    def build(self, image: Image, binaries: Path, progress: Progress) -> Built:
        """Build an image and export it to the cache."""
        store = self.store
        log = store.log(image.name)
        log.unlink(missing_ok=True)
        base = bases.ensure(image.base, store, progress) if image.base else None
        tag = _tag(image, base, binaries)
        progress.say(f"building the image {image.name}")
        context = store.work / image.name
        context.mkdir()
        python = bases.python_version(base) if base and image.packages else None
        _write_context(image, context, python, store, binaries, progress)
        from_base = self._base(base, log, progress) if base else None
        reference, archive = _reference(image, tag), store.archive(image.name, tag)
        unfinished = archive.with_name(archive.name + UNFINISHED)
        title = f"building the image {image.name}"
        self._run(commands.build(reference, context, from_base), title, log, progress)
        self._run(commands.export(reference, unfinished), title, log, progress)
        unfinished.rename(archive)
        shutil.rmtree(context)
        prune(store.archives, f"{image.name}-*.tar")
        return Built(image.name, reference, archive, built=True)

    def _base(self, base: Bootstrapped, log: Path, progress: Progress) -> str:
        """Return the name of a base in the storage, adding it if it is missing."""
        name = f"localhost/switchboard-base:{base.sha256[: fingerprints.LENGTH]}"
        if run(self.argv(["inspect", "--type", "image", name]), check=False).returncode != 0:
            context = self.store.work / "base"
            context.mkdir()
            (context / "Dockerfile").write_text(_BASE_DOCKERFILE)
            (context / "base.tar").hardlink_to(base.archive)
            self._run(commands.build(name, context, None), "unpacking the base", log, progress)
            shutil.rmtree(context)
        return name

    def _run(self, arguments: Sequence[str], title: str, log: Path, progress: Progress) -> None:
        steps.run(self.argv(arguments), title, log, progress)

    def argv(self, arguments: Sequence[str]) -> list[str]:
        return commands.buildah(self.store.storage, self.store.work / "run", self.driver, arguments)


@contextmanager
def _buildah(store: ImageStore) -> Iterator[_Buildah]:
    """Yield a clean buildah, and clean up afterwards. The store's lock must be held."""
    clean(store)
    free = shutil.disk_usage(store.root).free
    if free < DISK_NEEDED:
        raise ClusterError(
            "disk-full",
            f"{store.root} has {free / 2**30:.1f} GiB free; building images needs {DISK_NEEDED / 2**30:.0f} GiB",
            "free some space, or set SWITCHBOARD_CACHE to a folder on another disk",
        )
    # Overlay does not work on overlay, the root file system of containers.
    on_overlay = run(["stat", "--file-system", "--format=%T", store.root]).stdout.strip() == "overlayfs"
    builder = _Buildah(store, "vfs" if on_overlay else "overlay")
    run(builder.argv(["rm", "--all"]))
    try:
        yield builder
    finally:
        shutil.rmtree(store.work, ignore_errors=True)


def _need_programs(images: Sequence[Image]) -> None:
    needed = {"buildah"} | ({"mmdebstrap"} if any(image.base for image in images) else set())
    if missing := sorted(name for name in needed if not shutil.which(name)):
        raise ClusterError(
            "missing-package",
            f"not installed: {', '.join(missing)}",
            f"apt-get install --no-install-recommends {' '.join(missing)}",
        )
