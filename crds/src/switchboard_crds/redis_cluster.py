"""RedisCluster: a Valkey cluster that holds the sessions and queues of pools."""

from enum import StrEnum

from pydantic import Field

from switchboard_crds.model import Model, Resource, Rule, Status, rules, short_name


class DeletionPolicy(StrEnum):
    """What happens to the volumes when the cluster is deleted."""

    RETAIN = "Retain"
    DELETE = "Delete"


class Storage(Model):
    """The volume of each node."""

    model_config = rules(
        Rule(
            "isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))",
            "spec.storage.size must be a positive quantity, such as 1Gi",
            ".size",
        ),
        Rule(
            "self.size == oldSelf.size && has(self.storageClassName) == has(oldSelf.storageClassName)"
            " && (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)",
            "spec.storage.size and spec.storage.storageClassName are immutable: create a new RedisCluster and point the"
            " pools' redisRef at it",
        ),
    )

    size: str = Field(default="1Gi", min_length=1, max_length=32, description="Size of each node's volume.")
    storage_class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Storage class. If unset, the cluster's default class.",
    )
    deletion_policy: DeletionPolicy = Field(
        default=DeletionPolicy.RETAIN,
        description="What happens to the volumes when the RedisCluster is deleted.",
    )


class RedisClusterSpec(Model):
    """The desired state of the cluster."""

    model_config = rules(
        Rule(
            "self.shards == oldSelf.shards && self.replicasPerShard == oldSelf.replicasPerShard",
            "spec.shards and spec.replicasPerShard are immutable: create a new RedisCluster and point the pools'"
            " redisRef at it",
        )
    )

    shards: int = Field(
        default=3,
        ge=3,
        le=100,
        description="Number of primaries, each with its share of the slots. Fewer than three cannot elect a new primary"
        " after a failure.",
    )
    replicas_per_shard: int = Field(default=1, ge=0, le=5, description="Number of replicas of each primary.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Valkey or Redis image, version 7 or later; existing pods keep theirs until they are deleted. If"
        " unset, the operator's default image at creation time.",
    )
    storage: Storage = Field(default=Storage(), description="The volume of each node.")


class RedisClusterStatus(Status):
    """The observed state of the cluster."""

    desired_nodes: int = Field(default=0, ge=0, description="Number of nodes in the spec, primaries and replicas.")
    ready_nodes: int = Field(
        default=0, ge=0, description="Number of nodes that have loaded their data and are in sync."
    )
    service_name: str = Field(default="", description="Name of the Service that resolves to all nodes.")
    secret_name: str = Field(default="", description="Name of the Secret with the clients' username and password.")


class RedisCluster(Resource):
    """A Valkey cluster that holds the sessions and queues of pools."""

    model_config = rules(short_name("a StatefulSet"))

    spec: RedisClusterSpec = Field(default=RedisClusterSpec(), description="The desired state of the cluster.")
    status: RedisClusterStatus = Field(default=RedisClusterStatus(), description="The observed state of the cluster.")


class ClusterCondition(StrEnum):
    """Condition types of a RedisCluster."""

    READY = "Ready"
    OBJECTS_APPLIED = "ObjectsApplied"
    NODES_READY = "NodesReady"
    CLUSTER_FORMED = "ClusterFormed"
