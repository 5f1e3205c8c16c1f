"""Resources under test, whose pods the test runs."""

from typing import Any

import pytest
from tests.e2e.apiserver import ApiServer
from tests.e2e.operator.kubelet import FakePod, Kubelet
from tests.e2e.rest import ApiError


class Resource:
    """A resource of one of the three kinds, applied server-side like by kubectl."""

    def __init__(self, api: ApiServer, namespace: str, kind: str, name: str) -> None:
        self.api, self.namespace, self.kind, self.name = api, namespace, kind, name

    def apply(self, **spec: Any) -> None:
        self.api.rest.apply(self.manifest(**spec), self.namespace)

    def refused(self, **spec: Any) -> str:
        """Return the error with which the API server refuses a spec."""
        with pytest.raises(ApiError) as refusal:
            self.apply(**spec)
        return str(refusal.value)

    def manifest(self, **spec: Any) -> dict[str, Any]:
        metadata = {"name": self.name, "namespace": self.namespace}
        return {"apiVersion": "switchboard.dev/v1alpha1", "kind": self.kind, "metadata": metadata, "spec": spec}

    def delete(self) -> None:
        self.api.rest.delete(self.kind, self.name, self.namespace)

    def items(self, kinds: str) -> list[Any]:
        """Return the objects of the resource, ordered by name."""
        label = f"switchboard.dev/{self.kind.lower()}={self.name}"
        found = self.api.get("-n", self.namespace, kinds, "-l", label)["items"]
        return sorted(found, key=lambda item: str(item["metadata"]["name"]))

    def live(self) -> Any:
        return self.api.get("-n", self.namespace, self.kind, self.name)

    def condition(self, kind: str) -> Any:
        """Return a condition; an empty one if it is for an earlier generation."""
        live = self.live()
        found = live.get("status", {}).get("conditions", [])
        generation = live["metadata"]["generation"]
        return next((one for one in found if one["type"] == kind and one["observedGeneration"] == generation), {})

    def is_true(self, kind: str) -> bool:
        return bool(self.condition(kind).get("status") == "True")

    def run_pods(self, address: str = "10.1.2.3") -> None:
        """Report every pod as ready, like a kubelet."""
        ready = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        }
        for pod in self.items("pods"):
            self.patch_status("pod", pod["metadata"]["name"], ready)

    def patch_status(self, kind: str, name: str, status: dict[str, Any]) -> None:
        self.api.patch_status(self.namespace, kind, name, status)

    def is_ready(self) -> bool:
        self.run_pods()
        return self.is_true("Ready")


class Pool(Resource):
    """A pool; the default of `environment` is Development."""

    def __init__(self, api: ApiServer, namespace: str, kubelet: Kubelet) -> None:
        super().__init__(api, namespace, "SignalingPool", "calls")
        self.kubelet = kubelet

    def run_pods(self, address: str = "") -> None:
        """Run every pod, so that it becomes ready and answers the operator."""
        self.kubelet.run(self.items("pods"))

    def scale(self, replicas: int) -> None:
        self.api.rest.patch(self.kind, self.name, {"spec": {"replicas": replicas}}, self.namespace, "scale")

    def fakes(self) -> list[FakePod]:
        """Return the states of the present pods, ordered by sessions."""
        return self.kubelet.fakes(self.items("pods"))

    def manifest(self, **spec: Any) -> dict[str, Any]:
        return super().manifest(**{"environment": "Development", **spec})

    def serves(self) -> bool:
        """Return whether all pods are ready, independently of the pool's references."""
        self.run_pods()
        return self.is_true("PodsReady")
