"""The leftovers of a cluster on the machine, found independently of the product's inventory."""

import json
import subprocess
from pathlib import Path

from switchboard_cluster import slots
from switchboard_cluster.layout import RUN_ROOT, Paths, Slot

FIXED_PLACES = ("/run/containerd", "/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/tmp/hostpath_pv")


def leftovers(slot: Slot, paths: Paths) -> list[str]:
    """Return one line per process, namespace, link, route, mount, cgroup and file of the slot or its home."""
    found = [*_processes(slot, paths), *_network(slot), *_mounts(slot, paths), *_cgroups(slot), *_files(slot, paths)]
    return found if slots.owners() else [*found, *_shared()]


def _processes(slot: Slot, paths: Paths) -> list[str]:
    marker, home = f"SWITCHBOARD_CLUSTER={slot.number}".encode(), str(paths.root).encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:  # it has exited
            continue
        if marker in environment.split(b"\0") or home in command:
            found.append(f"process {folder.name}: {command.decode(errors='replace')}")
    return found


def _network(slot: Slot) -> list[str]:
    links = [link["ifname"] for link in _ip("link") if link["ifname"].startswith(slot.prefix)]
    second = 200 + 2 * slot.number
    routes = [route["dst"] for route in _ip("route") if route["dst"].startswith((f"10.{second}.", f"10.{second + 1}."))]
    namespaces = [path.name for path in Path("/run/netns").glob(f"{slot.prefix}-*")]
    return [f"network: {one}" for one in (*links, *routes, *namespaces)]


def _ip(what: str) -> list[dict[str, str]]:
    done = subprocess.run(["ip", "-json", "-4", what, "show"], capture_output=True, text=True, check=True)
    listed: list[dict[str, str]] = json.loads(done.stdout or "[]")
    return listed


def _mounts(slot: Slot, paths: Paths) -> list[str]:
    needles = (str(paths.root), f"{slot.run_dir}/", f"/run/netns/{slot.prefix}-")
    lines = Path("/proc/mounts").read_text().splitlines()
    return [f"mount: {line}" for line in lines if any(needle in line for needle in needles)]


def _cgroups(slot: Slot) -> list[str]:
    places = (*Path("/sys/fs/cgroup").glob(slot.cgroup), *Path("/sys/fs/cgroup").glob(f"*/{slot.cgroup}"))
    return [f"cgroup: {place}" for place in places]


def _shared() -> list[str]:
    """Return what the clusters of a machine share; it is removed with the last cluster."""
    created = [place for place in FIXED_PLACES if (Path(place) / ".switchboard-cluster").exists()]
    return [f"file: {path}" for path in (*created, RUN_ROOT / "places") if Path(path).exists()]


def _files(slot: Slot, paths: Paths) -> list[str]:
    kept = {"bin", "logs", "lock"}  # `down` keeps these deliberately
    own = [path for path in paths.root.iterdir() if path.name not in kept]
    return [f"file: {path}" for path in (*own, slot.run_dir) if path.exists()]
