"""Diagnosis of pods that do not become ready, with the name of the pod and a remedy. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

from switchboard_operator.kube.resources import Json

Problem = tuple[str, str]
"""Reason in CamelCase, and message."""

_WAITING: Final = {
    "ErrImagePull": ("ImagePull", "check the image name and the registry credentials"),
    "ImagePullBackOff": ("ImagePull", "check the image name and the registry credentials"),
    "InvalidImageName": ("ImagePull", "correct the image name"),
    "ErrImageNeverPull": ("ImagePull", "load the image onto the node"),
    "CreateContainerConfigError": ("ContainerConfig", "create the object that the message names"),
    "CrashLoopBackOff": ("CrashLoop", "read `kubectl logs --previous` of the pod"),
}


def diagnose(pods: Iterable[Json]) -> Problem | None:
    """Return the first problem that keeps a pod from becoming ready, or None; starting up is not a problem."""
    for pod in sorted(filter(is_active, pods), key=lambda item: str(item["metadata"]["name"])):
        for found in _problems(pod):
            return found
    return None


def _problems(pod: Json) -> Iterator[Problem]:
    status = pod.get("status") or {}
    name = f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
    for condition in status.get("conditions") or []:
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            yield (
                "Unschedulable",
                f"{name}: {condition.get('message', '')} Remedy: add a matching node, or lower the pod's requests",
            )
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in _WAITING:
            reason, remedy = _WAITING[waiting["reason"]]
            detail = waiting.get("message") or waiting["reason"]
            yield reason, f"{name}, container {container['name']}: {detail}. Remedy: {remedy}"


def is_finished(pod: Json) -> bool:
    """Return whether a pod has finished: its containers have stopped and will not restart, as after an eviction."""
    return (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def is_active(pod: Json) -> bool:
    """Return whether a pod is neither finished nor being deleted.

    Kubernetes counts the pods of a workload the same way (IsPodActive in pkg/controller/controller_utils.go).
    """
    return not is_finished(pod) and not pod["metadata"].get("deletionTimestamp")


def is_ready(pod: Json) -> bool:
    """Return whether a pod is active and Ready."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    ready = any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
    return ready and is_active(pod)
