"""From what was observed to the facts and fields of a cluster's status. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from switchboard_crds import names
from switchboard_crds.redis_cluster import ClusterCondition, RedisCluster
from switchboard_operator.images import Images
from switchboard_operator.kube.resources import Json
from switchboard_operator.redis import objects
from switchboard_operator.redis.topology import SLOTS, NodeAddress, TopologyPlan
from switchboard_operator.status.conditions import Fact
from switchboard_operator.status.diagnosis import is_active, is_ready, trouble


def fields(cluster: RedisCluster, image: Images, pods: Sequence[Json]) -> dict[str, Any]:
    """Return the cluster's own fields of the status."""
    return {
        **image.fields(),
        "desiredNodes": objects.nodes(cluster),
        "readyNodes": sum(map(is_ready, pods)),
        "serviceName": objects.base_name(cluster),
        "secretName": objects.client_secret_name(cluster),
    }


def formed(plan: TopologyPlan, failures: Sequence[str], unserved: int) -> Fact:
    """Return whether the cluster is formed; `failures` are nodes that refused a command, `unserved` counts slots."""
    kind = ClusterCondition.CLUSTER_FORMED
    count = f" ({unserved} of {SLOTS} slots are not served)" if unserved else ""
    if plan.blocked:
        return Fact(kind, False, "Blocked", plan.blocked + count)
    if failures:
        return Fact(kind, False, "NodeFailed", "; ".join(failures) + count)
    if plan.formed:
        return Fact(kind, True, "Formed", "Every slot has a primary.")
    message = plan.waits_for or f"Gave {len(plan.commands)} commands."
    return Fact(kind, False, "Forming", message + count, in_progress=True)


def nodes_ready(cluster: RedisCluster, pods: Sequence[Json]) -> Fact:
    """Return whether all nodes have loaded their data and are in sync."""
    kind = ClusterCondition.NODES_READY
    wanted, ready = objects.nodes(cluster), sum(map(is_ready, pods))
    if ready >= wanted:
        return Fact(kind, True, "Serving", f"{ready} of {wanted} nodes serve.")
    if (found := trouble(pods)) is not None:
        return Fact(kind, False, *found)
    return Fact(kind, False, "Starting", f"{ready} of {wanted} nodes serve.", in_progress=True)


def places(pods: Sequence[Json]) -> Iterator[NodeAddress]:
    """Return where the pods are that may answer."""
    for pod in pods:
        metadata = pod["metadata"]
        address = (pod.get("status") or {}).get("podIP")
        if address and is_active(pod):
            ordinal = int(metadata["name"].rsplit("-", 1)[1])
            shard, machine = int(metadata["labels"][names.LABEL_SHARD]), (pod.get("spec") or {}).get("nodeName", "")
            yield NodeAddress(metadata["name"], shard, ordinal, address, machine=machine)
