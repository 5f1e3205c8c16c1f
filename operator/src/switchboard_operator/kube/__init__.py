"""The only importer of `kubernetes`: requests, informers, the Lease and events, in plain JSON.

A client library that knows Kubernetes, and nothing of Switchboard. Generated API classes cost 30 MiB and a copy per
object; callers build and read plain dictionaries.
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
