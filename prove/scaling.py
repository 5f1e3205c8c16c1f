"""A pool that grows, shrinks, rolls out and loses pods and nodes under calls: none lost (`make prove-scaling`).

A cluster of three nodes with Switchboard on it, a pool that is scaled by its load, and clients in processes of their
own that talk at a constant rate: they are sent where the pool's EndpointSlices say, as its Service would, and count at
the application what was said and what was shown.
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
from tests.e2e.made import Made
from tests.e2e.processes import kill

from prove.crowd import Crowd, Json, harm, until
from prove.report import write
from prove.talkers import summary
from switchboard_cluster import quickstart
from switchboard_cluster.layout import Paths
from switchboard_crds import names

NODES: Final = 3
POOL: Final = "proof"
FEWEST: Final = 2
MOST: Final = 6
STAYING: Final = 0.25
"""The share of the clients that is there when the pool is small."""
CALM_SECONDS: Final = 10.0
"""Talk before and after each step, so that there is something to compare with."""
STEP_SECONDS: Final = 400.0
LOOK_SECONDS: Final = 3.0
"""Between looks at the pool: kubectl takes a twentieth of the machine, and the clients wait for it."""
DRAINED_SECONDS: Final = 120.0
BREAK_SECONDS: Final = 60.0
"""How long a broken rollout is left alone."""
PLANNED_P99: Final = 1.0
STAGES: Final = ("Cordoned", "Draining", "Drained")
OPERATOR: Final = "/opt/switchboard/bin/switchboard-operator"
"""What the operator's process is, in its arguments."""
MISSING_IMAGE: Final = "switchboard.invalid/none:1"
"""An image that does not exist."""


@dataclass
class Pool:
    """The pool, as kubectl shows and changes it."""

    kubectl: Kubectl
    offered: list[str] = field(default_factory=list)
    """Servers that its EndpointSlices offer (`host:port`)."""

    def apply(self, clients: int) -> None:
        """Make it: so many sessions a pod that all clients need all pods, and those who stay the fewest."""
        spec = {
            "environment": "Development",
            "redisRef": {"name": quickstart.POOL},
            # All clients come from this machine; as many addresses as there are clients stand behind this proxy.
            "trustedProxies": ["0.0.0.0/0"],
            "autoscaling": {
                "minReplicas": FEWEST,
                "maxReplicas": MOST,
                "targetSessionsPerPod": clients // (MOST - 1),
            },
        }
        self.kubectl.apply(
            {"apiVersion": names.API_VERSION, "kind": "SignalingPool", "metadata": {"name": POOL}, "spec": spec}
        )

    def patch(self, **spec: object) -> None:
        """Change the spec."""
        self.kubectl("patch", "signalingpool", POOL, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def get(self) -> Object:
        """Return it."""
        found: Object = self.kubectl.json("get", "signalingpool", POOL)
        return found

    def pods(self) -> list[Object]:
        """Return its pods."""
        selector = f"{names.LABEL_NAME}={names.SIGNALING},{names.LABEL_INSTANCE}={POOL}"
        found: list[Object] = self.kubectl.json("get", "pods", f"--selector={selector}")["items"]
        return found

    def settled(self, replicas: int | None = None) -> bool:
        """Whether it is at rest, with so many pods."""
        pool = self.get()
        status = pool.get("status", {})
        quiet = status.get("observedGeneration") == pool["metadata"]["generation"] and all(
            ready(pool, one) for one in ("Ready", "PodsReady", "Drained")
        )
        wanted = status.get("desiredReplicas") if replicas is None else replicas
        pods = self.pods()
        return bool(quiet and wanted == len(pods) == len(self.offered) and all_ready(len(pods))(pods))


async def follow(pool: Pool, crowd: Crowd) -> None:
    """Send the clients where the EndpointSlices say, until cancelled; a watch may end at any time."""
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
                pool.offered = [f"{host}:{names.HTTP_PORT}" for host, _, is_ready in endpoints if is_ready == "true"]
                if pool.offered:
                    await crowd.living(pool.offered)
        finally:
            with suppress(ProcessLookupError):
                watch.kill()
            await watch.wait()
        await asyncio.sleep(1)


@dataclass
class Proof:
    """One run."""

    cluster: Embedded
    pool: Pool
    crowd: Crowd
    steps: list[Json] = field(default_factory=list)

    async def until(self, condition: Callable[[], object], what: str, seconds: float = STEP_SECONDS) -> None:
        """Wait for a condition; raises TimeoutError with what it was."""
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(condition):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {seconds:.0f} s: {what}; {self.pool.get().get('status')}")
            await asyncio.sleep(LOOK_SECONDS)

    @asynccontextmanager
    async def step(self, name: str, planned: bool) -> AsyncIterator[None]:
        """Note what the clients saw of a step."""
        await asyncio.sleep(CALM_SECONDS)
        since = time.monotonic()
        yield
        took = time.monotonic() - since
        await asyncio.sleep(CALM_SECONDS)
        silences = await self.crowd.silences(since, time.monotonic() - CALM_SECONDS / 2)
        arrivals = await self.crowd.arrivals(since)
        self.steps.append(
            {
                "step": name,
                "planned": planned,
                "seconds": round(took, 1),
                "pods": len(self.pool.offered),
                "silence_s": summary(silences),
                "clients_that_moved": sum(one > 0 for one in arrivals),
                "most_moves_of_a_client": max(arrivals, default=0),
            }
        )
        print(json.dumps(self.steps[-1]), flush=True)


async def up(proof: Proof) -> None:
    """More clients come: 2 -> 6."""
    async with proof.step("up by load", planned=True):
        await proof.crowd.some("meet", STAYING, 1, seconds=STEP_SECONDS)
        await proof.crowd.some("talk", STAYING, 1)
        await proof.until(lambda: proof.pool.settled(MOST), f"{MOST} pods")


async def rollout(proof: Proof) -> None:
    """Other settings for all pods."""
    async with proof.step("rollout", planned=True):
        proof.pool.patch(allowedOrigins=["https://app.example"])
        await proof.until(proof.pool.settled, "the new revision serves")


async def broken_rollout(proof: Proof) -> None:
    """Roll out an image that is not there, and take it back."""
    async with proof.step("broken rollout and its revert", planned=True):
        image = proof.pool.get()["status"]["image"]
        before = {pod["metadata"]["name"] for pod in proof.pool.pods()}
        proof.pool.patch(image=MISSING_IMAGE)
        await asyncio.sleep(BREAK_SECONDS)
        lost = before - {pod["metadata"]["name"] for pod in proof.pool.pods() if ready(pod)}
        if lost:
            raise RuntimeError(f"a rollout that cannot succeed has removed {lost}")
        proof.pool.patch(image=image)
        await proof.until(proof.pool.settled, "the pool is whole again")


async def node_drain(proof: Proof) -> None:
    """`kubectl drain`, as for maintenance."""
    node = busiest(proof.pool)
    async with proof.step("kubectl drain of a node", planned=True):
        drain = asyncio.to_thread(
            proof.pool.kubectl,
            *("drain", node, "--ignore-daemonsets", "--delete-emptydir-data"),
            *("--pod-selector", f"{names.LABEL_NAME}={names.SIGNALING},{names.LABEL_INSTANCE}={POOL}"),
            timeout=STEP_SECONDS,
        )
        await drain
        await proof.until(proof.pool.settled, "the node's pods are elsewhere")
    proof.pool.kubectl("uncordon", node)


async def pod_kill(proof: Proof) -> None:
    """SIGKILL for a pod's process."""
    async with proof.step("kill -9 of a pod's process", planned=False):
        victim = proof.pool.pods()[0]["metadata"]["name"]
        if not kill(f"SWITCHBOARD_POD={victim}"):
            raise RuntimeError(f"no process of {victim}")
        await proof.until(lambda: len(proof.pool.offered) < MOST, "it is not offered any more", 30)
        await proof.until(proof.pool.settled, "the pool is whole again")


async def node_kill(proof: Proof) -> None:
    """Let a node die as by a power cut, and come back."""
    node = busiest(proof.pool)
    async with proof.step("death of a node", planned=False):
        await asyncio.to_thread(proof.cluster.run, "kill-node", node)

        def replaced() -> bool:
            pods = [pod for pod in proof.pool.pods() if ready(pod) and pod["spec"]["nodeName"] != node]
            wanted: int = proof.pool.get()["status"]["desiredReplicas"]
            return wanted == len(pods) == len(proof.pool.offered)

        await proof.until(replaced, "other pods take their place")
        await asyncio.to_thread(proof.cluster.run, "start-node", node)
        await proof.until(lambda: all_ready(NODES)(proof.pool.kubectl.json("get", "nodes")["items"]), "it is back")
        await proof.until(proof.pool.settled, "the pool and its store are whole again")


async def down(proof: Proof) -> None:
    """Most clients leave: 6 -> 2, and the operator is killed at each step of a pod's drain."""
    async with proof.step("down by load, the operator killed at each step of a drain", planned=True):
        await proof.crowd.some("hush", STAYING, 1)
        await until(proof.crowd.drained, DRAINED_SECONDS)
        await proof.crowd.some("part", STAYING, 1, seconds=STEP_SECONDS)
        killed: list[str] = []

        def at_rest() -> bool:
            stages = {pod["metadata"].get("annotations", {}).get(names.ANNOTATION_DRAIN) for pod in proof.pool.pods()}
            for stage in STAGES:
                if stage in stages and stage not in killed and kill(OPERATOR):
                    killed.append(stage)
            return proof.pool.settled(FEWEST)

        await proof.until(at_rest, f"{FEWEST} pods")
        print(f"the operator was killed at {', '.join(killed)}", flush=True)
        proof.steps.append({"step": "operator killed", "at": killed})


def busiest(pool: Pool) -> str:
    """Return the node with most of the pool's pods."""
    nodes = [pod["spec"]["nodeName"] for pod in pool.pods()]
    return str(max(set(nodes), key=nodes.count))


async def run(clients: int, processes: int, only: list[str]) -> Json:
    """Return the figures of one run with an even number of clients."""
    cluster = Embedded(Paths.of_checkout())
    cluster.run("up", "--nodes", str(NODES))
    pool = Pool(Made.now(cluster).kubectl)
    pool.apply(clients)
    try:
        pool.kubectl.wait_for(f"signalingpool {POOL}", ready, "the pool serves", timeout=120)
        async with Crowd.of(clients, processes) as crowd:
            following = asyncio.create_task(follow(pool, crowd))
            proof = Proof(cluster, pool, crowd)
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
    await proof.until(lambda: proof.pool.settled(FEWEST), f"{FEWEST} pods")
    started = time.monotonic()
    await proof.crowd.some("meet", 0, STAYING, seconds=STEP_SECONDS)
    await proof.crowd.some("talk", 0, STAYING)
    for step in (up, rollout, broken_rollout, node_drain, pod_kill, node_kill, down):
        if not only or step.__name__ in only:
            await step(proof)
    await proof.crowd.some("hush", 0, STAYING if not only or "down" in only or "up" not in only else 1)
    drained = await until(proof.crowd.drained, DRAINED_SECONDS)
    counts = await proof.crowd.counts()
    planned = [step["silence_s"].get("p99", 0.0) for step in proof.steps if step.get("planned")]
    return {
        "seconds": round(time.monotonic() - started, 1),
        "said": counts["said"],
        "lost_messages": counts["outstanding"],
        "doubled_messages": counts["doubled"],
        "disordered_messages": counts["disordered"],
        "lost_sessions": sum(n for event, n in counts["events"].items() if event in harm(counts["events"])),
        "events": counts["events"],
        "planned_silence_p99_s": max(planned, default=0.0),
        "steps": proof.steps,
        "passed": drained
        and not (counts["doubled"] or counts["disordered"] or harm(counts["events"]))
        and max(planned, default=0.0) <= PLANNED_P99,
    }


def main() -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=2, help="of clients")
    parser.add_argument("--only", nargs="*", default=[], help="steps: up, rollout, broken_rollout, node_drain, …")
    given = parser.parse_args()
    figures = asyncio.run(run(given.clients, given.processes, given.only))
    short = {name: value for name, value in figures.items() if name not in ("steps", "events")}
    print(f"{write('scaling', figures)}: {json.dumps(short)}")
    return 0 if figures["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
