"""SignalingPool: signaling pods that browsers connect to."""

from datetime import datetime
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


class AuthType(StrEnum):
    """How a pool's clients prove who they are."""

    ANONYMOUS = "Anonymous"
    SHARED_SECRET = "SharedSecret"  # noqa: S105 (a type's name)
    JWKS = "Jwks"


class PoolAuth(Model):
    """Who may connect: anybody, or the bearers of a JWT of an issuer that the pool trusts."""

    model_config = rules(
        Rule(
            "has(self.secretName) == (self.type == 'SharedSecret')",
            "spec.auth.secretName and spec.auth.type SharedSecret need each other: name the Secret with the HS256"
            " secrets, or remove secretName",
            ".secretName",
        ),
        Rule(
            "has(self.jwksUrl) == (self.type == 'Jwks')",
            "spec.auth.jwksUrl and spec.auth.type Jwks need each other: give the URL of the issuer's keys, or remove"
            " jwksUrl",
            ".jwksUrl",
        ),
        Rule(
            "self.type != 'Anonymous' || (!has(self.issuer) && !has(self.audience))",
            "spec.auth.issuer and spec.auth.audience are checked in JWTs: set spec.auth.type SharedSecret or Jwks, or"
            " remove them",
            ".type",
        ),
    )

    type: AuthType = Field(
        description="`Anonymous`: anybody; `SharedSecret`: JWTs signed with HS256; `Jwks`: JWTs signed with RS256,"
        " ES256 or EdDSA."
    )
    secret_name: str | None = Field(
        default=None,
        min_length=1,
        max_length=253,
        description="Secret whose values, of 32 bytes or more, are the HS256 secrets; all of them are valid, and"
        " changes reach the pods while they run.",
    )
    jwks_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        max_length=2048,
        description="URL of the issuer's public keys (JWKS). In Production https only.",
    )
    issuer: str | None = Field(
        default=None, min_length=1, max_length=1024, description="`iss` that JWTs must have; left out, any."
    )
    audience: str | None = Field(
        default=None, min_length=1, max_length=1024, description="`aud` that JWTs must have; left out, any."
    )


class OnTimeout(StrEnum):
    """What happens to a pod whose sessions have not moved in time."""

    WAIT = "Wait"
    FORCE = "Force"


class PoolDrain(Model):
    """How a pod that should go is emptied."""

    timeout_seconds: int = Field(
        default=600,
        ge=1,
        le=86400,
        description="Time for the sessions of one pod to move, from when it begins to give them away.",
    )
    on_timeout: OnTimeout = Field(
        default=OnTimeout.WAIT,
        description="After that time: `Wait` keeps the pod until the last session has left, and the condition `Drained`"
        " names it; `Force` removes it, which closes the sockets that are left.",
    )


class PoolCanary(Model):
    """A trial of a new image or new settings on a few pods, before any pod is replaced."""

    percent: int = Field(
        default=10,
        ge=1,
        le=100,
        description="New pods that serve beside the old ones first, in percent of `replicas`; at least one pod, and"
        " within the surge.",
    )
    pause_seconds: int = Field(
        default=300,
        ge=1,
        le=86400,
        description="How long they have to be Ready, without a restart, before the rollout goes on by itself.",
    )


class PoolRollout(Model):
    """How pods of another image or other settings replace those there are."""

    surge_percent: int = Field(
        default=25,
        ge=1,
        le=100,
        description="Pods beyond `replicas` that a rollout may use, in percent of `replicas`; at least one pod.",
    )
    paused: bool = Field(
        default=False,
        description="No further pod is replaced while true. Pods that already give their sessions away finish.",
    )
    canary: PoolCanary | None = Field(
        default=None, description="A trial on a few pods first. Left out, pods are replaced as soon as new ones serve."
    )


class RebalanceMode(StrEnum):
    """Whether pods that stay give sessions to others."""

    AUTO = "Auto"
    DISABLED = "Disabled"


class PoolRebalance(Model):
    """How pods that are new, or came back, get their share of the sessions that are there."""

    mode: RebalanceMode = Field(
        default=RebalanceMode.AUTO,
        description="`Auto`: pods that hold far more than they should, or than the others, give sessions to those that"
        " have room; `Disabled`: sessions stay where they are until their pod goes.",
    )
    period_seconds: int = Field(
        default=300,
        ge=10,
        le=86400,
        description="Time without moves, for whatever reason, before sessions are moved for this one.",
    )


class ScalingMode(StrEnum):
    """Who says how many pods there are."""

    AUTO = "Auto"
    MANUAL = "Manual"


class PoolSchedule(Model):
    """A load that is known ahead: pods that are there from each time that `cron` names."""

    name: str = Field(min_length=1, max_length=63, description="Told in the status and in events.")
    cron: str = Field(
        pattern=r"^\S+( +\S+){4}$",
        max_length=128,
        description="When it begins: minute, hour, day of month, month and day of week, such as `0 18 * * FRI`.",
    )
    time_zone: str = Field(
        default="UTC",
        min_length=1,
        max_length=64,
        description="IANA time zone that `cron` is meant in, such as Europe/Berlin.",
    )
    duration_seconds: int = Field(ge=60, le=31_622_400, description="How long it holds.")
    replicas: int = Field(ge=1, le=2000, description="Pods there are at least meanwhile, within `maxReplicas`.")


class PoolAutoscaling(Model):
    """How many pods there are by the load, and within which bounds."""

    model_config = rules(
        Rule(
            "self.minReplicas <= self.maxReplicas",
            "spec.autoscaling.minReplicas is above spec.autoscaling.maxReplicas: swap them",
            ".minReplicas",
        )
    )

    mode: ScalingMode = Field(
        default=ScalingMode.AUTO,
        description="`Auto`: the load decides, and `spec.replicas` is ignored; `Manual`: `spec.replicas` decides, and"
        " the status says what `Auto` would.",
    )
    min_replicas: int = Field(default=1, ge=1, le=2000, description="Pods there are at least.")
    max_replicas: int = Field(ge=1, le=2000, description="Pods there are at most. More than one needs `redisRef`.")
    target_sessions_per_pod: int = Field(
        default=1000, ge=1, le=100_000, description="Sessions that a pod should hold, attached and resumable."
    )
    free_slots: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Sessions for which there is room at all times, beyond what the forecast wants.",
    )
    down_window_seconds: int = Field(
        default=30, ge=10, le=3600, description="A pod goes only after it was not wanted for so long."
    )
    schedules: tuple[PoolSchedule, ...] = Field(
        default=(),
        max_length=32,
        description="Loads that are known ahead.",
        json_schema_extra=map_list("name"),
    )


class SignalingPoolSpec(Model):
    """What the pool should be."""

    model_config = rules(
        Rule(
            "has(self.redisRef) || !has(self.autoscaling) || self.autoscaling.maxReplicas <= 1",
            "spec.autoscaling.maxReplicas above 1 needs spec.redisRef: pods without Redis cannot match clients with"
            " each other",
            ".autoscaling",
        ),
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
        Rule(
            "self.environment != 'Production' || (has(self.auth) && self.auth.type != 'Anonymous')",
            "spec.environment Production needs spec.auth of type SharedSecret or Jwks: anybody could connect otherwise",
            ".environment",
        ),
        Rule(
            "self.environment != 'Staging' || has(self.auth)",
            "spec.environment Staging needs spec.auth: choose type SharedSecret or Jwks, or say type Anonymous if"
            " anybody may connect",
            ".environment",
        ),
        Rule(
            "self.environment != 'Production' || !has(self.auth) || !has(self.auth.jwksUrl)"
            " || self.auth.jwksUrl.startsWith('https://')",
            "spec.environment Production needs spec.auth.jwksUrl to begin with https://: keys must not be changed on"
            " their way",
            ".environment",
        ),
        Rule(
            "self.environment != 'Production' || !has(self.allowedOrigins) || !self.allowedOrigins.exists(o, o == '*')",
            "spec.environment Production needs spec.allowedOrigins without '*': list the origins of your pages",
            ".environment",
        ),
        Rule(
            "!has(self.trustedProxies) || self.trustedProxies.all(proxy, isCIDR(proxy))",
            "spec.trustedProxies holds something that is no address range: write each as CIDR, such as 10.1.0.0/16",
            ".trustedProxies",
        ),
    )

    replicas: int = Field(
        default=1,
        ge=0,
        le=2000,
        description="Signaling pods. More than one needs `redisRef`. Ignored where `autoscaling.mode` is `Auto`.",
    )
    autoscaling: PoolAutoscaling | None = Field(
        default=None, description="Pods by the load. Left out, `replicas` decides."
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of the pods. Unset, the operator's default image at creation time: a new default does not"
        " roll the pool; set the image to upgrade it.",
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
    auth: PoolAuth | None = Field(
        default=None, description="Who may connect. Left out, anybody may, which only Development allows."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Origins of pages, besides the pool's own, that may connect, fetch ICE servers and load the SDK,"
        " such as https://app.example; `*`: all, which Production refuses.",
        json_schema_extra={
            "x-kubernetes-list-type": "set",
            "items": {"type": "string", "maxLength": 255, "pattern": r"^(\*|https?://[^/\s,]+)$"},
        },
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Address ranges (CIDR) of proxies, such as an ingress controller's pods, whose X-Forwarded-For says"
        " who the client is. Left out, clients are told apart by the address that the pods see.",
        json_schema_extra={"x-kubernetes-list-type": "set", "items": {"type": "string", "maxLength": 43}},
    )
    service: PoolService = Field(default=PoolService(), description="The Service in front of the pods.")
    ingress: PoolIngress | None = Field(default=None, description="An Ingress that leads to the Service.")
    drain: PoolDrain = Field(default=PoolDrain(), description="How pods that should go are emptied.")
    rollout: PoolRollout = Field(default=PoolRollout(), description="How new pods replace old ones.")
    rebalance: PoolRebalance = Field(
        default=PoolRebalance(), description="How sessions move from full pods to those that have room."
    )


class SignalingPoolStatus(Status):
    """What the pool is."""

    replicas: int = Field(default=0, ge=0, description="Pods that exist.")
    ready_replicas: int = Field(default=0, ge=0, description="Pods that serve.")
    draining_replicas: int = Field(default=0, ge=0, description="Pods that give their sessions away.")
    desired_replicas: int = Field(default=0, ge=0, description="Pods that the pool should have.")
    decision: str = Field(default="", description="Why it should have that many.")
    sessions: int = Field(
        default=0, ge=0, description="Sessions on the pods, attached or resumable; renewed every 30 s at most."
    )
    capacity: int = Field(default=0, ge=0, description="Sessions that the pods in service can carry.")
    last_move_time: datetime | None = Field(
        default=None,
        description="When sessions were last asked to move to other pods, noted as that begins and as it ends.",
    )
    selector: str = Field(default="", description="Label selector of the pods, for the scale subresource.")
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
    AUTH_RESOLVED = "AuthResolved"
    PODS_READY = "PodsReady"
    DRAINED = "Drained"
    SCALING_ACTIVE = "ScalingActive"
    SESSIONS_DURABLE = "SessionsDurable"
