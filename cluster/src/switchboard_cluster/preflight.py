"""Checks that a machine can run a cluster; each failed check names its remedy."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.system import run

# program -> Debian package
PROGRAMS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
    "sysctl": "procps",
    "runc": "runc",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
}
DISK_NEEDED = 3 * 2**30
"""Bytes that a cluster of three nodes with Switchboard's images needs, with a reserve."""


def check(paths: Paths) -> None:
    """Run all checks. Raises `ClusterError` for the first one that fails."""
    check_user()
    check_installed()
    check_disk(paths)
    _check_overlay(paths)
    _check_nftables()


def check_user() -> None:
    """Require Linux and root."""
    check_system(sys.platform, os.geteuid())


def check_system(platform: str, user: int) -> None:
    """Require that a platform is Linux and a user id is root's."""
    if platform != "linux":
        raise ClusterError(
            "not-linux", f"the embedded cluster requires Linux, but this is {platform}", "make up CLUSTER=kind"
        )
    if user != 0:
        raise ClusterError(
            "not-root",
            "the embedded cluster requires root, because it creates network namespaces and mounts",
            "run the command as root (sudo -E make up), or use CLUSTER=kind",
        )


def check_installed() -> None:
    """Require that the needed programs are installed."""
    check_programs({name for name in PROGRAMS if shutil.which(name)})


def check_programs(present: set[str]) -> None:
    """Require that `present` contains all needed programs; the error names all missing packages."""
    missing = [name for name in PROGRAMS if name not in present]
    if missing:
        packages = sorted({PROGRAMS[name] for name in missing})
        raise ClusterError(
            "missing-package",
            f"not installed: {', '.join(missing)}",
            f"apt-get install --no-install-recommends {' '.join(packages)}",
        )


def check_disk(paths: Paths) -> None:
    """Require free disk space for the cluster's data."""
    paths.root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(paths.root).free
    if free < DISK_NEEDED:
        raise ClusterError(
            "disk-full",
            f"{paths.root} has {free / 2**30:.1f} GiB free; a cluster needs {DISK_NEEDED / 2**30:.0f} GiB",
            "free some space, for example in the build/ folders of old checkouts",
        )


def _check_overlay(paths: Paths) -> None:
    """Require that overlayfs works in the data folder, which image layers need."""
    paths.data.mkdir(parents=True, exist_ok=True)  # the next start removes what an interrupted check leaves
    with tempfile.TemporaryDirectory(dir=paths.data, prefix="overlay-") as name:
        folder = Path(name)
        for part in ("lower", "upper", "work", "merged"):
            (folder / part).mkdir()
        options = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        tried = run(
            ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, folder / "merged"], check=False
        )
        if tried.returncode != 0:
            raise ClusterError(
                "no-overlay",
                f"overlayfs does not work on {paths.root}: {tried.stderr.strip()}",
                "modprobe overlay; inside a container, put the checkout on a volume of the host",
            )


def _check_nftables() -> None:
    """Require that iptables works in a new network namespace."""
    tried = run(
        ["unshare", "--net", "iptables", "--table", "nat", "--append", "OUTPUT", "--jump", "ACCEPT"], check=False
    )
    if tried.returncode != 0:
        raise ClusterError(
            "no-nftables",
            f"iptables does not work here: {tried.stderr.strip()}",
            "modprobe nf_tables nft_chain_nat xt_MASQUERADE; a kernel without CONFIG_NF_TABLES cannot run kube-proxy",
        )
