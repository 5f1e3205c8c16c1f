"""Leader election on a coordination.k8s.io Lease, by the rules of client-go's leaderelection.

A holder that cannot renew in time stops before another candidate may start: `renew` is shorter than `duration`. The
holder counts from before it sent the request, a candidate from when it saw the result. Both use only their own
monotonic clocks, so wrong wall clocks do not matter.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from switchboard_operator.kube.client import ApiError, Kube, KubeError
from switchboard_operator.kube.resources import LEASE, Json

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timing:
    """Timing in seconds; client-go's defaults."""

    duration: float = 15.0
    """How long candidates respect a Lease that is not renewed."""
    renew: float = 10.0
    """How long the holder may act after it sent its last successful renewal."""
    retry: float = 2.0
    """Interval between attempts to acquire or renew."""


def _clock() -> float:
    """Return the seconds of the monotonic clock that the event loop's timers use."""
    return asyncio.get_running_loop().time()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Elector:
    """One candidate for a Lease: call `acquire`, then `hold`, then optionally `release`."""

    def __init__(self, kube: Kube, namespace: str, name: str, identity: str, timing: Timing | None = None) -> None:
        self._kube, self._namespace, self._name, self._identity = kube, namespace, name, identity
        self._timing = timing or Timing()
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = 0.0
        self._held: Json | None = None
        self._renewed = 0.0
        """When the last successful renewal was sent."""

    @property
    def transitions(self) -> int:
        """Number of times that the Lease has changed its holder."""
        return int(self._held["spec"].get("leaseTransitions") or 0) if self._held else 0

    @property
    def fence(self) -> int:
        """Fencing token: grows with each leader, even if the Lease was deleted and created again."""
        if self._held is None:
            return 0
        created = datetime.fromisoformat(self._held["metadata"]["creationTimestamp"])
        return int(created.timestamp()) * 1_000_000 + self.transitions

    async def acquire(self) -> None:
        """Wait until this candidate holds the Lease."""
        while True:
            try:
                async with asyncio.timeout(self._patience):
                    if await self._attempt():
                        return
            except (KubeError, TimeoutError) as error:
                logger.warning("lease_attempt_failed", lease=self._name, error=str(error) or repr(error))
            await asyncio.sleep(self._timing.retry * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, no secret)

    async def hold(self) -> str:
        """Renew until the Lease is lost, and return why. The caller must then stop acting at once."""
        while True:
            await asyncio.sleep(min(self._timing.retry, max(0.0, self._left)))
            if (left := self._left) <= 0:
                self._held = None
                return "the Lease could not be renewed in time"
            try:
                async with asyncio.timeout(min(self._patience, left)):
                    if not await self._attempt():
                        return "another replica took the Lease"
            except (KubeError, TimeoutError) as error:
                logger.warning("lease_renewal_failed", lease=self._name, error=str(error) or repr(error))

    async def release(self) -> None:
        """Release the Lease, so that another replica need not wait for it to expire."""
        if self._held is None:
            return
        lease, self._held = self._held, None
        try:
            async with asyncio.timeout(self._patience):
                try:
                    await self._free(lease)
                except ApiError as error:
                    if error.status != 409:
                        raise
                    # A cancelled renewal may have been written nevertheless.
                    live = await self._kube.get(LEASE, self._namespace, self._name)
                    if live is not None and live["spec"].get("holderIdentity") == self._identity:
                        await self._free(live)
        except (KubeError, TimeoutError) as error:
            logger.warning("lease_release_failed", lease=self._name, error=str(error) or repr(error))

    async def _free(self, lease: Json) -> None:
        lease["spec"] |= {"holderIdentity": None, "leaseDurationSeconds": 1, "renewTime": _now()}
        await self._put(lease)

    async def _attempt(self) -> bool:
        """Acquire or renew the Lease once; return False if another candidate holds it."""
        sent = _clock()
        if self._held is None:
            lease = await self._kube.get(LEASE, self._namespace, self._name)
            if lease is None:
                self._held, self._renewed = await self._create(), sent
                return True
            if not self._claim(lease):
                return False
        else:
            lease = self._held
        lease["spec"] |= {"renewTime": _now(), "leaseDurationSeconds": int(self._timing.duration)}
        try:
            self._held, self._renewed = await self._put(lease), sent
        except ApiError as error:
            if error.status in {404, 409}:
                self._held = None
            raise
        return True

    def _claim(self, lease: Json) -> bool:
        """Set this candidate as the holder if the Lease is free or has expired; return whether it was."""
        spec = lease.setdefault("spec", {})
        holder = spec.get("holderIdentity") or ""
        seen = (holder, lease["metadata"]["resourceVersion"])
        if seen != self._seen:
            self._seen, self._seen_at = seen, _clock()
        if holder == self._identity:
            return True
        expires_after = spec.get("leaseDurationSeconds") or self._timing.duration
        if holder and _clock() - self._seen_at < expires_after:
            return False
        spec |= {
            "holderIdentity": self._identity,
            "acquireTime": _now(),
            "leaseTransitions": (spec.get("leaseTransitions") or 0) + 1,
        }
        return True

    async def _create(self) -> Json:
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(self._timing.duration),
            "acquireTime": _now(),
            "renewTime": _now(),
            "leaseTransitions": 0,
        }
        metadata = {"name": self._name, "namespace": self._namespace}
        lease = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": spec}
        return await self._kube.request("POST", LEASE.path(self._namespace), None, lease)

    async def _put(self, lease: Json) -> Json:
        path = LEASE.path(self._namespace, self._name)
        return await self._kube.request("PUT", path, None, lease)

    @property
    def _left(self) -> float:
        """Seconds that the holder may still act."""
        return self._renewed + self._timing.renew - _clock()

    @property
    def _patience(self) -> float:
        """Timeout of one attempt in seconds: a hung attempt must leave time for another one."""
        return max(1.0, self._timing.renew / 2)
