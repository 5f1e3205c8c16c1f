"""From what was observed to the facts and fields of a fleet's status. Pure."""

from collections.abc import Sequence
from typing import Any

from switchboard_crds import names
from switchboard_crds.turn_fleet import FleetCondition, TurnFleet, TurnServer
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.status.conditions import Fact
from switchboard_operator.status.diagnosis import is_active, is_ready, trouble


def servers(pods: Sequence[Json]) -> list[TurnServer]:
    """Return the servers that run, by name; no new clients should be sent to one that terminates or was evicted."""
    found = []
    for pod in pods:
        address = (pod.get("status") or {}).get("podIP")
        metadata = pod["metadata"]
        if address and is_active(pod):
            region = metadata["labels"].get(names.LABEL_REGION, "")
            found.append(TurnServer(name=metadata["name"], region=region, address=address, healthy=is_ready(pod)))
    return sorted(found, key=lambda server: server.name)


def wanted(fleet: TurnFleet) -> int:
    """Return how many servers the spec asks for."""
    return sum(region.replicas for region in fleet.spec.regions)


def fields(fleet: TurnFleet, image: Images, found: Sequence[TurnServer]) -> dict[str, Any]:
    """Return the fleet's own fields of the status."""
    return {
        **image.fields(),
        "servers": [server.model_dump(by_alias=True) for server in found],
        "healthyServers": sum(server.healthy for server in found),
        "desiredServers": wanted(fleet),
    }


def servers_healthy(fleet: TurnFleet, found: Sequence[TurnServer], pods: Sequence[Json]) -> Fact:
    """Return whether all servers relay, else which region lacks some and why."""
    kind = FleetCondition.SERVERS_HEALTHY
    for region in fleet.spec.regions:
        healthy = sum(server.healthy for server in found if server.region == region.name)
        if healthy >= region.replicas:
            continue
        summary = f"Region {region.name}: {healthy} of {region.replicas} servers relay."
        here = [pod for pod in pods if pod["metadata"]["labels"].get(names.LABEL_REGION) == region.name]
        if (problem := trouble(here)) is not None:
            reason, message = problem
            return Fact(kind, False, reason, f"{summary} {message}")
        return Fact(kind, False, "Starting", summary, in_progress=True)
    return Fact(kind, True, "Relaying", f"{wanted(fleet)} servers relay.")
