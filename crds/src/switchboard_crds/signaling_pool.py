"""SignalingPool: signaling pods that browsers connect to."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from switchboard_crds.model import Model, Reference, Resource, Rule, Status, map_list, rules, short_name


class Environment(StrEnum):
    """Selects the defaults of a pool's security settings."""

    DEVELOPMENT = "Development"
    STAGING = "Staging"
    PRODUCTION = "Production"


class ServiceType(StrEnum):
    """Type of the pool's Service."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"


class PoolService(Model):
    """The Service in front of the pool's pods."""

    model_config = rules(
        Rule(
            "!has(self.nodePort) || self.type == 'NodePort'",
            "spec.service.nodePort requires spec.service.type NodePort: set the type, or remove nodePort",
            ".nodePort",
        )
    )

    type: ServiceType = Field(
        default=ServiceType.CLUSTER_IP,
        description="`ClusterIP`: reachable inside the cluster and through an Ingress; `NodePort`: also on every node.",
    )
    node_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port on the nodes; requires type NodePort. If unset, the cluster allocates one.",
    )


class PoolIngress(Model):
    """An Ingress that routes to the pool's Service. Its controller must keep idle WebSockets open for over 60 s."""

    host: str = Field(min_length=1, max_length=253, description="Host name that browsers connect to.")
    class_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Ingress class. If unset, the cluster's default class.",
    )
    tls_secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Secret with the host's certificate. Browsers allow camera access only on https pages.",
    )


class AuthType(StrEnum):
    """How a pool's clients authenticate."""

    ANONYMOUS = "Anonymous"
    SHARED_SECRET = "SharedSecret"  # noqa: S105 (a type's name)
    JWKS = "JWKS"


class PoolAuth(Model):
    """Who may connect: anyone, or clients with a JWT from an issuer that the pool trusts."""

    model_config = rules(
        Rule(
            "has(self.secretName) == (self.type == 'SharedSecret')",
            "spec.auth.secretName is required with spec.auth.type SharedSecret and not allowed otherwise: name the"
            " Secret that holds the HS256 secrets, or remove secretName",
            ".secretName",
        ),
        Rule(
            "has(self.jwksURL) == (self.type == 'JWKS')",
            "spec.auth.jwksURL is required with spec.auth.type JWKS and not allowed otherwise: set the URL of the"
            " issuer's keys, or remove jwksURL",
            ".jwksURL",
        ),
        Rule(
            "self.type != 'Anonymous' || (!has(self.issuer) && !has(self.audience))",
            "spec.auth.issuer and spec.auth.audience apply only to JWTs: set spec.auth.type to SharedSecret or JWKS, or"
            " remove them",
            ".type",
        ),
    )

    type: AuthType = Field(
        description="`Anonymous`: anyone may connect; `SharedSecret`: JWTs signed with HS256; `JWKS`: JWTs signed with"
        " RS256, ES256 or EdDSA."
    )
    secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Secret whose values, at least 32 bytes each, are the HS256 secrets. All of them are valid, and"
        " running pods pick up changes.",
    )
    jwks_url: str | None = Field(
        default=None,
        alias="jwksURL",
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        max_length=2048,
        description="URL of the issuer's public keys (JWKS, RFC 7517). `Production` requires https.",
    )
    issuer: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Required `iss` of JWTs. If unset, any."
    )
    audience: str | None = Field(
        default=None, min_length=1, max_length=1024, description="Required `aud` of JWTs. If unset, any."
    )


class OnTimeout(StrEnum):
    """What happens to a pod that still holds sessions when its drain times out."""

    WAIT = "Wait"
    FORCE = "Force"


class PoolDrain(Model):
    """How sessions are moved off a pod before it is removed."""

    timeout_seconds: int = Field(
        default=600,
        ge=1,
        le=86400,
        description="How long a draining pod has to move its sessions to other pods, in seconds.",
    )
    on_timeout: OnTimeout = Field(
        default=OnTimeout.WAIT,
        description="After the timeout: `Wait` keeps the pod until its last session has left, and the condition"
        " `Drained` names it; `Force` removes the pod and closes its remaining connections.",
    )


class PoolCanary(Model):
    """A trial of a new revision on a few pods before any pod is replaced."""

    percent: int = Field(
        default=10,
        ge=1,
        le=100,
        description="Number of canary pods as a percentage of the desired pods, rounded up and limited by `maxSurge`."
        " They serve beside the outdated pods.",
    )
    min_ready_seconds: int = Field(
        default=300,
        ge=1,
        le=86400,
        description="How long the canary pods must be Ready without a restart before the rollout continues.",
    )


IntOrPercent = (
    Annotated[int, Field(ge=1, le=2000)] | Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)%$", max_length=4)]
)
"""A number of pods, or a percentage such as `25%`, as in the strategy of a Deployment."""


class PoolRollout(Model):
    """How updated pods replace outdated ones."""

    max_surge: IntOrPercent = Field(
        default="25%",
        description="Number of pods above the desired number that may exist during a rollout: a number such as `5`, or"
        " a percentage of the desired pods such as `25%`, rounded up.",
    )
    paused: bool = Field(
        default=False,
        description="Whether the rollout is paused: no further pod is replaced. Pods that are already draining finish.",
    )
    canary: PoolCanary | None = Field(
        default=None,
        description="A trial on a few pods first. If unset, updated pods replace outdated ones as soon as they are"
        " Ready.",
    )


class RebalanceMode(StrEnum):
    """Whether sessions move between pods that stay."""

    AUTO = "Auto"
    DISABLED = "Disabled"


class PoolRebalance(Model):
    """How new and returning pods get their share of the existing sessions."""

    mode: RebalanceMode = Field(
        default=RebalanceMode.AUTO,
        description="`Auto`: pods with far more sessions than their target, or than the mean, move some to pods that"
        " have room; `Disabled`: sessions stay until their pod is drained.",
    )
    cooldown_seconds: int = Field(
        default=300,
        ge=10,
        le=86400,
        description="Minimum time between the last move of sessions, for any reason, and the start of a rebalancing.",
    )


class ScalingMode(StrEnum):
    """What sets the number of pods."""

    AUTO = "Auto"
    MANUAL = "Manual"


class PoolSchedule(Model):
    """A recurring lower bound on the number of pods, for load that is known in advance."""

    name: str = Field(min_length=1, max_length=63, description="Name shown in the status and in events.")
    cron: str = Field(
        pattern=r"^\S+( +\S+){4}$",
        max_length=128,
        description="Start times as a cron expression: minute, hour, day of month, month and day of week, such as"
        " `0 18 * * FRI`.",
    )
    time_zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        description="IANA time zone of `cron`, such as Europe/Berlin.",
    )
    duration_seconds: int = Field(ge=60, le=31_622_400, description="How long the bound applies after each start.")
    min_replicas: int = Field(
        ge=1, le=2000, description="Lower bound on the number of pods meanwhile, limited by `maxReplicas`."
    )


class PoolScaleDown(Model):
    """How the pool scales down."""

    stabilization_window_seconds: int = Field(
        default=30,
        ge=10,
        le=3600,
        description="Scale-down stabilization: remove a pod only after it has been unneeded for this long.",
    )


class PoolAutoscaling(Model):
    """Scaling by load, and its bounds."""

    model_config = rules(
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "spec.autoscaling.minReplicas must not exceed spec.autoscaling.maxReplicas",
            ".minReplicas",
        )
    )

    mode: ScalingMode = Field(
        default=ScalingMode.AUTO,
        description="`Auto`: the load sets the number of pods, and `spec.replicas` is ignored; `Manual`:"
        " `spec.replicas` sets it, and the status shows what `Auto` would choose.",
    )
    min_replicas: int = Field(default=1, ge=1, le=2000, description="Lower bound on the number of pods.")
    max_replicas: int = Field(
        ge=1, le=2000, description="Upper bound on the number of pods. More than one requires `redisRef`."
    )
    target_sessions_per_pod: int = Field(
        default=1000, ge=1, le=100_000, description="Sessions, connected and resumable, that each pod should hold."
    )
    buffer_sessions: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Room to keep free at all times, in sessions above the current number.",
    )
    scale_down: PoolScaleDown = Field(default=PoolScaleDown(), description="How the pool scales down.")
    schedules: tuple[PoolSchedule, ...] = Field(
        default=(),
        max_length=32,
        description="Lower bounds for load that is known in advance.",
        json_schema_extra=map_list("name"),
    )


class SignalingPoolSpec(Model):
    """The desired state of the pool."""

    model_config = rules(
        Rule(
            "has(self.redisRef) || !has(self.autoscaling) || self.autoscaling.maxReplicas <= 1",
            "spec.autoscaling.maxReplicas above 1 requires spec.redisRef: pods without Redis cannot match each other's"
            " clients",
            ".autoscaling",
        ),
        Rule(
            "has(self.redisRef) || self.replicas <= 1",
            "spec.replicas above 1 requires spec.redisRef: pods without Redis cannot match each other's clients",
            ".replicas",
        ),
        Rule(
            "has(self.redisRef) || self.environment != 'Production'",
            "spec.environment Production requires spec.redisRef: without Redis, sessions are lost with their pod",
            ".environment",
        ),
        Rule(
            "!has(self.ingress) || has(self.ingress.tlsSecretName) || self.environment != 'Production'",
            "spec.environment Production requires spec.ingress.tlsSecretName: name a Secret with the host's"
            " certificate",
            ".environment",
        ),
        Rule(
            "self.environment != 'Production' || (has(self.auth) && self.auth.type != 'Anonymous')",
            "spec.environment Production requires spec.auth of type SharedSecret or JWKS: otherwise anyone could"
            " connect",
            ".environment",
        ),
        Rule(
            "self.environment != 'Staging' || has(self.auth)",
            "spec.environment Staging requires spec.auth: set type SharedSecret or JWKS, or type Anonymous to let"
            " anyone connect",
            ".environment",
        ),
        Rule(
            "self.environment != 'Production' || !has(self.auth) || !has(self.auth.jwksURL)"
            " || self.auth.jwksURL.startsWith('https://')",
            "spec.environment Production requires an https:// URL in spec.auth.jwksURL: keys fetched over http can be"
            " replaced in transit",
            ".environment",
        ),
        Rule(
            "self.environment != 'Production' || !has(self.allowedOrigins) || !self.allowedOrigins.exists(o, o == '*')",
            "spec.environment Production does not allow '*' in spec.allowedOrigins: list the origins of your pages",
            ".environment",
        ),
        Rule(
            "!has(self.trustedProxies) || self.trustedProxies.all(proxy, isCIDR(proxy))",
            "spec.trustedProxies must contain only address ranges in CIDR notation, such as 10.1.0.0/16",
            ".trustedProxies",
        ),
    )

    replicas: int = Field(
        default=1,
        ge=0,
        le=2000,
        description="Number of signaling pods. More than one requires `redisRef`. Ignored if `autoscaling.mode` is"
        " `Auto`.",
    )
    autoscaling: PoolAutoscaling | None = Field(
        default=None, description="Scaling by load. If unset, `replicas` sets the number of pods."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the pods. If unset, the operator's default image at creation time: a newer operator does"
        " not roll out the pool. Set the image to upgrade it.",
    )
    environment: Environment = Field(
        description="Selects the defaults of the security settings; `Production` rejects unsafe ones."
    )
    redis_ref: Reference | None = Field(
        default=None,
        description="RedisCluster that holds sessions and the queue. If unset, they live in the memory of the single"
        " pod.",
    )
    turn_refs: tuple[Reference, ...] = Field(
        default=(),
        max_length=8,
        description="TurnFleets whose servers the pool's clients may relay through.",
        json_schema_extra=map_list("name"),
    )
    auth: PoolAuth | None = Field(
        default=None, description="Who may connect. If unset, anyone may, which only `Development` allows."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Origins of pages, besides the pool's own, that may connect, fetch ICE servers and load the SDK,"
        " such as https://app.example; `*` allows all, which `Production` rejects.",
        json_schema_extra={
            "x-kubernetes-list-type": "set",
            "items": {"type": "string", "maxLength": 255, "pattern": r"^(\*|https?://[^/\s,]+)$"},
        },
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Address ranges (CIDR) of proxies, such as an ingress controller's pods, whose X-Forwarded-For"
        " header gives the client's address. If unset, that is the address that connects to the pod.",
        json_schema_extra={"x-kubernetes-list-type": "set", "items": {"type": "string", "maxLength": 43}},
    )
    service: PoolService = Field(default=PoolService(), description="The Service in front of the pods.")
    ingress: PoolIngress | None = Field(default=None, description="An Ingress that routes to the Service.")
    drain: PoolDrain = Field(default=PoolDrain(), description="How sessions are moved off a pod before it is removed.")
    rollout: PoolRollout = Field(default=PoolRollout(), description="How updated pods replace outdated ones.")
    rebalance: PoolRebalance = Field(
        default=PoolRebalance(), description="How sessions move from full pods to pods that have room."
    )


class SignalingPoolStatus(Status):
    """The observed state of the pool."""

    replicas: int = Field(default=0, ge=0, description="Number of pods.")
    ready_replicas: int = Field(default=0, ge=0, description="Number of pods that are Ready.")
    updated_replicas: int = Field(default=0, ge=0, description="Number of pods of the current revision.")
    draining_replicas: int = Field(
        default=0, ge=0, description="Number of pods whose sessions are moving to other pods."
    )
    desired_replicas: int = Field(default=0, ge=0, description="Number of pods that the pool should have.")
    scaling_decision: str = Field(default="", description="Why the pool should have `desiredReplicas` pods.")
    sessions: int = Field(
        default=0, ge=0, description="Sessions on the pods, connected and resumable; updated at most every 30 s."
    )
    session_capacity: int = Field(default=0, ge=0, description="Sessions that the pods in service can hold.")
    last_move_time: datetime | None = Field(
        default=None,
        description="When sessions were last asked to move to other pods; set when a move begins and when it ends.",
    )
    selector: str = Field(default="", description="Label selector of the pods, for the scale subresource.")
    revision: str = Field(default="", description="Hash of the pod template of the current revision.")
    service_name: str = Field(default="", description="Name of the Service.")


class SignalingPool(Resource):
    """Signaling pods that browsers connect to with WebSockets, behind one Service."""

    model_config = rules(short_name("a Service"))

    spec: SignalingPoolSpec = Field(description="The desired state of the pool.")
    status: SignalingPoolStatus = Field(default=SignalingPoolStatus(), description="The observed state of the pool.")


class PoolCondition(StrEnum):
    """Condition types of a SignalingPool."""

    READY = "Ready"
    OBJECTS_APPLIED = "ObjectsApplied"
    REDIS_RESOLVED = "RedisResolved"
    TURN_RESOLVED = "TurnResolved"
    AUTH_RESOLVED = "AuthResolved"
    PODS_READY = "PodsReady"
    DRAINED = "Drained"
    SCALING_ACTIVE = "ScalingActive"
    SESSIONS_DURABLE = "SessionsDurable"
