"""Builders of objects, and of parts of them, that all kinds share. Pure."""

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal

from switchboard_crds import names
from switchboard_operator.kube.resources import Json

POD_SECURITY: Final[Mapping[str, Any]] = {
    "runAsNonRoot": True,
    "runAsUser": names.USER_ID,
    "runAsGroup": names.USER_ID,
    "fsGroup": names.USER_ID,
    "seccompProfile": {"type": "RuntimeDefault"},
}
CONTAINER_SECURITY: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def secret(name: str, files: Mapping[str, str]) -> Json:
    """Return a Secret with text files."""
    data = {file: base64.b64encode(text.encode()).decode() for file, text in sorted(files.items())}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}


def service_account(name: str) -> Json:
    """Return a ServiceAccount without permissions and without a mounted token."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name},
        "automountServiceAccountToken": False,
    }


def disruption_budget(
    name: str, selector: Mapping[str, str], *, unhealthy: Literal["AlwaysAllow", "IfHealthyBudget"] = "AlwaysAllow"
) -> Json:
    """Return a PodDisruptionBudget that allows one pod to be unavailable.

    `unhealthy` is the unhealthyPodEvictionPolicy: `AlwaysAllow` for pods without data, so that a broken pod does not
    block a node drain; `IfHealthyBudget` for pods with data, which may be evicted only while all others are ready.
    """
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": unhealthy,
            "selector": {"matchLabels": dict(selector)},
        },
    }


def secret_volume(name: str, secret_name: str) -> Json:
    """Return a volume with the files of a Secret, readable by the pod's group."""
    return {"name": name, "secret": {"secretName": secret_name, "defaultMode": 0o440}}


def field_env(name: str, path: str) -> Json:
    """Return an environment variable set from a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def spread(selector: Mapping[str, str], topology: str) -> Json:
    """Return a soft constraint that spreads pods over a topology."""
    return {
        "maxSkew": 1,
        "topologyKey": topology,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": dict(selector)},
    }


def http_probe(path: str, port: str | int, **settings: int) -> Json:
    """Return an HTTP probe."""
    return {"httpGet": {"path": path, "port": port}, **settings}
