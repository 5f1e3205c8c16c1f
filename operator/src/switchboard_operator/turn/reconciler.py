"""Reconciles a fleet: the side effects around the pure modules of this package."""

from typing import Final

from pydantic import ValidationError

from switchboard_crds import names
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_crds.turn_fleet import FleetCondition, TurnFleet
from switchboard_operator import images
from switchboard_operator.context import Context
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    POD,
    SECRET,
    SERVICE_ACCOUNT,
    Json,
)
from switchboard_operator.owned.apply import Children
from switchboard_operator.turn import objects, status

RETRY_SECONDS: Final = 10.0
"""Interval while the fleet waits for objects that the operator does not watch."""
OWNED: Final = (SERVICE_ACCOUNT, SECRET, CONFIG_MAP, DISRUPTION_BUDGET, DEPLOYMENT)


class FleetReconciler:
    """Reconciles TurnFleets."""

    def __init__(self, context: Context, default_image: str) -> None:
        self._context = context
        self._children = Children(context.kube, context.store)
        self._default_image = default_image

    async def reconcile(self, namespace: str, name: str) -> float | None:
        """Observe the fleet, apply objects that differ, and write its status if it changed.

        Return the seconds after which to reconcile again, or None to wait for a watch. Raises KubeError.
        """
        live = await self._context.kube.get(api_of_kind(names.TURN_FLEET), namespace, name)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return None  # the garbage collector deletes the fleet's objects
        fleet = await self._context.writer.read(names.TURN_FLEET, TurnFleet, live)
        if fleet is None:
            return None
        image = images.choose(fleet.spec.image, fleet.status, self._default_image)
        applied = await self._children.attempt(self._apply(fleet, image.used), FleetCondition.OBJECTS_APPLIED)
        pods = self._context.store.made_for(objects.owner_of(fleet).key, POD)
        servers = status.servers(pods)
        facts = [applied.fact, status.servers_healthy(fleet, servers, pods)]
        fields = status.fields(fleet, image, servers)
        await self._context.writer.write(names.TURN_FLEET, live, fleet, fields, facts)
        return None if applied.fact.holds else RETRY_SECONDS

    async def _apply(self, fleet: TurnFleet, image: str) -> None:
        owner = objects.owner_of(fleet)
        pools = await self._pools(fleet)
        wanted = [*objects.common(fleet, self._context.keys, pools), *objects.deployments(fleet, image)]
        await self._children.ensure(owner, wanted)
        await self._children.prune(owner, OWNED, wanted)
        await self._children.refresh_mounts(owner, objects.secrets_name(fleet))

    async def _pools(self, fleet: TurnFleet) -> list[str]:
        """Return the uids of the pools that refer to the fleet, listed so that a lost event removes no secret."""
        found, _ = await self._context.kube.list(api_of_kind(names.SIGNALING_POOL), fleet.metadata.namespace)
        return sorted(pool["metadata"]["uid"] for pool in found if _refers(pool, fleet.metadata.name))


def _refers(pool: Json, fleet: str) -> bool:
    """Return whether a pool refers to a fleet. One that cannot be read may, so it keeps its secret."""
    try:
        references = SignalingPool.model_validate(pool).spec.turn_refs
    except ValidationError:
        return True  # reported in the status of the pool
    return any(reference.name == fleet for reference in references)
