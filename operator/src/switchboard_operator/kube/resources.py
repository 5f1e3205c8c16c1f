"""The API resources that the operator reads and writes, and their paths."""

from dataclasses import dataclass
from typing import Any, Final

from switchboard_crds import names

Json = dict[str, Any]
"""A Kubernetes object, or another JSON object."""


@dataclass(frozen=True)
class Api:
    """An API resource."""

    api_version: str
    kind: str
    plural: str

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """Return the URL path of a collection (of all namespaces without one), an object or a subresource."""
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        parts = [root, *(["namespaces", namespace] if namespace else []), self.plural]
        return "/".join([*parts, *([name] if name else []), *([subresource] if subresource else [])])


def ours(kind: names.Kind) -> Api:
    """Return the API resource of one of our kinds."""
    return Api(names.API_VERSION, kind.kind, kind.plural)


POD: Final = Api("v1", "Pod", "pods")
SECRET: Final = Api("v1", "Secret", "secrets")
SERVICE: Final = Api("v1", "Service", "services")
SERVICE_ACCOUNT: Final = Api("v1", "ServiceAccount", "serviceaccounts")
REPLICA_SET: Final = Api("apps/v1", "ReplicaSet", "replicasets")
ENDPOINT_SLICE: Final = Api("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
"""Made by Kubernetes for our Services, whose labels they carry."""
NODE: Final = Api("v1", "Node", "nodes")
"""Not namespaced."""
LEASE: Final = Api("coordination.k8s.io/v1", "Lease", "leases")
EVENT: Final = Api("events.k8s.io/v1", "Event", "events")
"""The operator only writes them; the kubectl plugin reads them."""
CRD: Final = Api("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions")
"""Not namespaced."""

CONFIG_MAP: Final = Api("v1", "ConfigMap", "configmaps")
DEPLOYMENT: Final = Api("apps/v1", "Deployment", "deployments")
STATEFUL_SET: Final = Api("apps/v1", "StatefulSet", "statefulsets")
DISRUPTION_BUDGET: Final = Api("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY: Final = Api("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
INGRESS: Final = Api("networking.k8s.io/v1", "Ingress", "ingresses")

OWNED: Final = (
    SERVICE_ACCOUNT,
    SECRET,
    CONFIG_MAP,
    SERVICE,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    INGRESS,
    REPLICA_SET,
    DEPLOYMENT,
    STATEFUL_SET,
)
"""What resources of our kinds are made of; the operator watches those that carry its label."""

_BY_NAME: Final = {(api.api_version, api.kind): api for api in (*OWNED, POD)}


def api_of(obj: Json) -> Api:
    """Return the API resource of an object that the operator owns."""
    return _BY_NAME[obj["apiVersion"], obj["kind"]]
