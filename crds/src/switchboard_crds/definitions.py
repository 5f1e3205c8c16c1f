"""The three kinds as the API server and its users see them: model, columns, subresources, conditions."""

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
    """A column of `kubectl get`; a wide one shows with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False


def ready_columns() -> tuple[Column, ...]:
    """Return the columns that each kind ends with."""
    ready = '.status.conditions[?(@.type=="Ready")]'
    return (
        Column("Ready", f"{ready}.status"),
        Column("Reason", f"{ready}.reason"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Message", f"{ready}.message", wide=True),
    )


@dataclass(frozen=True)
class Definition:
    """All that the generated artefacts of one kind are made from."""

    kind: names.Kind
    model: type[Resource]
    columns: tuple[Column, ...]
    conditions: Mapping[str, str] = field(default_factory=dict)
    """Condition type to its meaning, for the reference page."""
    scale: bool = False
    """Whether the kind has the scale subresource (`kubectl scale`, autoscalers)."""


_OBJECTS_APPLIED = "The objects that the resource consists of exist as they should."

DEFINITIONS: Final = (
    Definition(
        names.SIGNALING_POOL,
        SignalingPool,
        (
            Column("Desired", ".status.desiredReplicas", "integer"),
            Column("Serving", ".status.readyReplicas", "integer"),
            Column("Sessions", ".status.sessions", "integer"),
            Column("Environment", ".spec.environment"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            PoolCondition.READY: "The pool serves with all its pods, and all that it depends on is there.",
            PoolCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            PoolCondition.REDIS_RESOLVED: "The RedisCluster of `redisRef` is Ready, or none is named.",
            PoolCondition.TURN_RESOLVED: "Every TurnFleet of `turnRefs` has a healthy server.",
            PoolCondition.AUTH_RESOLVED: "The Secret of `auth.secretName` holds usable secrets, or none is named.",
            PoolCondition.PODS_READY: "All pods of the current revision serve.",
            PoolCondition.DRAINED: "No pod waits for its sessions to move. For information: Ready does not ask for it.",
            PoolCondition.SCALING_ACTIVE: "The load decides on pods. For information: Ready does not ask for it.",
            PoolCondition.SESSIONS_DURABLE: "Sessions outlive their pod. For information: Ready does not ask for it.",
        },
        scale=True,
    ),
    Definition(
        names.TURN_FLEET,
        TurnFleet,
        (
            Column("Servers", ".status.wantedServers", "integer"),
            Column("Healthy", ".status.healthyServers", "integer"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            FleetCondition.READY: "All servers relay.",
            FleetCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            FleetCondition.SERVERS_HEALTHY: "The probe of every server, an authenticated allocation, succeeds.",
        },
    ),
    Definition(
        names.REDIS_CLUSTER,
        RedisCluster,
        (
            Column("Shards", ".spec.shards", "integer"),
            Column("Nodes", ".status.nodes", "integer"),
            Column("Serving", ".status.readyNodes", "integer"),
            *ready_columns(),
            Column("Image", ".status.image", wide=True),
        ),
        {
            ClusterCondition.READY: "All nodes serve and hold all slots.",
            ClusterCondition.OBJECTS_APPLIED: _OBJECTS_APPLIED,
            ClusterCondition.CLUSTER_FORMED: "All nodes know each other, every slot has a primary, and every other"
            " node replicates its shard's.",
            ClusterCondition.NODES_READY: "All pods have loaded their data and are in sync.",
        },
    ),
)
