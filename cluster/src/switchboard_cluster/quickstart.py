"""`make up`: starts a cluster, installs Switchboard with a pool, and returns the URL of the call page."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from switchboard_cluster import backends, cluster, layout, processes
from switchboard_cluster.backends import Backend, TargetCluster
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Paths
from switchboard_cluster.processes import Unit
from switchboard_cluster.progress import Progress
from switchboard_cluster.system import run

IMAGES = ("operator", "signaling", "turn", "valkey")
NAMESPACE = "switchboard"
RELEASE = "switchboard"
POOL = "quickstart"
FORWARDER = "forwarder"
READY_TIMEOUT = 180.0
"""Seconds after which a pool that is not ready has failed; it takes about ten."""


@dataclass(frozen=True)
class Quickstart:
    """Result of `make up`."""

    url: str
    backend: Backend
    namespace: str
    pool: str
    seconds: float


def start(backend: Backend, nodes: int, port: int, registry: str, progress: Progress) -> Quickstart:
    """Start and install everything that is not running yet, and wait until the pool answers. Raises ClusterError."""
    target = backends.prepare(backend, IMAGES, nodes, registry, progress)
    install(target)
    progress.say("chart installed")
    service = wait_for_pool(target, progress)
    progress.say(f"pool {POOL} ready")
    url = forward(target, service, port)
    return Quickstart(url, backend, NAMESPACE, POOL, round(progress.elapsed, 1))


def values(target: TargetCluster) -> dict[str, Any]:
    """Return the chart's values for a quickstart on a target."""
    images = {name: {"image": target.images[name]} for name in IMAGES}
    return images | {"quickstart": {"enabled": True, "name": POOL, "turn": {"allowedPeers": target.networks}}}


def install(target: TargetCluster) -> None:
    """Install the chart of this checkout, or upgrade to it."""
    chart = layout.checkout_root() / "charts" / "switchboard"
    where = ["--namespace", NAMESPACE, "--create-namespace"]
    upgrade: list[str | Path] = [*target.helm, "upgrade", "--install", RELEASE, chart, *where, "--values", "-"]
    run(upgrade, stdin=json.dumps(values(target)), timeout=READY_TIMEOUT)


def wait_for_pool(target: TargetCluster, progress: Progress) -> str:
    """Wait until the pool is Ready, showing why it is not, and return the name of its Service."""
    deadline = time.monotonic() + READY_TIMEOUT
    get = [*target.kubectl, "--namespace", NAMESPACE, "get", "signalingpool", POOL, "--output", "json"]
    while True:
        found = run(get, check=False)
        pool = json.loads(found.stdout) if found.returncode == 0 else None
        ready, why = judge(pool) if pool else (False, found.stderr.strip())
        if ready and pool:
            return str(pool["status"]["serviceName"])
        progress.tick(f"pool {POOL}: {why}")
        if time.monotonic() > deadline:
            raise ClusterError(
                "pool-not-ready",
                f"the pool was not ready after {READY_TIMEOUT:g} s: {why}; "
                f"the operator's log ends with: {_log_end(target)}",
                f"kubectl --namespace {NAMESPACE} describe signalingpool {POOL}; kubectl logs deployment/{RELEASE}",
            )
        time.sleep(0.2)


def _log_end(target: TargetCluster) -> str:
    """Return the last lines of the operator's log, or why it cannot be read."""
    logs = [*target.kubectl, "--namespace", NAMESPACE, "logs", f"deployment/{RELEASE}", "--tail=3"]
    read = run(logs, check=False)
    return (read.stdout or read.stderr).strip()[-1000:] or "nothing"


def judge(pool: dict[str, Any]) -> tuple[bool, str]:
    """Return whether a pool is ready at its current generation, and why not."""
    for condition in pool.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready":
            current = condition.get("observedGeneration") == pool["metadata"]["generation"]
            why = condition["message"] if current else "the operator has not reconciled the change yet"
            return condition["status"] == "True" and current, why
    return False, "the operator has not reconciled it yet"


def forward(target: TargetCluster, service: str, port: int) -> str:
    """Forward localhost to the pool's Service, and return the URL of the call page."""
    url = f"http://localhost:{port}"
    if target.backend is not Backend.EMBEDDED:
        command = " ".join(map(str, [*target.kubectl, "--namespace", NAMESPACE, "port-forward"]))
        return f"{url} (after: {command} service/{service} {port}:80)"
    paths = Paths.of_checkout()
    slot = cluster.need(paths).slot
    processes.kill(lambda: [found for found in processes.find(slot) if found.unit == FORWARDER])
    log = paths.log(FORWARDER)
    program = [sys.executable, "-m", "switchboard_cluster", "forward", f"{NAMESPACE}/{service}", "--port", str(port)]
    pid = processes.start(slot, Unit(FORWARDER, program), log)
    _wait_for_answer(f"{url}/health", lambda: processes.alive(pid), log)
    return url


def _wait_for_answer(url: str, alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not alive():
            raise ClusterError(
                "forwarder-died", cluster.last_line(log), "free the port, or choose another: make up PORT=8081", log
            )
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - an http URL of ours
                if response.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise ClusterError("no-answer", f"{url} does not answer", "read the forwarder's log", log)
