"""Requests to an API server from the test's own process.

A `kubectl` uses a tenth of a second of CPU time before its first request, and tests that wait for a state poll several
times per second.
"""

import http.client
import json
import ssl
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

Object = dict[str, Any]
TIMEOUT = 30.0
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


class ApiError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        with suppress(ValueError, LookupError, TypeError):  # not a Status
            text = json.loads(text)["message"]
        super().__init__(f"{status}: {text}")
        self.status = status


@dataclass(frozen=True)
class ApiKind:
    """The path of a kind's objects."""

    prefix: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        middle = f"/namespaces/{namespace}" if self.namespaced else ""
        return "/".join(filter(None, [f"{self.prefix}{middle}/{self.plural}", quote(name), subresource]))


class Rest:
    """The API server of a kubeconfig, with one connection per thread."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._host = urlsplit(cluster["server"]).netloc
        self._headers = {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}
        self._tls = _tls(cluster, user)
        self._mine = threading.local()
        self._open: list[http.client.HTTPSConnection] = []
        self._kinds: dict[str, ApiKind] = {}

    def request(self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str) -> Any:
        """Return the answer's JSON. Raises ApiError, or OSError if no server answers."""
        return json.loads(self._answer(method, path, body, kind, headers))

    def ready(self) -> bool:
        """Return whether the API server answers and is ready."""
        try:
            return self._answer("GET", "/readyz", None, "", {}) == "ok"
        except (ApiError, OSError, http.client.HTTPException):
            return False

    def _answer(self, method: str, path: str, body: Any, kind: str, headers: dict[str, str]) -> str:
        data = None if body is None else json.dumps(body)
        headers = headers | self._headers | ({} if data is None else {"Content-Type": kind})
        for fresh in (False, True):  # the server may have closed the kept connection
            connection = self._connection(fresh=fresh)
            try:
                connection.request(method, path, data, headers)
                answer = connection.getresponse()
                text = answer.read().decode()
                break
            except (http.client.HTTPException, OSError):
                connection.close()
                if fresh or method not in {"GET", "PATCH"}:
                    raise
        if answer.status >= 400:
            raise ApiError(answer.status, text)
        return text

    def kind(self, name: str) -> ApiKind:
        """Return a kind by its plural, singular or short name, with its group if it is ambiguous."""
        name = name.lower()
        if name not in self._kinds:
            self._kinds = dict(self._discovered())
        return self._kinds[name]

    def get(self, *argv: str, namespace: str = "default") -> Any:
        """Return the result of `kubectl get ... -o json`: an object or a list. Raises ApiError."""
        namespace, selector, words = _parsed(argv, namespace)
        if "/" in words[0]:
            words[:1] = words[0].split("/")
        query = f"?{urlencode({'labelSelector': selector})}" if selector else ""
        if len(words) > 1:
            return self.request("GET", self.kind(words[0]).path(namespace, words[1]))
        items = []
        for one in words[0].split(","):
            found = self.request("GET", self.kind(one).path(namespace) + query)
            head = {"apiVersion": found["apiVersion"], "kind": found["kind"].removesuffix("List")}
            items += [head | item for item in found["items"]]
        return {"kind": "List", "items": items}

    def create(self, obj: Object, namespace: str = "default") -> Any:
        """Create an object, and return it. Raises ApiError."""
        return self.request("POST", self.kind(obj["kind"]).path(namespace), obj)

    def apply(self, obj: Object, namespace: str = "default") -> Any:
        """Apply an object like `kubectl apply --server-side`, and return it. Raises ApiError."""
        name = obj["metadata"]["name"]
        path = f"{self.kind(obj['kind']).path(namespace, name)}?fieldManager=kubectl&fieldValidation=Strict"
        return self.request("PATCH", path, obj, "application/apply-patch+yaml")

    def patch(self, kind: str, name: str, patch: Object, namespace: str = "default", subresource: str = "") -> Any:
        """Merge a patch into an object or its subresource, and return that. Raises ApiError."""
        path = self.kind(kind).path(namespace, name, subresource)
        return self.request("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, kind: str, name: str = "", namespace: str = "default") -> None:
        """Delete an object, or without a name all of a kind in the namespace, with their dependents in the background.

        Raises ApiError.
        """
        self.request("DELETE", self.kind(kind).path(namespace, name), {"propagationPolicy": "Background"})

    def close(self) -> None:
        """Close the connections of all threads; the next request opens them again."""
        for connection in self._open:
            connection.close()

    def _connection(self, *, fresh: bool) -> http.client.HTTPSConnection:
        known: http.client.HTTPSConnection | None = getattr(self._mine, "connection", None)
        if known is None or fresh:
            known = self._mine.connection = http.client.HTTPSConnection(self._host, timeout=TIMEOUT, context=self._tls)
            self._open.append(known)
        return known

    def _discovered(self) -> Iterator[tuple[str, ApiKind]]:
        for root in ("/apis", "/api"):  # the core last, since its names take precedence
            for group in reversed(self.request("GET", root, Accept=DISCOVERY)["items"]):
                name = group.get("metadata", {}).get("name", "")
                version = group["versions"][0]
                prefix = f"{root}/{name}/{version['version']}" if name else f"{root}/{version['version']}"
                for item in version.get("resources", []):
                    found = ApiKind(prefix, item["resource"], item["scope"] == "Namespaced")
                    words = {item["resource"], item["singularResource"], *item.get("shortNames", [])}
                    for word in words - {""}:
                        yield word, found
                        if name:
                            yield f"{word}.{name}", found


def rest_of(kubeconfig: Path) -> Rest:
    """Return the client of a kubeconfig; a new cluster writes a new kubeconfig, and gets a new client."""
    return _rest_of(kubeconfig, kubeconfig.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _rest_of(kubeconfig: Path, _written: int) -> Rest:
    return Rest(kubeconfig)


def _parsed(argv: tuple[str, ...], namespace: str) -> tuple[str, str, list[str]]:
    """Return the namespace, the label selector and the other words of a `kubectl get`."""
    words, selector, rest = [], "", iter(argv)
    for word in rest:
        if word in {"-n", "--namespace"}:
            namespace = next(rest)
        elif word in {"-l", "--selector"}:
            selector = next(rest)
        elif word.startswith("--selector="):
            selector = word.partition("=")[2]
        else:
            assert not word.startswith("-"), f"{word} is not supported here"
            words.append(word)
    return namespace, selector, words


def _tls(cluster: Object, user: Object) -> ssl.SSLContext:
    if cluster.get("insecure-skip-tls-verify"):
        return ssl._create_unverified_context()
    context = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    if "client-certificate-data" in user:
        with NamedTemporaryFile() as pair:  # the ssl module reads certificates from files only
            pair.write(b64decode(user["client-certificate-data"]) + b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    return context
