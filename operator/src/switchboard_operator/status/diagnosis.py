"""Diagnoses why pods do not serve, in words that name the pod and the remedy. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from switchboard_operator.kube.resources import Json

Trouble = tuple[str, str]
"""Reason (one word) and message."""

_WAITING: Final = {
    "ErrImagePull": ("ImagePull", "check the image's name and the registry's credentials"),
    "ImagePullBackOff": ("ImagePull", "check the image's name and the registry's credentials"),
    "InvalidImageName": ("ImagePull", "correct the image's name"),
    "ErrImageNeverPull": ("ImagePull", "load the image on the node"),
    "CreateContainerConfigError": ("ContainerConfig", "create what the message names"),
    "CrashLoopBackOff": ("CrashLoop", "read `kubectl logs --previous` of the pod"),
}


def trouble(pods: Iterable[Json]) -> Trouble | None:
    """Return the first trouble that keeps a pod from serving, or None; pods that only start are no trouble."""
    for pod in sorted(filter(is_active, pods), key=lambda item: str(item["metadata"]["name"])):
        for found in _troubles(pod):
            return found
    return None


def _troubles(pod: Json) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    name = f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield "Unschedulable", f"{name}: {condition.get('message', '')} Remedy: add a fitting node, or ask for less"
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _WAITING:
            reason, remedy = _WAITING[waiting["reason"]]
            detail = waiting.get("message") or waiting["reason"]
            yield reason, f"{name}, container {container['name']}: {detail}. Remedy: {remedy}"


def is_finished(pod: Json) -> bool:
    """Return whether all containers of a pod have ended for good, as those of an evicted one have."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def is_active(pod: Json) -> bool:
    """Return whether a pod is there to stay: neither being deleted nor finished, as an evicted one is.

    Kubernetes counts a workload's pods the same way (IsPodActive in pkg/controller/controller_utils.go).
    """
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def is_ready(pod: Json) -> bool:
    """Return whether a pod serves."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and is_active(pod)
