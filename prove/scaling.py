"""A pool that scales, rolls out and loses pods and nodes while calls continue: no message lost (`make prove-scaling`).

A cluster of three nodes runs Switchboard with an autoscaled pool. Clients in processes of their own connect to the
endpoints in the pool's EndpointSlices, like its Service, send at a constant rate, and count sent and received messages
in the application.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl, Object, all_ready, ready
from tests.e2e.processes import kill
from tests.e2e.quickstart import Quickstart

from prove.client_process import summary
from prove.clients import ClientGroup, Json, harm, until
from prove.report import write
from switchboard_cluster import quickstart
from switchboard_cluster.layout import Paths
from switchboard_crds import names

NODES: Final = 3
POOL: Final = "proof"
MIN_PODS: Final = 2
MAX_PODS: Final = 6
STAYING: Final = 0.25
"""The share of the clients that stay connected while the pool is small."""
CALM_SECONDS: Final = 10.0
"""Time before and after each step, for comparison."""
STEP_SECONDS: Final = 400.0
POLL_SECONDS: Final = 3.0
"""Interval of queries: kubectl uses a twentieth of the machine, which delays the clients."""
DRAINED_SECONDS: Final = 120.0
BREAK_SECONDS: Final = 60.0
"""Time until a broken rollout is reverted."""
PLANNED_P99: Final = 1.0
STAGES: Final = ("Cordoned", "Draining", "Drained")
OPERATOR: Final = "/opt/switchboard/bin/switchboard-operator"
"""The operator's program, by which its process is found."""
MISSING_IMAGE: Final = "switchboard.invalid/none:1"
"""An image that does not exist."""


@dataclass
class Pool:
    """The pool, through kubectl."""

    kubectl: Kubectl
    endpoints: list[str] = field(default_factory=list)
    """The ready endpoints in its EndpointSlices (`host:port`)."""

    def apply(self, clients: int) -> None:
        """Create the pool, with a target of sessions per pod at which all clients need MAX_PODS."""
        spec = {
            "environment": "Development",
            "redisRef": {"name": quickstart.POOL},
            # All clients run on this machine and send an address of their own in X-Forwarded-For.
            "trustedProxies": ["0.0.0.0/0"],
            "autoscaling": {
                "minReplicas": MIN_PODS,
                "maxReplicas": MAX_PODS,
                "targetSessionsPerPod": clients // (MAX_PODS - 1),
            },
        }
        self.kubectl.apply(
            {"apiVersion": names.API_VERSION, "kind": "SignalingPool", "metadata": {"name": POOL}, "spec": spec}
        )

    def patch(self, **spec: object) -> None:
        """Change the spec."""
        self.kubectl("patch", "signalingpool", POOL, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def get(self) -> Object:
        """Return the resource."""
        found: Object = self.kubectl.json("get", "signalingpool", POOL)
        return found

    def pods(self) -> list[Object]:
        """Return its pods."""
        selector = f"{names.LABEL_NAME}={names.SIGNALING},{names.LABEL_INSTANCE}={POOL}"
        found: list[Object] = self.kubectl.json("get", "pods", f"--selector={selector}")["items"]
        return found

    def settled(self, replicas: int | None = None) -> bool:
        """Return whether the pool has converged, with this number of pods if one is given."""
        pool = self.get()
        status = pool.get("status", {})
        converged = status.get("observedGeneration") == pool["metadata"]["generation"] and all(
            ready(pool, one) for one in ("Ready", "PodsReady", "Drained")
        )
        expected = status.get("desiredReplicas") if replicas is None else replicas
        pods = self.pods()
        return bool(converged and expected == len(pods) == len(self.endpoints) and all_ready(len(pods))(pods))


async def follow(pool: Pool, group: ClientGroup) -> None:
    """Send the clients to the endpoints of the EndpointSlices, until cancelled; restart a watch that ends."""
    selector = f"--selector=kubernetes.io/service-name={pool.get()['status']['service']}"
    path = '{range .endpoints[*]}{.addresses[0]}={.conditions.ready},{end}{"\\n"}'
    while True:
        watch = await asyncio.create_subprocess_exec(
            str(pool.kubectl.program), f"--kubeconfig={pool.kubectl.kubeconfig}",
            f"--namespace={pool.kubectl.namespace}", "get", "endpointslices", selector, "--watch",
            f"--output=jsonpath={path}", stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            assert watch.stdout
            while line := await watch.stdout.readline():
                endpoints = [one.partition("=") for one in line.decode().strip().split(",") if one]
                pool.endpoints = [f"{host}:{names.HTTP_PORT}" for host, _, is_ready in endpoints if is_ready == "true"]
                if pool.endpoints:
                    await group.set_servers(pool.endpoints)
        finally:
            with suppress(ProcessLookupError):
                watch.kill()
            await watch.wait()
        await asyncio.sleep(1)


@dataclass
class Proof:
    """A run of the proof."""

    cluster: Embedded
    pool: Pool
    group: ClientGroup
    steps: list[Json] = field(default_factory=list)

    async def until(self, condition: Callable[[], object], what: str, seconds: float = STEP_SECONDS) -> None:
        """Wait for a condition; raises TimeoutError that names it."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:.0f} s: {what}; {self.pool.get().get('status')}")
            await asyncio.sleep(POLL_SECONDS)

    @asynccontextmanager
    async def step(self, name: str, planned: bool) -> AsyncIterator[None]:
        """Record the effect of a step on the clients."""
        await asyncio.sleep(CALM_SECONDS)
        since = time.monotonic()
        yield
        took = time.monotonic() - since
        await asyncio.sleep(CALM_SECONDS)
        delays = await self.group.longest_delays(since, time.monotonic() - CALM_SECONDS / 2)
        welcomes = await self.group.welcomes(since)
        self.steps.append(
            {
                "step": name,
                "planned": planned,
                "seconds": round(took, 1),
                "pods": len(self.pool.endpoints),
                "longest_delay_s": summary(delays),
                "clients_that_moved": sum(one > 0 for one in welcomes),
                "max_moves_per_client": max(welcomes, default=0),
            }
        )
        print(json.dumps(self.steps[-1]), flush=True)


async def up(proof: Proof) -> None:
    """Connect the other clients: 2 -> 6 pods."""
    async with proof.step("scale up by load", planned=True):
        await proof.group.some("connect", STAYING, 1, seconds=STEP_SECONDS)
        await proof.group.some("start", STAYING, 1)
        await proof.until(lambda: proof.pool.settled(MAX_PODS), f"{MAX_PODS} pods")


async def rollout(proof: Proof) -> None:
    """Change a setting of all pods."""
    async with proof.step("rollout", planned=True):
        proof.pool.patch(allowedOrigins=["https://app.example"])
        await proof.until(proof.pool.settled, "all pods have the new revision")


async def broken_rollout(proof: Proof) -> None:
    """Roll out an image that does not exist, and revert it."""
    async with proof.step("broken rollout and its revert", planned=True):
        image = proof.pool.get()["status"]["image"]
        before = {pod["metadata"]["name"] for pod in proof.pool.pods()}
        proof.pool.patch(image=MISSING_IMAGE)
        await asyncio.sleep(BREAK_SECONDS)
        lost = before - {pod["metadata"]["name"] for pod in proof.pool.pods() if ready(pod)}
        if lost:
            raise RuntimeError(f"a rollout that cannot succeed has removed {lost}")
        proof.pool.patch(image=image)
        await proof.until(proof.pool.settled, "the pool has recovered")


async def node_drain(proof: Proof) -> None:
    """Drain a node with `kubectl drain`, as for maintenance."""
    node = busiest(proof.pool)
    async with proof.step("kubectl drain of a node", planned=True):
        drain = asyncio.to_thread(
            proof.pool.kubectl,
            *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data"),
            *("--pod-selector", f"{names.LABEL_NAME}={names.SIGNALING},{names.LABEL_INSTANCE}={POOL}"),
            timeout=STEP_SECONDS,
        )
        await drain
        await proof.until(proof.pool.settled, "the node's pods are replaced on other nodes")
    proof.pool.kubectl("uncordon", node)


async def pod_kill(proof: Proof) -> None:
    """Kill the process of a pod with SIGKILL."""
    async with proof.step("kill -9 of a pod's process", planned=False):
        victim = proof.pool.pods()[0]["metadata"]["name"]
        if not kill(f"SWITCHBOARD_POD={victim}"):
            raise RuntimeError(f"no process of {victim}")
        await proof.until(lambda: len(proof.pool.endpoints) < MAX_PODS, "its endpoint is removed", 30)
        await proof.until(proof.pool.settled, "the pool has recovered")


async def node_kill(proof: Proof) -> None:
    """Kill a node as in a power failure, and restart it."""
    node = busiest(proof.pool)
    async with proof.step("kill of a node", planned=False):
        await asyncio.to_thread(proof.cluster.run, "kill-node", node)

        def replaced() -> bool:
            pods = [pod for pod in proof.pool.pods() if ready(pod) and pod["spec"]["nodeName"] != node]
            desired: int = proof.pool.get()["status"]["desiredReplicas"]
            return desired == len(pods) == len(proof.pool.endpoints)

        await proof.until(replaced, "other pods replace the node's pods")
        await asyncio.to_thread(proof.cluster.run, "start-node", node)
        await proof.until(lambda: all_ready(NODES)(proof.pool.kubectl.json("get", "nodes")["items"]), "it is ready")
        await proof.until(proof.pool.settled, "the pool and its store have recovered")


async def down(proof: Proof) -> None:
    """Disconnect most clients: 6 -> 2 pods, and kill the operator at each stage of a pod's drain."""
    async with proof.step("scale down by load, the operator killed at each stage of a drain", planned=True):
        await proof.group.some("stop", STAYING, 1)
        await until(proof.group.drained, DRAINED_SECONDS)
        await proof.group.some("leave", STAYING, 1, seconds=STEP_SECONDS)
        killed: list[str] = []

        def settled() -> bool:
            stages = {pod["metadata"].get("annotations", {}).get(names.ANNOTATION_DRAIN) for pod in proof.pool.pods()}
            for stage in STAGES:
                if stage in stages and stage not in killed and kill(OPERATOR):
                    killed.append(stage)
            return proof.pool.settled(MIN_PODS)

        await proof.until(settled, f"{MIN_PODS} pods")
        print(f"the operator was killed at {', '.join(killed)}", flush=True)
        proof.steps.append({"step": "operator killed", "at": killed})


def busiest(pool: Pool) -> str:
    """Return the node that runs the most pods of the pool."""
    nodes = [pod["spec"]["nodeName"] for pod in pool.pods()]
    return str(max(set(nodes), key=nodes.count))


async def run(clients: int, processes: int, only: list[str]) -> Json:
    """Return the figures of one run with an even number of clients."""
    cluster = Embedded(Paths.of_checkout())
    cluster.run("up", "--nodes", str(NODES))
    pool = Pool(Quickstart.up(cluster).kubectl)
    pool.apply(clients)
    try:
        pool.kubectl.wait_for(f"signalingpool {POOL}", ready, "the pool is ready", timeout=120)
        async with ClientGroup.of(clients, processes) as group:
            following = asyncio.create_task(follow(pool, group))
            proof = Proof(cluster, pool, group)
            proving = asyncio.create_task(_prove(proof, only))
            await asyncio.wait([following, proving], return_when=asyncio.FIRST_COMPLETED)
            if not proving.done():
                proving.cancel()
                await following
            following.cancel()
            return {"clients": clients, **await proving}
    finally:
        pool.kubectl("delete", "signalingpool", POOL, "--wait=false")


async def _prove(proof: Proof, only: list[str]) -> Json:
    await proof.until(lambda: proof.pool.settled(MIN_PODS), f"{MIN_PODS} pods")
    started = time.monotonic()
    await proof.group.some("connect", 0, STAYING, seconds=STEP_SECONDS)
    await proof.group.some("start", 0, STAYING)
    for step in (up, rollout, broken_rollout, node_drain, pod_kill, node_kill, down):
        if not only or step.__name__ in only:
            await step(proof)
    await proof.group.some("stop", 0, STAYING if not only or "down" in only or "up" not in only else 1)
    drained = await until(proof.group.drained, DRAINED_SECONDS)
    counts = await proof.group.counts()
    planned = [step["longest_delay_s"].get("p99", 0.0) for step in proof.steps if step.get("planned")]
    return {
        "seconds": round(time.monotonic() - started, 1),
        "sent": counts["sent"],
        "lost": counts["outstanding"],
        "duplicated": counts["duplicated"],
        "out_of_order": counts["out_of_order"],
        "lost_sessions": sum(n for event, n in counts["events"].items() if event in harm(counts["events"])),
        "events": counts["events"],
        "planned_longest_delay_p99_s": max(planned, default=0.0),
        "steps": proof.steps,
        "passed": drained
        and not (counts["duplicated"] or counts["out_of_order"] or harm(counts["events"]))
        and max(planned, default=0.0) <= PLANNED_P99,
    }


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=2, help="number of processes for the clients")
    parser.add_argument("--only", nargs="*", default=[], help="run only these steps: up, rollout, broken_rollout, …")
    given = parser.parse_args()
    figures = asyncio.run(run(given.clients, given.processes, given.only))
    short = {name: value for name, value in figures.items() if name not in ("steps", "events")}
    print(f"{write('scaling', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
