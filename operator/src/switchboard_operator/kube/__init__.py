"""The only importer of `kubernetes`: requests, informers, the Lease and events, in plain JSON.

Generated API classes cost 30 MiB and a copy per object; the reconcilers build and read plain dictionaries.
"""

from switchboard_operator.kube.client import ApiError, Credentials, Kube, KubeError, UnavailableError, current_namespace

__all__ = ["ApiError", "Credentials", "Kube", "KubeError", "UnavailableError", "current_namespace"]
