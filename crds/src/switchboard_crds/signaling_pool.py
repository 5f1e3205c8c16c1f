"""SignalingPool: signaling pods that browsers connect to."""

from enum import StrEnum

from pydantic import Field

from switchboard_crds.model import Model, Reference, Resource, Rule, Status, map_list, rules, short_name


class Environment(StrEnum):
    """Picks the defaults of a pool's security settings."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"


class ServiceType(StrEnum):
    """How the pool's Service is reached."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"


class PoolService(Model):
    """The Service in front of the pool's pods."""

    model_config = rules(
        Rule(
            "!has(self.nodePort) || self.type == 'NodePort'",
            "spec.service.nodePort needs spec.service.type NodePort: set the type, or remove nodePort",
            ".nodePort",
        )
    )

    type: ServiceType = Field(
        default=ServiceType.CLUSTER_IP,
        description="`ClusterIP` is reached in the cluster and through an ingress; `NodePort` on every node too.",
    )
    node_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on the nodes; left out, the cluster chooses one. Only with NodePort.",
    )


class PoolIngress(Model):
    """An Ingress that leads to the pool's Service. Its controller must let WebSockets live longer than 60 s."""

    host: str = Field(min_length=1, max_length=253, description="Host name that browsers connect to.")
    class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Ingress class; left out, the cluster's default.",
    )
    tls_secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Secret with the host's certificate. Browsers give the camera to https only.",
    )


class SignalingPoolSpec(Model):
    """What the pool should be."""

    model_config = rules(
        Rule(
            "has(self.redisRef) || self.replicas <= 1",
            "spec.replicas above 1 needs spec.redisRef: pods without Redis cannot match clients with each other",
            ".replicas",
        ),
        Rule(
            "has(self.redisRef) || self.environment != 'Production'",
            "spec.environment Production needs spec.redisRef: without Redis, sessions die with their pod",
            ".environment",
        ),
        Rule(
            "!has(self.ingress) || has(self.ingress.tlsSecretName) || self.environment != 'Production'",
            "spec.environment Production needs spec.ingress.tlsSecretName: name a Secret with the host's certificate",
            ".environment",
        ),
    )

    replicas: int = Field(default=1, ge=0, le=2000, description="Signaling pods. More than one needs `redisRef`.")
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the pods. Left out, the pool keeps the operator's default image of the day it was made:"
        " an upgrade of the operator does not roll the pool; set the image to upgrade it.",
    )
    environment: Environment = Field(
        description="Picks the defaults of the security settings; `Production` refuses what is unsafe."
    )
    redis_ref: Reference | None = Field(
        default=None,
        description="RedisCluster that holds sessions and queue. Left out, they live in the memory of the one pod.",
    )
    turn_refs: tuple[Reference, ...] = Field(
        default=(),
        max_length=8,
        description="TurnFleets whose servers the pool's clients may relay through.",
        json_schema_extra=map_list("name"),
    )
    service: PoolService = Field(default=PoolService(), description="The Service in front of the pods.")
    ingress: PoolIngress | None = Field(default=None, description="An Ingress that leads to the Service.")


class SignalingPoolStatus(Status):
    """What the pool is."""

    replicas: int = Field(default=0, ge=0, description="Pods that exist.")
    ready_replicas: int = Field(default=0, ge=0, description="Pods that serve.")
    selector: str = Field(default="", description="Label selector of the pods, for the scale subresource.")
    image: str = Field(default="", description="Image that the pods are made from.")
    revision: str = Field(default="", description="Hash of the pod template that the pool moves to.")
    service: str = Field(default="", description="Name of the Service.")


class SignalingPool(Resource):
    """Signaling pods that browsers connect to with WebSockets, behind one Service."""

    model_config = rules(short_name("a Service"))

    spec: SignalingPoolSpec = Field(description="What the pool should be.")
    status: SignalingPoolStatus = Field(default=SignalingPoolStatus(), description="What the pool is.")


class PoolCondition(StrEnum):
    """Condition types of a SignalingPool."""

    READY = "Ready"
    OBJECTS_APPLIED = "ObjectsApplied"
    REDIS_RESOLVED = "RedisResolved"
    TURN_RESOLVED = "TurnResolved"
    PODS_READY = "PodsReady"
    SESSIONS_DURABLE = "SessionsDurable"
