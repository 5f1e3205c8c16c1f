"""A pool's room on an API server in memory, with pods that answer; tests play Kubernetes' controllers."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from tests.unit.operator.contexts import context
from tests.unit.operator.examples import resource
from tests.unit.operator.kube.fake import FakeKube
from tests.unit.operator.pools.pods import sample

from switchboard_crds import names
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube.resources import ENDPOINT_SLICE, EVENT, POD, REPLICA_SET, Json
from switchboard_operator.owned.owner import OwnerKey
from switchboard_operator.pools.nodes import Nodes
from switchboard_operator.pools.pods import PodEndpoint, PodError
from switchboard_operator.pools.reconciler import PoolReconciler
from switchboard_operator.pools.sampler import Sampler
from switchboard_operator.pools.samples import Sample

KEY = ("SignalingPool", "web", "calls")
POOL = api_of_kind(names.SIGNALING_POOL)
FRESH = 1e12
"""A sample of this time stays fresh."""


@dataclass
class FakePods:
    """The client for pods that hold sessions, and take orders; those that are not here are silent."""

    def __init__(self) -> None:
        self.samples: dict[str, Sample] = {}
        self.orders: list[str] = []
        self.busy = self.most_busy = 0

    def holds(self, name: str, sessions: int = 0, **fields: Any) -> None:
        self.samples[name] = sample(sessions, at=FRESH, **fields)

    async def sample(self, endpoint: PodEndpoint) -> Sample:
        if endpoint.pod not in self.samples:
            raise PodError(f"Pod {endpoint.pod} is silent")
        return self.samples[endpoint.pod]

    async def cordon(self, endpoint: PodEndpoint, cordoned: bool) -> Sample:
        return await self._take(endpoint, "cordon" if cordoned else "uncordon", cordoned=cordoned)

    async def goaway(self, endpoint: PodEndpoint, count: int, within_ms: int) -> Sample:
        assert within_ms > 0
        return await self._take(endpoint, f"goaway {count}", leaving=count)

    async def _take(self, endpoint: PodEndpoint, order: str, **fields: Any) -> Sample:
        self.busy += 1
        self.most_busy = max(self.busy, self.most_busy)
        await asyncio.sleep(0)
        self.busy -= 1
        found = await self.sample(endpoint)
        self.orders.append(f"{order} {endpoint.pod}")
        self.samples[endpoint.pod] = replace(found, **fields)
        return self.samples[endpoint.pod]


class World:
    """One pool, `calls`, and what reconciles it."""

    def __init__(self) -> None:
        self.kube, self.pods, self.nodes = FakeKube(), FakePods(), Nodes()
        self.woken: list[OwnerKey] = []
        self.context = context(self.kube)
        client: Any = self.pods
        self.sampler = Sampler(self.context.store, client, self.nodes.unschedulable, self.woken.append)
        self.reconciler = PoolReconciler(
            self.context, "signaling:1", self.woken.append, client, self.sampler, self.nodes
        )

    def apply(self, **spec: Any) -> None:
        self.kube.change(resource("SignalingPool", "calls", environment="Development", **spec))

    async def reconcile(self) -> float | None:
        self.kube.calls.clear()
        again = await self.reconciler.reconcile("web", "calls")
        self.kube.show(self.context.store, REPLICA_SET, POD, ENDPOINT_SLICE)
        return again

    @property
    def live(self) -> Json:
        return self.kube.found(POOL, "calls")

    @property
    def pool(self) -> SignalingPool:
        return SignalingPool.model_validate(self.live)

    @property
    def status(self) -> Json:
        return dict(self.live["status"])

    @property
    def current(self) -> Json:
        """The ReplicaSet of the current revision."""
        return self.kube.found(REPLICA_SET, f"calls-{self.status['revision']}")

    def condition(self, kind: str) -> tuple[str, str]:
        found = next(item for item in self.status["conditions"] if item["type"] == kind)
        return found["status"], found["reason"]

    def events(self, *reasons: str) -> list[str]:
        """Return the notes of the events with these reasons."""
        return [event["note"] for event in self.kube.of(EVENT) if event["reason"] in reasons]

    def run_pods(self, **sessions: int) -> None:
        """Have the current ReplicaSet's controller make these pods, all Ready, offered and answering."""
        for name, count in sessions.items():
            self.kube.change(self.pod(name))
            self.pods.holds(name, count)
        self.offer(*self.pods.samples)

    def pod(self, name: str) -> Json:
        template, owner = self.current["spec"]["template"]["metadata"], self.current["metadata"]
        reference = {"kind": "ReplicaSet", "name": owner["name"], "uid": owner["uid"], "controller": True}
        running = {"name": "signaling", "state": {"running": {}}, "started": True}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": "web",
                "labels": dict(template["labels"]),
                "ownerReferences": [reference],
            },
            "spec": {"nodeName": "n1"},
            "status": {
                "phase": "Running",
                "podIP": "10.0.0.1",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
                "containerStatuses": [running],
            },
        }

    def offer(self, *pods: str) -> None:
        """Have the Service offer exactly these pods."""
        endpoints = [{"targetRef": {"uid": f"uid-of-{name}"}, "conditions": {"ready": True}} for name in pods]
        labels = self.current["metadata"]["labels"]
        self.kube.change(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "calls", "namespace": "web", "labels": dict(labels)},
                "endpoints": endpoints,
            }
        )
        self.kube.show(self.context.store, REPLICA_SET, POD, ENDPOINT_SLICE)
