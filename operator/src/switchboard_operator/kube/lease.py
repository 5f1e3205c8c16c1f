"""Leader election on a coordination.k8s.io Lease, after the rules of client-go's leaderelection.

A holder that cannot renew in time stops before another may start: `renew` is shorter than `duration`, and
both sides count on their own monotonic clocks only, so wrong wall clocks do no harm.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from switchboard_operator.api import LEASE, Json
from switchboard_operator.kube.client import ApiError, Kube, KubeError

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Timing:
    """Seconds; client-go's defaults."""

    duration: float = 15.0
    """How long candidates leave a Lease alone that is not renewed."""
    renew: float = 10.0
    """How long the holder acts without a successful renewal."""
    retry: float = 2.0
    """Between attempts to take or to renew."""


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Elector:
    """One candidate for a Lease: `acquire`, then `hold` until it returns, then perhaps `release`."""

    def __init__(self, kube: Kube, namespace: str, name: str, identity: str, timing: Timing | None = None) -> None:
        self._kube, self._namespace, self._name, self._identity = kube, namespace, name, identity
        self._timing = timing or Timing()
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = 0.0
        self._held: Json | None = None

    @property
    def transitions(self) -> int:
        """How often the Lease has changed hands."""
        return int(self._held["spec"].get("leaseTransitions") or 0) if self._held else 0

    @property
    def fence(self) -> int:
        """A number that grows with each leader, also over a Lease that was deleted and made anew."""
        if self._held is None:
            return 0
        created = datetime.fromisoformat(self._held["metadata"]["creationTimestamp"])
        return int(created.timestamp()) * 1_000_000 + self.transitions

    async def acquire(self) -> None:
        """Wait until the Lease is ours."""
        while True:
            try:
                if await self._attempt():
                    return
            except KubeError as error:
                logger.warning("lease_attempt_failed", lease=self._name, error=str(error))
            await asyncio.sleep(self._timing.retry * random.uniform(0.8, 1.2))  # noqa: S311 (spreads load, no secret)

    async def hold(self) -> str:
        """Renew until the Lease is lost and return why. The caller must stop acting at once."""
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(self._timing.retry)
            left = renewed + self._timing.renew - time.monotonic()
            try:
                async with asyncio.timeout(max(0.05, left)):
                    if not await self._attempt():
                        return "another replica took the Lease"
                renewed = time.monotonic()
            except (KubeError, TimeoutError) as error:
                logger.warning("lease_renewal_failed", lease=self._name, error=str(error) or repr(error))
                if time.monotonic() - renewed >= self._timing.renew - 0.05:
                    self._held = None
                    return "the Lease could not be renewed in time"

    async def release(self) -> None:
        """Give the Lease back, so that another replica need not wait for it to lapse."""
        if self._held is None:
            return
        lease, self._held = self._held, None
        lease["spec"] |= {"holderIdentity": None, "leaseDurationSeconds": 1, "renewTime": _now()}
        try:
            await self._put(lease)
        except KubeError as error:
            logger.warning("lease_release_failed", lease=self._name, error=str(error))

    async def _attempt(self) -> bool:
        if self._held is None:
            lease = await self._kube.get(LEASE, self._namespace, self._name)
            if lease is None:
                self._held = await self._create()
                return True
            if not self._claim(lease):
                return False
        else:
            lease = self._held
        lease["spec"] |= {"renewTime": _now(), "leaseDurationSeconds": int(self._timing.duration)}
        try:
            self._held = await self._put(lease)
        except ApiError as error:
            if error.status in {404, 409}:
                self._held = None
            raise
        return True

    def _claim(self, lease: Json) -> bool:
        """Enter our name if the Lease is free or has lapsed; return whether we did."""
        spec = lease.setdefault("spec", {})
        holder = spec.get("holderIdentity") or ""
        seen = (holder, lease["metadata"]["resourceVersion"])
        if seen != self._seen:
            self._seen, self._seen_at = seen, time.monotonic()
        if holder == self._identity:
            return True
        lapses_after = spec.get("leaseDurationSeconds") or self._timing.duration
        if holder and time.monotonic() - self._seen_at < lapses_after:
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
        return await self._kube.request("POST", LEASE.path(self._namespace), None, lease, seconds=self._patience)

    async def _put(self, lease: Json) -> Json:
        path = LEASE.path(self._namespace, self._name)
        return await self._kube.request("PUT", path, None, lease, seconds=self._patience)

    @property
    def _patience(self) -> float:
        """Seconds for one request: one that hangs must leave time for another before the renewal is due."""
        return max(1.0, self._timing.renew / 2)
