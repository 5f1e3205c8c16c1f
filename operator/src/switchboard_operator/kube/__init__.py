"""Kubernetes client: requests, informers, leader election and events. The only importer of `kubernetes`.

It is independent of Switchboard. Objects are plain dictionaries: the generated API classes cost 30 MiB and one copy per
object.
"""

from switchboard_operator.kube.client import (
    ApiError,
    Kube,
    KubeCredentials,
    KubeError,
    UnavailableError,
    current_namespace,
)

__all__ = ["ApiError", "Kube", "KubeCredentials", "KubeError", "UnavailableError", "current_namespace"]
