"""Kubernetes API resources and their URL paths. Pure."""

from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
"""A Kubernetes object or another JSON object."""


@dataclass(frozen=True)
class Api:
    """An API resource."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path of a collection, an object or a subresource; without a namespace, of all namespaces."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        parts = [root, *(["namespaces", namespace] if namespace else []), self.plural]
        return "/".join([*parts, *([name] if name else []), *([subresource] if subresource else [])])


POD: Final = Api("v1", "Pod", "pods")
SECRET: Final = Api("v1", "Secret", "secrets")
SERVICE: Final = Api("v1", "Service", "services")
SERVICE_ACCOUNT: Final = Api("v1", "ServiceAccount", "serviceaccounts")
REPLICA_SET: Final = Api("apps/v1", "ReplicaSet", "replicasets")
ENDPOINT_SLICE: Final = Api("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
"""Created by Kubernetes for Services, with the labels of the Service."""
NODE: Final = Api("v1", "Node", "nodes")
"""Not namespaced."""
LEASE: Final = Api("coordination.k8s.io/v1", "Lease", "leases")
EVENT: Final = Api("events.k8s.io/v1", "Event", "events")
CRD: Final = Api("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
"""Not namespaced."""

CONFIG_MAP: Final = Api("v1", "ConfigMap", "configmaps")
DEPLOYMENT: Final = Api("apps/v1", "Deployment", "deployments")
STATEFUL_SET: Final = Api("apps/v1", "StatefulSet", "statefulsets")
DISRUPTION_BUDGET: Final = Api("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY: Final = Api("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS: Final = Api("networking.k8s.io/v1", "Ingress", "ingresses")
