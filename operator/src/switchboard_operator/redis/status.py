"""Facts and fields of a cluster's status, from its pods and plan. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from switchboard_crds import names
from switchboard_crds.redis_cluster import ClusterCondition, RedisCluster
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.redis import objects
from switchboard_operator.redis.topology import SLOTS, NodeAddress, TopologyPlan
from switchboard_operator.status.conditions import Fact
from switchboard_operator.status.diagnosis import diagnose, is_active, is_ready
from switchboard_operator.status.wording import count, portion


def fields(cluster: RedisCluster, image: Images, pods: Sequence[Json]) -> dict[str, Any]:
    """Return the cluster's own status fields."""
    return {
        **image.fields(),
        "desiredNodes": objects.nodes(cluster),
        "readyNodes": sum(map(is_ready, pods)),
        "serviceName": objects.base_name(cluster),
        "secretName": objects.client_secret_name(cluster),
    }


def formed(plan: TopologyPlan, failures: Sequence[str], unserved: int) -> Fact:
    """Return the condition ClusterFormed; `failures` are errors of commands, `unserved` is a number of slots."""
    kind = ClusterCondition.CLUSTER_FORMED
    outage = f"{portion(unserved, SLOTS, 'slot')} not served. " if unserved else ""
    if plan.blocked:
        return Fact(kind, False, "Blocked", outage + plan.blocked)
    if failures:
        return Fact(kind, False, "NodeFailed", outage + "; ".join(failures))
    if plan.formed:
        return Fact(kind, True, "Formed", f"All {SLOTS} slots are served.")
    issued = count(len(plan.commands), "CLUSTER command")
    message = (
        plan.waits_for or f"Issued {issued}; waiting for {'it' if len(plan.commands) == 1 else 'them'} to take effect."
    )
    return Fact(kind, False, "Forming", outage + message, in_progress=True)


def nodes_ready(cluster: RedisCluster, pods: Sequence[Json]) -> Fact:
    """Return the condition NodesReady: all nodes have loaded their data and are in sync."""
    kind = ClusterCondition.NODES_READY
    wanted, ready = objects.nodes(cluster), sum(map(is_ready, pods))
    message = f"{portion(ready, wanted, 'node')} ready."
    if ready >= wanted:
        return Fact(kind, True, "Ready", message)
    if (found := diagnose(pods)) is not None:
        return Fact(kind, False, *found)
    return Fact(kind, False, "Starting", message, in_progress=True)


def places(pods: Sequence[Json]) -> Iterator[NodeAddress]:
    """Yield the addresses of the active pods."""
    for pod in pods:
        metadata = pod["metadata"]
        address = (pod.get("status") or {}).get("podIP")
        if address and is_active(pod):
            ordinal = int(metadata["name"].rsplit("-", 1)[1])
            shard, machine = int(metadata["labels"][names.LABEL_SHARD]), (pod.get("spec") or {}).get("nodeName", "")
            yield NodeAddress(metadata["name"], shard, ordinal, address, machine=machine)
