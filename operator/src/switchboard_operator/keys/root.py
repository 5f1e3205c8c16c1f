"""The Secret with the operator's root key, created once and read by every leader."""

import base64
import secrets
from typing import Final

from switchboard_crds import names
from switchboard_operator.keys.derived import KEY_BYTES, Keys
from switchboard_operator.kube.client import ApiError, Kube, KubeError
from switchboard_operator.kube.resources import SECRET, Json

_ENTRY: Final = "root"


async def load_keys(kube: Kube, namespace: str, name: str) -> Keys:
    """Return the keys; create the Secret if it does not exist. Raises KubeError if its key is invalid."""
    found = await kube.get(SECRET, namespace, name) or await _create(kube, namespace, name)
    try:
        root = base64.b64decode(found["data"][_ENTRY], validate=True)
    except (KeyError, TypeError, ValueError):
        root = b""
    if len(root) != KEY_BYTES:
        raise KubeError(
            f"Secret {namespace}/{name} must hold a key of {KEY_BYTES} bytes in {_ENTRY!r}."
            " Remedy: restore it, or delete it to create a new one, which changes all passwords"
        )
    return Keys(root)


async def _create(kube: Kube, namespace: str, name: str) -> Json:
    """Create and return the Secret; if another replica created it first, return that one."""
    wanted = {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {"name": name, "namespace": namespace, "labels": {"app.kubernetes.io/part-of": names.MANAGED_BY}},
        "immutable": True,
        "data": {_ENTRY: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()},
    }
    try:
        return await kube.request("POST", SECRET.path(namespace), None, wanted)
    except ApiError as error:
        if error.status == 409 and (found := await kube.get(SECRET, namespace, name)) is not None:
            return found
        raise
