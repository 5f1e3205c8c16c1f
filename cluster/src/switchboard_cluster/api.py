"""A small client of the API server, for starting a cluster and reading its state."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from switchboard_cluster.errors import ClusterError

Object = dict[str, Any]
FIELD_MANAGER = "switchboard-cluster"


class UnreachableError(ClusterError):
    """The API server did not answer."""


class ApiServer:
    """Client of one API server, with one connection per request; bodies are JSON."""

    def __init__(self, kubeconfig: Path, timeout: float = 5.0) -> None:
        if not kubeconfig.exists():
            raise ClusterError("no-cluster", "no cluster is running for this checkout", "switchboard-cluster up")
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server: str = cluster["server"]
        self._timeout = timeout
        self._tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as pair:  # the ssl module reads certificates from files only
            pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
            pair.flush()
            self._tls.load_cert_chain(pair.name)

    def request(self, method: str, path: str, body: Object | None = None, kind: str = "application/json") -> Any:
        """Return the JSON of the answer, or its text if it is not JSON.

        Raises `UnreachableError`, or `ClusterError("api-refused")` for status 400 and above.
        """
        url = urlsplit(self.server)
        connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=self._timeout, context=self._tls)
        try:
            headers = {"Content-Type": kind} if body is not None else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                "api-unreachable", f"the API server does not answer: {error}", "switchboard-cluster logs kube-apiserver"
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise ClusterError("api-refused", f"{method} {path}: {answer.status} {text[:500]}", "see the message above")
        return json.loads(text) if text.startswith(("{", "[")) else text

    def ready(self) -> bool:
        """Return whether the API server is ready."""
        try:
            return bool(self.request("GET", "/readyz") == "ok")
        except ClusterError:
            return False

    def list(self, path: str) -> Sequence[Object]:
        """Return the items of a list."""
        items: Sequence[Object] = self.request("GET", path)["items"]
        return items

    def apply(self, path: str, obj: Object) -> Object:
        """Apply an object (server-side apply) in the collection at `path`."""
        answer: Object = self.request(
            "PATCH",
            f"{path}/{obj['metadata']['name']}?fieldManager={FIELD_MANAGER}&force=true",
            obj,
            "application/apply-patch+yaml",
        )
        return answer


def condition(obj: Object, name: str) -> str:
    """Return the status of a condition; `Unknown` if the object does not have it."""
    found = (one["status"] for one in obj.get("status", {}).get("conditions", []) if one["type"] == name)
    return next(found, "Unknown")
