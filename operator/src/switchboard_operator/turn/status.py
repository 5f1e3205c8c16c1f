"""Facts and fields of a fleet's status, from its pods. Pure."""

from collections.abc import Sequence
from typing import Any

from switchboard_crds import names
from switchboard_crds.turn_fleet import FleetCondition, TurnFleet, TurnServer
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.status.conditions import Fact
from switchboard_operator.status.diagnosis import diagnose, is_active, is_ready
from switchboard_operator.status.wording import count, portion


def servers(pods: Sequence[Json]) -> list[TurnServer]:
    """Return the running servers by name, without pods that are terminating or were evicted."""
    found = []
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        metadata = pod["metadata"]
        if address and is_active(pod):
            region = metadata["labels"].get(names.LABEL_REGION, "")
            found.append(TurnServer(name=metadata["name"], region=region, address=address, healthy=is_ready(pod)))
    return sorted(found, key=lambda server: server.name)


def desired(fleet: TurnFleet) -> int:
    """Return the number of servers in the spec."""
    return sum(region.replicas for region in fleet.spec.regions)


def fields(fleet: TurnFleet, image: Images, found: Sequence[TurnServer]) -> dict[str, Any]:
    """Return the fleet's own status fields."""
    return {
        **image.fields(),
        "servers": [server.model_dump(by_alias=True) for server in found],
        "healthyServers": sum(server.healthy for server in found),
        "desiredServers": desired(fleet),
    }


def servers_healthy(fleet: TurnFleet, found: Sequence[TurnServer], pods: Sequence[Json]) -> Fact:
    """Return the condition ServersHealthy; if it is false, it names a region that lacks servers, and the cause."""
    kind = FleetCondition.SERVERS_HEALTHY
    for region in fleet.spec.regions:
        healthy = sum(server.healthy for server in found if server.region == region.name)
        if healthy >= region.replicas:
            continue
        summary = f"Region {region.name}: {portion(healthy, region.replicas, 'server')} healthy."
        here = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_REGION) == region.name]
        if (problem := diagnose(here)) is not None:
            reason, message = problem
            return Fact(kind, False, reason, f"{summary} {message}")
        return Fact(kind, False, "Starting", summary, in_progress=True)
    return Fact(kind, True, "Healthy", f"{count(desired(fleet), 'server is', 'servers are')} healthy.")
