"""Client of the signaling pods' internal port: reads samples and sends commands.

TLS authenticates the pod. A command needs the pool's token and the leader's fencing token, so that a former leader
that was paused changes nothing.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, Self

import aiohttp
import orjson

from switchboard_crds import names
from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube.resources import Json
from switchboard_operator.pools.samples import Sample

TIMEOUT: Final = 2.0
"""Seconds for a pod to answer; it answers in milliseconds unless it is stuck or unreachable."""
PARALLEL: Final = 64
"""Concurrent requests."""


class PodError(Exception):
    """A pod did not answer, or rejected a command."""


@dataclass(frozen=True)
class Access:
    """Credentials for the internal port of a pool's pods."""

    token: str = field(repr=False)
    """Bearer token for commands."""
    certificate: str
    """Server certificate of the pods, PEM."""

    @classmethod
    def to(cls, pool_uid: str, keys: Keys) -> "Access":
        """Return the credentials for a pool."""
        return cls(keys.internal_token(pool_uid), keys.internal_certificate(pool_uid).certificate)


@dataclass(frozen=True)
class PodEndpoint:
    """Address of a pod's internal port, with credentials."""

    pod: str
    host: str
    access: Access

    @property
    def url(self) -> str:
        """URL of the internal port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{names.INTERNAL_PORT}"


def endpoint_of(pod: Json, access: Access) -> PodEndpoint | None:
    """Return the endpoint of a pod; None while it has no address."""
    host = (pod.get("status") or {}).get("podIP")
    return PodEndpoint(pod["metadata"]["name"], host, access) if host else None


@lru_cache(maxsize=4096)
def _trust(certificate: str) -> ssl.SSLContext:
    """Return the context that trusts only this certificate; cached, because connections are pooled by context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=certificate)
    return context


class PodClient:
    """Sends requests to pods; `fence` is the leader's fencing token. Use it as an async context manager."""

    def __init__(self, fence: int) -> None:
        self._fence = fence
        self._slots = asyncio.Semaphore(PARALLEL)

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._http.close()

    async def sample(self, endpoint: PodEndpoint) -> Sample:
        """Return a pod's sample. Raises PodError."""
        return await self._request("GET", endpoint, names.INTERNAL_SAMPLE)

    async def cordon(self, endpoint: PodEndpoint, cordoned: bool) -> Sample:
        """Make a pod refuse new sessions, or accept them again; return its sample. Raises PodError."""
        return await self._request("POST", endpoint, names.INTERNAL_CORDON if cordoned else names.INTERNAL_UNCORDON, {})

    async def goaway(self, endpoint: PodEndpoint, count: int, within_ms: int) -> Sample:
        """Make a pod ask `count` sessions to move within this time; return its sample. Raises PodError."""
        return await self._request("POST", endpoint, names.INTERNAL_GOAWAY, {"count": count, "withinMs": within_ms})

    async def _request(
        self, method: str, endpoint: PodEndpoint, path: str, body: dict[str, Any] | None = None
    ) -> Sample:
        headers = {}
        if body is not None:
            headers = {"Authorization": f"Bearer {endpoint.access.token}", names.HEADER_FENCE: str(self._fence)}
        try:
            async with (
                self._slots,  # before the request, whose timeout must not include the wait for a slot
                self._http.request(
                    method,
                    endpoint.url + path,
                    headers=headers,
                    data=orjson.dumps(body) if body is not None else None,
                    ssl=_trust(endpoint.access.certificate),
                    server_hostname=names.INTERNAL_TLS_NAME,
                ) as response,
            ):
                data = await response.read()
                if response.status != 200:
                    text = data[:200].decode(errors="replace").strip()
                    raise PodError(f"Pod {endpoint.pod}: {path} answered {response.status}: {text}")
                return Sample.read(orjson.loads(data), time.monotonic())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise PodError(f"Pod {endpoint.pod} at {endpoint.url}{path}: {error!r}") from error
