"""A thin JSON client on top of `kubernetes.aio`: requests, paginated lists, watches, server-side apply."""

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio import client, config

from switchboard_operator.kube.resources import Api, Json

APPLY_PATCH: Final = "application/apply-patch+yaml"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON: Final = "application/json"

REQUEST_TIMEOUT: Final = 10.0
"""Seconds per request. The API server answers in milliseconds; a hung connection must not block a worker."""
CONNECT_TIMEOUT: Final = 3.0
IDLE_TIMEOUT: Final = 130.0
"""Seconds without data on a watch. The API server sends a bookmark every 60 to 75 s, so silence means a dead link."""
CHUNK: Final = 500
"""Maximum number of objects per page of a list, which bounds memory."""


Count = Callable[[str, str], None]
"""Callback that counts a request by method and status code (`none` without an answer)."""


def _ignore(_method: str, _code: str) -> None:
    """Count nothing."""


class KubeError(Exception):
    """A request to the Kubernetes API failed. Retry later unless a subclass says otherwise."""


class UnavailableError(KubeError):
    """The API server is unreachable or did not answer in time, or something else answered in its place."""


class ApiError(KubeError):
    """The API server rejected a request."""

    def __init__(self, status: int, body: bytes) -> None:
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError:
            answer = {}
        answer = answer if isinstance(answer, dict) else {}
        self.status = status
        self.reason = str(answer.get("reason", ""))
        self.message = str(answer.get("message") or body[:200].decode(errors="replace"))
        super().__init__(f"{status} {self.reason}: {self.message}")


@dataclass(frozen=True)
class KubeCredentials:
    """Address and credentials of the API server, for other clients."""

    server: str
    ca_path: str | None
    certificate_path: str | None
    private_key_path: str | None
    token: str | None
    insecure: bool


def _decode(data: bytes, what: str) -> Json:
    """Return the JSON object in an answer. Raises UnavailableError for anything else, which no API server sends."""
    try:
        answer = orjson.loads(data)
    except orjson.JSONDecodeError:
        answer = None
    if not isinstance(answer, dict):
        text = data[:200].decode(errors="replace")
        raise UnavailableError(
            f"{what}: expected a JSON object, got {text!r}. Remedy: look for a proxy that answers instead"
        )
    return answer


class Kube:
    """Client of one API server for one field manager. Close it after use."""

    def __init__(self, configuration: client.Configuration, field_manager: str, count: Count = _ignore) -> None:
        # The default trust_env reads netrc and proxy settings for every request (0.6 ms of CPU each).
        configuration.client_session_kwargs = {"trust_env": False, "cookie_jar": aiohttp.DummyCookieJar()}
        # No limit: watches occupy connections and would starve requests. The workers bound the number of requests.
        configuration.connection_pool_maxsize = 0
        self._configuration = configuration
        self._client = client.ApiClient(configuration)
        self._client.user_agent = self._field_manager = field_manager
        self._count = count

    @classmethod
    async def load(cls, field_manager: str, count: Count = _ignore) -> Self:
        """Return a client for the cluster that this pod runs in, else for the current kubeconfig context.

        Raises KubeError if there is neither.
        """
        configuration = client.Configuration()
        try:
            if "KUBERNETES_SERVICE_HOST" in os.environ:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except config.ConfigException as error:
            raise KubeError(f"no cluster configured: {error}. Remedy: set KUBECONFIG, or run in a cluster") from error
        return cls(configuration, field_manager, count)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()  # type: ignore[no-untyped-call]

    async def credentials(self) -> KubeCredentials:
        """Return the current credentials; a token is read again each time, because the cluster rotates it."""
        headers: dict[str, str] = {}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], "/", "GET", None)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        return KubeCredentials(
            server=self._configuration.host,
            ca_path=self._configuration.ssl_ca_cert,
            certificate_path=self._configuration.cert_file,
            private_key_path=self._configuration.key_file,
            token=token if scheme.lower() == "bearer" else None,
            insecure=not self._configuration.verify_ssl,
        )

    async def get(self, api: Api, namespace: str, name: str) -> Json | None:
        """Return an object, or None if it does not exist."""
        try:
            return await self.request("GET", api.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def apply(self, api: Api, obj: Json, subresource: str | None = None) -> Json:
        """Apply the object's fields (server-side apply), which the field manager then owns; return the result."""
        metadata = obj["metadata"]
        path = api.path(metadata.get("namespace"), metadata["name"], subresource)
        query = {"fieldManager": self._field_manager, "force": "true"}
        return await self.request("PATCH", path, query, obj, APPLY_PATCH)

    async def patch(self, api: Api, namespace: str, name: str, patch: Json) -> Json:
        """Merge a patch into an object (RFC 7396)."""
        query = {"fieldManager": self._field_manager}
        return await self.request("PATCH", api.path(namespace, name), query, patch, MERGE_PATCH)

    async def delete(self, api: Api, namespace: str, name: str, uid: str) -> None:
        """Delete the object with this uid; do nothing if it is gone or another object has its name."""
        options = {"preconditions": {"uid": uid}, "propagationPolicy": "Background"}
        try:
            await self.request("DELETE", api.path(namespace, name), None, options)
        except ApiError as error:
            if error.status not in {404, 409}:
                raise

    async def list(self, api: Api, namespace: str | None, selector: str = "") -> tuple[list[Json], str]:
        """Return the matching objects of a namespace (None: all), and the resource version to watch from."""
        items: list[Json] = []
        query: dict[str, Any] = {"labelSelector": selector, "limit": CHUNK}
        while True:
            page = await self.request("GET", api.path(namespace), query)
            items.extend(page.get("items") or [])
            if not (rest := page["metadata"].get("continue")):
                return items, page["metadata"]["resourceVersion"]
            query["continue"] = rest

    async def watch(self, api: Api, namespace: str | None, selector: str, version: str) -> AsyncIterator[Json]:
        """Yield watch events after a resource version until the server ends the watch. Raises KubeError."""
        query = {"labelSelector": selector, "resourceVersion": version, "watch": "1", "allowWatchBookmarks": "true"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=IDLE_TIMEOUT)
        try:
            response = await self._send("GET", api.path(namespace), query, None, None, timeout)
            stream = response.response
            try:
                if response.status >= 300:
                    raise ApiError(response.status, await response.read())
                rest = b""
                async for data in stream.content.iter_any():
                    *lines, rest = (rest + data).split(b"\n")
                    for line in filter(None, lines):
                        yield _decode(line, f"watch of {api.plural}")
            finally:
                stream.close()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"watch of {api.plural}: {error!r}") from error

    async def request(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        body: Json | None = None,
        content_type: str = JSON,
    ) -> Json:
        """Send a request and return the answer. Raises ApiError or UnavailableError."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=CONNECT_TIMEOUT)
        try:
            response = await self._send(method, path, query, body, content_type if body is not None else None, timeout)
            data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self._count(method, "none")
            raise UnavailableError(f"{method} {path}: {error!r}") from error
        self._count(method, str(response.status))
        if response.status >= 300:
            raise ApiError(response.status, data)
        return _decode(data, f"{method} {path}")

    async def _send(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None,
        body: Json | None,
        content_type: str | None,
        limits: aiohttp.ClientTimeout,
    ) -> Any:
        headers = {"Accept": JSON, "User-Agent": self._client.user_agent}
        if content_type:
            headers["Content-Type"] = content_type
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = self._configuration.host + path + (f"?{urlencode(query)}" if query else "")
        return await self._client.call_api(method, url, headers, body, _request_timeout=limits)


def current_namespace() -> str:
    """Return the namespace of the current kubeconfig context, or `default`, like kubectl."""
    try:
        _, active = config.list_kube_config_contexts()  # type: ignore[no-untyped-call]
    except config.ConfigException:
        return "default"
    return str(active["context"].get("namespace") or "default")
