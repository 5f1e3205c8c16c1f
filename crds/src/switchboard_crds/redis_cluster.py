"""RedisCluster: a Valkey cluster that holds the sessions and queues of pools."""

from enum import StrEnum

from pydantic import Field

from switchboard_crds.model import Model, Resource, Rule, Status, rules, short_name


class DeletionPolicy(StrEnum):
    """What becomes of the volumes when the cluster is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Storage(Model):
    """The volume of each node."""

    model_config = rules(
        Rule(
            "isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))",
            "spec.storage.size is no size: write it like 1Gi",
            ".size",
        ),
        Rule(
            "self.size == oldSelf.size && has(self.storageClassName) == has(oldSelf.storageClassName)"
            " && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
            "spec.storage.size and storageClassName cannot be changed: make a new RedisCluster, and point the pools'"
            " redisRef to it",
        ),
    )

    size: str = Field(default="1Gi", min_length=1, max_length=32, description="Size of each node's volume.")
    storage_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Storage class; left out, the cluster's default.",
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="What becomes of the volumes when the RedisCluster is deleted.",
    )


class RedisClusterSpec(Model):
    """What the cluster should be."""

    model_config = rules(
        Rule(
            "self.shards == oldSelf.shards && self.replicasPerShard == oldSelf.replicasPerShard",
            "spec.shards and spec.replicasPerShard cannot be changed: make a new RedisCluster, and point the pools'"
            " redisRef to it",
        )
    )

    shards: int = Field(
        default=3,
        ge=3,
        le=100,
        description="Primaries, each with its share of the slots. Fewer than three cannot agree on a failover.",
    )
    replicas_per_shard: int = Field(default=1, ge=0, le=5, description="Replicas of each primary.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Valkey or Redis image with a server of version 7 or later; pods that exist keep theirs until they"
        " are deleted. Unset, the operator's default image at creation time.",
    )
    storage: Storage = Field(default=Storage(), description="The volume of each node.")


class RedisClusterStatus(Status):
    """What the cluster is."""

    nodes: int = Field(default=0, ge=0, description="Nodes that the spec asks for.")
    ready_nodes: int = Field(default=0, ge=0, description="Nodes that have loaded their data and are in sync.")
    service: str = Field(default="", description="Name of the Service that resolves to all nodes.")
    secret: str = Field(default="", description="Name of the Secret with the clients' username and password.")


class RedisCluster(Resource):
    """A Valkey cluster that holds the sessions and queues of pools."""

    model_config = rules(short_name("a StatefulSet"))

    spec: RedisClusterSpec = Field(default=RedisClusterSpec(), description="What the cluster should be.")
    status: RedisClusterStatus = Field(default=RedisClusterStatus(), description="What the cluster is.")


class ClusterCondition(StrEnum):
    """Condition types of a RedisCluster."""

    READY = "Ready"
    OBJECTS_APPLIED = "ObjectsApplied"
    NODES_READY = "NodesReady"
    CLUSTER_FORMED = "ClusterFormed"
