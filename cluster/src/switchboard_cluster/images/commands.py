"""Arguments of the programs that build and load images, and parsers of their output. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from switchboard_cluster.images.catalog import Suite, Version

_UNUSED_DOCUMENTS = ("doc", "man", "info", "locale")
_APT_OPTIONS = (
    "Acquire::Check-Valid-Until",
    "Acquire::Check-Date",
    "Acquire::http::Proxy",
    "Acquire::https::Proxy",
)
OLDEST_GLIBC, NEWEST_GLIBC = 17, 41
"""Minor versions of glibc 2: that of manylinux2014, and that of the oldest suite of the bases."""


def bootstrap(
    suite: str, packages: Sequence[str], target: Path, mirror: str | None, apt_options: Iterable[str]
) -> list[str]:
    """Return mmdebstrap's arguments to unpack packages and their dependencies into the folder `target`.

    Packages are not configured: the result has no package manager, and no maintainer script has run. Without a mirror,
    mmdebstrap uses the default one of the distribution.
    """
    keep_licences = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    return [
        "mmdebstrap",
        "--variant=extract",
        "--format=directory",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        *(f"--aptopt={option}" for option in apt_options),
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _UNUSED_DOCUMENTS),
        keep_licences,
        f"--include={','.join(packages)}",
        suite,
        str(target),
        *([f"deb {mirror} {suite} main"] if mirror else []),
    ]


def mirror(index_targets: str) -> str | None:
    """Return Debian's mirror from lines of `ORIGIN CODENAME COMPONENT URI`; None if the machine has none.

    Security and update suites are skipped, because only the main archive has all releases.
    """
    for line in index_targets.splitlines():
        origin, codename, component, uri = (*line.split(), "", "", "", "")[:4]
        if origin == "Debian" and component == "main" and "-" not in codename:
            return uri
    return None


def inherited_apt_options(dump: str) -> list[str]:
    """Return the machine's apt settings that are needed to use its mirror.

    `dump` is the output of `apt-config dump`.
    """
    lines = (line.rstrip(";") for line in dump.splitlines() if line.split(" ")[0] in _APT_OPTIONS)
    return [line for line in lines if not line.endswith(' ""')]


def version(output: str) -> Version | None:
    """Return the first `major.minor` in the output of a program, or None."""
    match = re.search(r"(\d+)\.(\d+)", output)
    return (int(match[1]), int(match[2])) if match else None


def below_floor(suite: Suite, versions: Mapping[str, Version]) -> list[str]:
    """Return a phrase for each program that is older than the suite's minimum version."""
    return [
        f"{program} {_text(versions[program])} is older than {_text(floor)}"
        for program, floor in suite.floors.items()
        if versions[program] < floor
    ]


def _text(number: Version) -> str:
    return f"{number[0]}.{number[1]}"


def pack(root: Path, archive: Path) -> list[str]:
    """Return tar's arguments to pack a folder reproducibly."""
    fixed = ["--sort=name", "--mtime=@0", "--numeric-owner"]
    return ["tar", "--create", f"--file={archive}", f"--directory={root}", *fixed, "."]


def buildah(root: Path, runroot: Path, driver: str, arguments: Sequence[str]) -> list[str]:
    """Return the arguments of buildah with its own storage.

    It runs in its own mount namespace, so that no mount outlives it.
    """
    storage = ["--storage-driver", driver, "--root", str(root), "--runroot", str(runroot)]
    return ["unshare", "--mount", "buildah", *storage, *arguments]


def build(name: str, context: Path, base: str | None) -> list[str]:
    """Return buildah's arguments to build a context into the image `name`, using only local images.

    `--timestamp 0` makes layers reproducible.
    """
    from_base = ["--build-arg", f"BASE={base}"] if base else []
    return [
        *("bud", "--isolation", "chroot", "--pull-never", "--layers", "--timestamp", "0"),
        *from_base,
        *("--tag", name, "--file", str(context / "Dockerfile"), str(context)),
    ]


def export(name: str, archive: Path) -> list[str]:
    """Return buildah's arguments to write an image to an OCI archive.

    It is compressed, because every node keeps a copy: writing six times as much would take longer than unpacking.
    """
    return ["push", "--quiet", "--compression-format", "zstd", name, f"oci-archive:{archive}:{name}"]


def manylinux(machine: str) -> list[str]:
    """Return pip's arguments for the platforms whose wheels run on the bases, the newest first."""
    versions = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
    return [f"--platform=manylinux_2_{minor}_{machine}" for minor in versions] + [
        f"--platform=manylinux2014_{machine}",
        f"--platform=linux_{machine}",
    ]


def download(lock: Path, target: Path, python: Version, machine: str) -> list[str]:
    """Return pip's arguments to download the wheels of a lock file for another Python version, with hashes."""
    return [
        *("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"),
        *("--implementation=cp", f"--python-version={_text(python)}", *manylinux(machine)),
        *(f"--dest={target}", f"--requirement={lock}"),
    ]


def pinned(lock: str, package: str) -> str:
    """Return the lines of a package in a lock file: version and hashes. Raises ValueError if it is missing."""
    match = re.search(rf"^{re.escape(package)}==.*(?:\n    --hash=.*)*", lock, re.MULTILINE)
    if match is None:
        raise ValueError(f"{package} is not in the lock file")
    return match[0].rstrip("\\ ") + "\n"


def import_archive(ctr: Path, socket: Path, archive: Path) -> list[str]:
    """Return ctr's arguments to import an archive.

    It is not unpacked: containerd does that for the first container of the image, so that no node unpacks an image that
    it never runs. `--local` bypasses the transfer service and takes half the time.
    """
    return [*_ctr(ctr, socket), "import", "--local", "--no-unpack", str(archive)]


def list_images(ctr: Path, socket: Path) -> list[str]:
    """Return ctr's arguments to list the references of a node's images."""
    return [*_ctr(ctr, socket), "list", "--quiet"]


def _ctr(ctr: Path, socket: Path) -> list[str]:
    return [str(ctr), "--address", str(socket), "--namespace", "k8s.io", "images"]
