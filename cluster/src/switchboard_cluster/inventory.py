"""Lists and removes everything that a slot has on this machine, in any state after a crash."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from switchboard_cluster import cgroups, network, processes
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths, Slot
from switchboard_cluster.system import run


@dataclass(frozen=True)
class Inventory:
    """Everything that belongs to a slot, by kind; empty after `down`."""

    processes: list[str]
    namespaces: list[str]
    links: list[str]
    routes: list[str]
    mounts: list[str]
    cgroups: list[str]
    files: list[str]

    def lines(self) -> list[str]:
        """Return one line per item."""
        return [f"{kind}: {one}" for kind, items in asdict(self).items() for one in items]


def take(slot: Slot, paths: Paths) -> Inventory:
    """Return everything that belongs to a slot."""
    return Inventory(
        processes=[f"{found.pid} {found.unit or found.command[:80]}" for found in processes.find(slot)],
        namespaces=network.namespaces(slot),
        links=network.links(slot),
        routes=network.routes(slot),
        mounts=[str(mount) for mount in mounts_below([slot.run_dir, paths.data])],
        cgroups=[str(path) for path in cgroups.groups(slot.cgroup)],
        files=[str(path) for path in (slot.run_dir, paths.data, paths.kubeconfig) if path.exists()],
    )


def remove(slot: Slot, paths: Paths) -> None:
    """Remove everything that belongs to a slot except the slot itself. Idempotent."""
    processes.kill(lambda: processes.find(slot))
    for mount in mounts_below([slot.run_dir, paths.data]):
        run(["umount", "--lazy", mount], check=False)
    network.remove(slot)
    cgroups.remove(slot.cgroup)
    for path in (paths.kubeconfig, paths.state):
        path.unlink(missing_ok=True)
    remove_folder(paths.data)
    for path in slot.run_dir.glob("*"):
        if path.name != "owner":
            remove_folder(path)


def remove_folder(path: Path, timeout: float = 30.0) -> None:
    """Remove a file or folder, retrying because a dying process may still write to it. Raises `ClusterError`."""
    deadline = time.monotonic() + timeout
    while path.exists() or path.is_symlink():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        if path.exists() and time.monotonic() > deadline:
            raise ClusterError("cannot-remove", f"cannot remove {path}", f"find what uses it: fuser -vm {path}")


def mounts_below(folders: list[Path], mountinfo: Path = Path("/proc/self/mountinfo")) -> list[Path]:
    """Return the mount points at and below some folders, the deepest first (`mountinfo`: proc(5))."""
    points = [
        Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), line.split()[4]))
        for line in mountinfo.read_text().splitlines()
    ]
    ours = [point for point in points if any(point.is_relative_to(folder) for folder in folders)]
    return sorted(ours, key=lambda point: -len(point.parts))
