"""Bases: small root file systems, bootstrapped from the distribution's mirror once per machine."""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import commands, fingerprints, steps
from switchboard_cluster.images.catalog import Base, Suite, Version
from switchboard_cluster.images.store import UNFINISHED, ImageStore, prune
from switchboard_cluster.progress import Progress
from switchboard_cluster.system import run

FORMAT = "1"
"""Increase it when this module builds different bases from the same packages."""
USER = 10001
"""User of all images."""

_UNUSED = (
    "etc/apt",  # contains the mirror
    "etc/init.d",
    "etc/systemd",
    "usr/lib/*-linux-gnu/gconv",
    "usr/lib/systemd",
    "usr/share/bug",
    "usr/share/common-licenses",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/perl5",
    "usr/share/pixmaps",
    "usr/share/zoneinfo",  # containers use UTC
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
)
_FILES = {
    "etc/passwd": f"root:x:0:0::/root:/bin/sh\nswitchboard:x:{USER}:{USER}::/:/bin/sh\n",
    "etc/group": f"root:x:0:\nswitchboard:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


@dataclass(frozen=True)
class Bootstrapped:
    """A base in the cache."""

    archive: Path
    suite: str
    sha256: str
    versions: dict[str, Version]


def key(base: Base, machine: str) -> str:
    """Return the hash of all inputs of a base except the contents of the mirror."""
    return fingerprints.combine({"format": FORMAT, "machine": machine, "base": json.dumps(asdict(base))})


def find(base: Base, store: ImageStore) -> Bootstrapped | None:
    """Return a base from the cache, or None."""
    archive = _archive(base, store)
    about = archive.with_suffix(".json")
    if not (archive.exists() and about.exists()):
        return None
    data = json.loads(about.read_text())
    versions = {program: (major, minor) for program, (major, minor) in data["versions"].items()}
    return Bootstrapped(archive, data["suite"], data["sha256"], versions)


def ensure(base: Base, store: ImageStore, progress: Progress) -> Bootstrapped:
    """Return a base, bootstrapping it if it is not in the cache. The store's lock must be held.

    Raises `ClusterError("no-base")` if no suite has versions that are new enough.
    """
    if found := find(base, store):
        return found
    log = store.log(f"base-{base.name}")
    log.unlink(missing_ok=True)
    reasons = []
    for suite in base.suites:
        try:
            return _bootstrap(base, suite, store, progress)
        except ClusterError as error:
            if error.code not in {"image-step-failed", "command-failed", "version-floor"}:
                raise
            reasons.append(f"{suite.name}: {error.message}")
            progress.say(f"Debian {suite.name} is not suitable for the base {base.name}: {error.message}")
    raise ClusterError(
        "no-base",
        f"no release of Debian is suitable for the base {base.name}: {'; '.join(reasons)}",
        "read the log; bootstrapping needs access to the distribution's mirror",
        log,
    )


def _bootstrap(base: Base, suite: Suite, store: ImageStore, progress: Progress) -> Bootstrapped:
    progress.say(f"bootstrapping the base {base.name} from Debian {suite.name} (once per machine)")
    root = store.work / f"base-{base.name}"
    shutil.rmtree(root, ignore_errors=True)
    listed = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)",
            "Created-By: Packages",
        ]
    ).stdout
    options = commands.inherited_apt_options(run(["apt-config", "dump"]).stdout)
    argv = commands.bootstrap(suite.name, base.packages, root, commands.mirror(listed), options)
    steps.run(argv, f"bootstrapping {base.name}", store.log(f"base-{base.name}"), progress)
    _finish(root)
    versions = {program: _version(root, command) for program, command in base.programs.items()}
    if problems := commands.below_floor(suite, versions):
        raise ClusterError("version-floor", "; ".join(problems), "another release of Debian may have newer versions")
    archive = _archive(base, store)
    unfinished = archive.with_name(archive.name + UNFINISHED)
    run(commands.pack(root, unfinished))
    shutil.rmtree(root)
    made = Bootstrapped(archive, suite.name, fingerprints.file(unfinished), versions)
    about = {"suite": made.suite, "sha256": made.sha256, "versions": made.versions}
    archive.with_suffix(".json").write_text(json.dumps(about))
    unfinished.rename(archive)
    prune(store.bases, f"{base.name}-*.tar", 2)
    return made


def _archive(base: Base, store: ImageStore) -> Path:
    return store.bases / f"{base.name}-{key(base, platform.machine())}.tar"


def _version(root: Path, command: tuple[str, ...]) -> Version:
    result = run(["chroot", root, *command])
    found = commands.version(result.stdout + result.stderr)
    if found is None:
        raise ClusterError("version-floor", f"`{' '.join(command)}` prints no version", "run it to see its output")
    return found


def _finish(root: Path) -> None:
    """Do what maintainer scripts would do for a container, and remove unused files."""
    for pattern in _UNUSED:
        for path in root.glob(pattern):
            shutil.rmtree(path)
    for name, text in _FILES.items():
        (root / name).write_text(text)
    run(["chroot", root, "/usr/bin/busybox", "--install", "-s", "/usr/bin"])
    authorities = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    if authorities:
        bundle = "".join(path.read_text() for path in authorities)
        (root / "etc/ssl/certs/ca-certificates.crt").write_text(bundle)
    for library in (root / "usr/lib").glob("python3.*"):
        # The packages contain only sources. The bytecode is not checked against them at run time: neither changes.
        compiler = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        folder = Path("/") / library.relative_to(root)
        run(["chroot", root, *compiler, folder], env=os.environ | {"PYTHONHASHSEED": "0"})


def python_version(base: Bootstrapped) -> Version:
    """Return the version of a base's Python."""
    return base.versions["python"]
