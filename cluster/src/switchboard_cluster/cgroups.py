"""Cgroups of a slot, on hosts with cgroup v1, v2 or both."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from switchboard_cluster.errors import ClusterError

MOUNTS = Path("/proc/self/mountinfo")


def hierarchies() -> dict[Path, str]:
    """Return the mount points of all cgroup hierarchies, each with its type, `cgroup` (v1) or `cgroup2`."""
    found = {}
    for line in MOUNTS.read_text().splitlines():
        before, _, after = line.partition(" - ")
        if (kind := after.split()[0]) in {"cgroup", "cgroup2"}:
            found[Path(before.split()[4])] = kind
    return found


def create(group: str) -> None:
    """Create a cgroup in every hierarchy, suitable as the root of a kubelet."""
    for mount, kind in hierarchies().items():
        below = mount
        for part in group.split("/"):
            if kind == "cgroup2":
                _delegate(below)
            below /= part
            below.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # A v1 cpuset starts empty, and no process can enter it until it has CPUs and memory nodes.
                if kind == "cgroup" and (below / name).exists():
                    (below / name).write_text((below.parent / name).read_text())


def _delegate(group: Path) -> None:
    """Enable all controllers for the children of a v2 group."""
    available = (group / "cgroup.controllers").read_text().split()
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{name}" for name in available))


def groups(group: str) -> list[Path]:
    """Return all cgroups at and below `group`, the deepest first."""
    found: list[Path] = []
    for mount in hierarchies():
        top = mount / group
        if top.is_dir():
            found += [Path(folder) for folder, _, _ in os.walk(top)]  # which skips groups that disappear meanwhile
    return sorted(found, key=lambda path: -len(path.parts))


def processes(group: str) -> set[int]:
    """Return the ids of all processes at and below a cgroup."""
    found: set[int] = set()
    for path in groups(group):
        try:
            found |= {int(pid) for pid in (path / "cgroup.procs").read_text().split()}
        except OSError:  # removed meanwhile
            continue
    return found - {0}


def remove(group: str, timeout: float = 10.0) -> None:
    """Remove a cgroup and all below it. Its processes must be dead.

    Raises `ClusterError("cgroup-busy")` if a group is still busy after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while remaining := groups(group):
        for path in remaining:
            try:
                path.rmdir()
            except OSError:  # briefly busy after its last process died
                continue
        if time.monotonic() > deadline:
            raise ClusterError("cgroup-busy", f"cannot remove {remaining[0]}", f"see {remaining[0]}/cgroup.procs")
        time.sleep(0.01)
    for mount in hierarchies():
        with contextlib.suppress(OSError):  # it contains the group of another slot, or does not exist
            (mount / group).parent.rmdir()
