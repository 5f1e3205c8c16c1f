"""The three kinds: model, printer columns, subresources and conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from switchboard_crds import names
from switchboard_crds.model import Resource
from switchboard_crds.redis_cluster import ClusterCondition, RedisCluster
from switchboard_crds.signaling_pool import PoolCondition, SignalingPool
from switchboard_crds.turn_fleet import FleetCondition, TurnFleet


@dataclass(frozen=True)
class Column:
    """A column of `kubectl get`; a wide one appears only with `-o wide`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


def ready_columns() -> tuple[Column, ...]:
    """Return the last columns of every kind."""
    ready = '.status.conditions[?(@.type=="Ready")]'
    return (
        Column("Ready", f"{ready}.status"),
        Column("Reason", f"{ready}.reason"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Message", f"{ready}.message", wide=True),
    )


@dataclass(frozen=True)
class Definition:
    """Source of the generated manifest and reference page of one kind."""

    kind: names.Kind
    model: type[Resource]
    columns: tuple[Column, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Meaning of each condition type when True, for the reference page."""
    scale: bool = False
    """Whether the kind has the scale subresource (`kubectl scale`, HPA)."""


_OBJECTS_APPLIED = "All objects of the resource exist and match its spec."

DEFINITIONS: Final = (
    Definition(
        names.SIGNALING_POOL,
        SignalingPool,
        (
            Column("Desired", ".status.desiredReplicas", "integer"),
            Column("Serving", ".status.readyReplicas", "integer"),
            Column("Updated", ".status.updatedReplicas", "integer"),
            Column("Sessions", ".status.sessions", "integer"),
            Column("Environment", ".spec.environment"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            PoolCondition.READY: "All pods of the pool serve, and all its dependencies are available.",
            PoolCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            PoolCondition.REDIS_RESOLVED: "The RedisCluster of `redisRef` is Ready, or the field is unset.",
            PoolCondition.TURN_RESOLVED: "Every TurnFleet of `turnRefs` has a healthy server.",
            PoolCondition.AUTH_RESOLVED: "The Secret of `auth.secretName` holds valid secrets, or the field is unset.",
            PoolCondition.PODS_READY: "All desired pods are Ready and of the current revision.",
            PoolCondition.DRAINED: "No pod is draining. Informational: does not affect Ready.",
            PoolCondition.SCALING_ACTIVE: "The load sets the number of pods. Informational: does not affect Ready.",
            PoolCondition.SESSIONS_DURABLE: "Sessions outlive their pod. Informational: does not affect Ready.",
        },
        scale=True,
    ),
    Definition(
        names.TURN_FLEET,
        TurnFleet,
        (
            Column("Servers", ".status.desiredServers", "integer"),
            Column("Healthy", ".status.healthyServers", "integer"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            FleetCondition.READY: "All servers are healthy.",
            FleetCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            FleetCondition.SERVERS_HEALTHY: "The probe of every server, an authenticated allocation, succeeds.",
        },
    ),
    Definition(
        names.REDIS_CLUSTER,
        RedisCluster,
        (
            Column("Shards", ".spec.shards", "integer"),
            Column("Nodes", ".status.desiredNodes", "integer"),
            Column("Serving", ".status.readyNodes", "integer"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            ClusterCondition.READY: "All nodes are ready, and all slots are served.",
            ClusterCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            ClusterCondition.CLUSTER_FORMED: "All nodes know each other, every slot has a primary, and every other node"
            " replicates the primary of its shard.",
            ClusterCondition.NODES_READY: "All nodes have loaded their data and are in sync.",
        },
    ),
)
