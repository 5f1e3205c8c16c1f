"""API resources of the custom kinds and of the objects that they own. Pure."""

from typing import Final

from switchboard_crds import names
from switchboard_operator.kube import resources
from switchboard_operator.kube.resources import Api, Json

OWNED: Final = (
    resources.SERVICE_ACCOUNT,
    resources.SECRET,
    resources.CONFIG_MAP,
    resources.SERVICE,
    resources.DISRUPTION_BUDGET,
    resources.NETWORK_POLICY,
    resources.INGRESS,
    resources.REPLICA_SET,
    resources.DEPLOYMENT,
    resources.STATEFUL_SET,
)
"""API resources of owned objects; the operator watches those with its label."""
SELECTOR: Final = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
"""Selects the objects that the operator created, and those that Kubernetes created for them."""

_BY_NAME: Final = {(api.api_version, api.kind): api for api in (*OWNED, resources.POD)}


def api_of_kind(kind: names.Kind) -> Api:
    """Return the API resource of a custom kind."""
    return Api(names.API_VERSION, kind.kind, kind.plural)


def api_of(obj: Json) -> Api:
    """Return the API resource of an object that the operator owns."""
    return _BY_NAME[obj["apiVersion"], obj["kind"]]
