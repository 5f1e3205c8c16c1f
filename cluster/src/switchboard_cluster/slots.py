"""Allocation of the machine's slots to clusters.

A cluster takes a slot by writing the root of its folders to `/run/switchboard-cluster/<slot>/owner`, under the
machine's lock. A reboot empties /run and so releases all slots.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from switchboard_cluster import files, layout, places
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Slot
from switchboard_cluster.system import run


def owners() -> dict[int, Path]:
    """Return the root folder of the cluster in each taken slot."""
    found = {}
    for number in range(layout.SLOTS):
        owner = Slot(number).run_dir / "owner"
        if owner.exists():
            found[number] = Path(owner.read_text().strip())
    return found


def of(root: Path) -> Slot | None:
    """Return the slot of a cluster, or None."""
    return next((Slot(number) for number, owner in owners().items() if owner == root), None)


def choose(taken: set[int], routes: list[str]) -> Slot:
    """Return the first free slot whose address ranges do not overlap the machine's `routes` (CIDRs).

    Raises `ClusterError("no-slot")` if there is none.
    """
    networks = [ipaddress.ip_network(route, strict=False) for route in routes]
    for number in range(layout.SLOTS):
        slot = Slot(number)
        ranges = [ipaddress.ip_network(cidr) for cidr in (slot.cidr, slot.service_cidr)]
        if number not in taken and not any(mine.overlaps(other) for mine in ranges for other in networks):
            return slot
    raise ClusterError(
        "no-slot",
        f"all {layout.SLOTS} slots are taken or overlap routes of this machine",
        "`switchboard-cluster status --all` lists the clusters; `switchboard-cluster down --all` removes them",
    )


def claim(root: Path) -> Slot:
    """Return the slot of a cluster, taking one if it has none. Raises `ClusterError("no-slot")`."""
    with machine_lock():
        places.make()
        if held := of(root):
            return held
        listed = json.loads(run(["ip", "-json", "-4", "route", "show"]).stdout or "[]")
        routes = [route["dst"] for route in listed if route["dst"] != "default"]
        slot = choose(set(owners()), routes)
        slot.run_dir.mkdir(parents=True, exist_ok=True)
        files.write_atomically(slot.run_dir / "owner", f"{root}\n", unfinished=slot.run_dir / "owner.unfinished")
        return slot


def release(slot: Slot) -> None:
    """Release a slot and remove its run folder; the last one also removes what all slots share."""
    with machine_lock():
        if set(owners()) <= {slot.number}:
            places.remove()
        released = layout.RUN_ROOT / "released"
        shutil.rmtree(released, ignore_errors=True)
        if slot.run_dir.exists():
            slot.run_dir.rename(released)  # atomic: an interrupted removal leaves the slot either taken or free
            shutil.rmtree(released, ignore_errors=True)


@contextmanager
def machine_lock() -> Iterator[None]:
    """Hold the machine's lock while a slot is taken or released."""
    layout.RUN_ROOT.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (layout.RUN_ROOT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
