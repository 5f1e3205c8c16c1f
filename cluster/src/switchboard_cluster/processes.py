"""Starts, finds and kills the long-running processes of a slot.

There are no PID files: processes of a slot are found in /proc by an environment variable that children inherit, by
their network namespace, and by their cgroup. This also finds the processes of an interrupted start.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from switchboard_cluster import cgroups, layout
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Node, Slot

PROC = Path("/proc")
NETNS = Path("/run/netns")

_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class Unit:
    """A long-running process: its name, arguments and environment, and the unit whose namespaces it enters, if any."""

    name: str
    argv: Sequence[str | Path]
    inside: str | None = None
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A process of a slot; `unit` is empty for helper processes and containers."""

    pid: int
    unit: str
    command: str


def start(slot: Slot, unit: Unit, log: Path, host: int | None = None) -> int:
    """Start a unit detached from this process, append its output to `log`, and return its process id.

    `host` is the process id of the unit whose namespaces it enters, if the caller has it. Raises
    `ClusterError("unit-missing")` if that unit is not running.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    enter: list[str] = []
    if unit.inside:
        host = host or units(slot).get(unit.inside)
        if host is None:
            raise ClusterError("unit-missing", f"{unit.inside} is not running", "switchboard-cluster down, then up")
        enter = ["nsenter", f"--target={host}", "--mount", "--net"]
    env = os.environ | unit.env | {layout.MARKER: str(slot.number), layout.UNIT_MARKER: unit.name}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*enter, *map(str, unit.argv)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=env,
            cwd="/",
        )
    _children.append(process)
    return process.pid


def listens(pid: int, port: int) -> bool:
    """Return whether a TCP port (IPv4 or IPv6) is listening in the network namespace of a process."""
    # Columns of proc_net_tcp(5): local address, remote address, state (0A is TCP_LISTEN).
    rows = (line.split() for name in ("net/tcp", "net/tcp6") for line in _read(pid, name).decode().splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def units(slot: Slot) -> dict[str, int]:
    """Return the process id of each running unit of a slot."""
    return {found.unit: found.pid for found in find(slot) if found.unit}


def find(slot: Slot) -> list[Found]:
    """Return all processes of a slot, including containers."""
    namespaces = {path.stat().st_ino for path in NETNS.glob(f"{slot.prefix}-*") if _is_namespace(path)}
    in_cgroups = cgroups.processes(slot.cgroup)
    found = []
    for pid in _pids():
        environment = _environment(pid)
        marked = environment.get(layout.MARKER) == str(slot.number)
        if marked or pid in in_cgroups or _network_namespace(pid) in namespaces:
            unit = environment.get(layout.UNIT_MARKER, "") if marked and _is_session_leader(pid) else ""
            found.append(Found(pid, unit, _command(pid)))
    return found


def find_of_node(node: Node) -> list[Found]:
    """Return all processes of a node: units, shims and containers."""
    namespace = NETNS / node.netns
    inode = namespace.stat().st_ino if _is_namespace(namespace) else -1
    in_cgroups = cgroups.processes(f"{node.slot.cgroup}/{node.name}")
    return [
        one
        for one in find(node.slot)
        if one.pid in in_cgroups or one.unit in node.units or _network_namespace(one.pid) == inode
    ]


def kill(find_them: Callable[[], list[Found]], timeout: float = 20.0) -> None:
    """Send SIGKILL to the processes that `find_them` returns, until it returns none.

    A cluster's state is deleted with it, so no process needs time to stop gracefully. Raises
    `ClusterError("cannot-kill")` after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    while found := [one for one in find_them() if one.pid != os.getpid()]:
        if time.monotonic() > deadline:
            names = ", ".join(f"{one.pid} ({one.command[:60]})" for one in found[:5])
            raise ClusterError(
                "cannot-kill", f"processes cannot be killed: {names}", "they may hang in the kernel: see dmesg"
            )
        for one in found:
            _signal(one.pid, signal.SIGKILL)
        _reap()
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process is running; a zombie is not."""
    _reap()
    # Not by its command line, which is briefly empty during execve.
    state = _read(pid, "stat").rpartition(b") ")[2][:1]
    return state not in {b"", b"Z", b"X"}


def is_sleeping(pid: int) -> bool:
    """Return whether a holder unit has set up its namespaces and is sleeping."""
    return _command(pid) == "sleep infinity"


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap() -> None:
    """Reap exited children of this process, so that they do not stay as zombies."""
    _children[:] = [child for child in _children if child.poll() is None]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _environment(pid: int) -> dict[str, str]:
    pairs = (entry.partition(b"=") for entry in _read(pid, "environ").split(b"\0"))
    return {key.decode(errors="replace"): value.decode(errors="replace") for key, _, value in pairs}


def _command(pid: int) -> str:
    """Return the command line of a process; empty for zombies and kernel threads."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def _is_session_leader(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except (ProcessLookupError, PermissionError):
        return False


def _network_namespace(pid: int) -> int:
    try:
        return (PROC / str(pid) / "ns" / "net").stat().st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def _is_namespace(path: Path) -> bool:
    """Return whether a namespace is mounted at `path`; an interrupted `ip netns add` leaves an empty file there."""
    return path.exists() and path.stat().st_dev != path.parent.stat().st_dev
