"""Names that more than one package uses: kinds, labels, annotations, ports, settings."""

from dataclasses import dataclass
from typing import Final

GROUP: Final = "switchboard.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "switchboard"

FIELD_MANAGER: Final = "switchboard"
"""Field manager of the operator (server-side apply)."""


@dataclass(frozen=True)
class Kind:
    """A custom kind and the forms of its name."""

    kind: str
    plural: str
    short: str

    @property
    def singular(self) -> str:
        """Name in lower case, as in `kubectl get signalingpool`."""
        return self.kind.lower()

    @property
    def crd(self) -> str:
        """Name of the CustomResourceDefinition."""
        return f"{self.plural}.{GROUP}"

    @property
    def label(self) -> str:
        """Label on all objects of a resource of this kind; its value is the resource's name."""
        return f"{GROUP}/{self.singular}"


SIGNALING_POOL: Final = Kind("SignalingPool", "signalingpools", "sp")
TURN_FLEET: Final = Kind("TurnFleet", "turnfleets", "tf")
REDIS_CLUSTER: Final = Kind("RedisCluster", "redisclusters", "rcl")  # rc is ReplicationController
KINDS: Final = (SIGNALING_POOL, TURN_FLEET, REDIS_CLUSTER)

LABEL_NAME: Final = "app.kubernetes.io/name"
LABEL_INSTANCE: Final = "app.kubernetes.io/instance"
LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "switchboard"

LABEL_REVISION: Final = f"{GROUP}/revision"
"""Hash of the pod template of a ReplicaSet and its pods."""

LABEL_IN_SERVICE: Final = f"{GROUP}/in-service"
"""`true` on a signaling pod that the pool's Service selects, `false` on a cordoned one."""
ANNOTATION_DRAIN: Final = f"{GROUP}/drain"
"""Why a pod is out of the Service: `Rebalancing`, or the stage of its drain: `Cordoned`, `Draining`, `Drained`."""
ANNOTATION_DRAIN_STARTED: Final = f"{GROUP}/drain-started"
"""When the pod started to move its sessions to other pods (RFC 3339)."""
ANNOTATION_REMOVING: Final = f"{GROUP}/removing"
"""On a ReplicaSet: uids of the pods that its last scale-down should remove, comma-separated."""
ANNOTATION_DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
"""Defined by Kubernetes: among otherwise equal pods, a ReplicaSet removes those with the lowest cost first."""

ANNOTATION_APPLIED_HASH: Final = f"{GROUP}/applied-hash"
"""Hash of the manifest that the operator applied last; a manifest with another hash is applied again."""

LABEL_SHARD: Final = f"{GROUP}/shard"
"""Shard of a Redis pod, from 0."""
LABEL_REGION: Final = f"{GROUP}/region"
"""Region of a TURN pod."""
ANNOTATION_CONFIG_HASH: Final = f"{GROUP}/config-hash"
"""Hash of the files that a running pod reads; writing it makes the kubelet update them at once."""
TOPOLOGY_REGION: Final = "topology.kubernetes.io/region"
TOPOLOGY_ZONE: Final = "topology.kubernetes.io/zone"
TOPOLOGY_NODE: Final = "kubernetes.io/hostname"
POD_INDEX: Final = "apps.kubernetes.io/pod-index"
"""Label that a StatefulSet sets on its pods: their ordinal."""

USER_ID: Final = 10001
"""Unix user and group of all containers."""

SIGNALING: Final = "signaling"
"""Value of `app.kubernetes.io/name` on signaling pods, and the name of their container."""
TURN: Final = "turn"
REDIS: Final = "redis"

HTTP_PORT: Final = 8080
"""Port `http` of a signaling pod: /ws, /api/webrtc/*, /health, /livez, /readyz and the call page."""
INTERNAL_PORT: Final = 9090
"""Port `internal` of a signaling pod: /metrics, /internal/* and /admin/*, over TLS."""
INTERNAL_TLS_NAME: Final = "signaling.switchboard.internal"
"""Name in the certificate of that port, which all pods of a pool share because their addresses change."""

SETTING_ENVIRONMENT: Final = "SWITCHBOARD_ENVIRONMENT"
SETTING_POOL: Final = "SWITCHBOARD_POOL"
SETTING_POD: Final = "SWITCHBOARD_POD"
SETTING_HTTP_PORT: Final = "SWITCHBOARD_HTTP_PORT"
SETTING_INTERNAL_PORT: Final = "SWITCHBOARD_INTERNAL_PORT"
SETTING_REDIS_NODES: Final = "SWITCHBOARD_REDIS_NODES"
"""`host:port,host:port` of the cluster nodes to connect to first."""
SETTING_REDIS_AUTH_DIR: Final = "SWITCHBOARD_REDIS_AUTH_DIR"
"""Folder with the files `username` and `password`."""
SETTING_ICE_DIRECTORY: Final = "SWITCHBOARD_ICE_DIRECTORY"
"""Path of directory.json: the TURN servers that the pool's clients may use, with the pool's own secrets."""
SETTING_KEY_DIR: Final = "SWITCHBOARD_KEY_DIR"
"""Folder with the pool's token keys, one per file."""
SETTING_AUTH_TYPE: Final = "SWITCHBOARD_AUTH_TYPE"
"""Anonymous, SharedSecret or JWKS: how clients authenticate."""
SETTING_AUTH_SECRET_DIR: Final = "SWITCHBOARD_AUTH_SECRET_DIR"  # noqa: S105 (a variable's name)
"""Folder with the HS256 secrets of JWTs, one per file. It changes while the pod runs."""
SETTING_AUTH_JWKS_URL: Final = "SWITCHBOARD_AUTH_JWKS_URL"
SETTING_AUTH_ISSUER: Final = "SWITCHBOARD_AUTH_ISSUER"
SETTING_AUTH_AUDIENCE: Final = "SWITCHBOARD_AUTH_AUDIENCE"
SETTING_ALLOWED_ORIGINS: Final = "SWITCHBOARD_ALLOWED_ORIGINS"
"""Origins of other pages that may connect, comma-separated."""
SETTING_TRUSTED_PROXIES: Final = "SWITCHBOARD_TRUSTED_PROXIES"
"""Address ranges (CIDR) of proxies whose X-Forwarded-For is trusted, comma-separated."""
SETTING_WRONG_TOKENS: Final = "SWITCHBOARD_WRONG_TOKENS"
"""Forged tokens after which a client's address is blocked for a while; 0: never."""

MIN_AUTH_SECRET_BYTES: Final = 32
"""Minimum length of an HS256 secret (RFC 7518, section 3.2)."""
SETTING_INTERNAL_TLS_DIR: Final = "SWITCHBOARD_INTERNAL_TLS_DIR"
SETTING_INTERNAL_TOKEN_DIR: Final = "SWITCHBOARD_INTERNAL_TOKEN_DIR"  # noqa: S105 (a setting's name)
"""Folder with the bearer tokens that the internal API accepts, one per file."""
SETTING_STOP_SECONDS: Final = "SWITCHBOARD_STOP_SECONDS"
"""How long a pod gives its clients to move to other pods after SIGTERM, in seconds."""

INTERNAL_SAMPLE: Final = "/internal/sample"
INTERNAL_CORDON: Final = "/internal/cordon"
INTERNAL_UNCORDON: Final = "/internal/uncordon"
INTERNAL_GOAWAY: Final = "/internal/goaway"
HEADER_FENCE: Final = "Switchboard-Fence"
"""Fencing token of the operator's leader, which grows with each election; a pod rejects requests with a lower one than
it has seen."""

COTURN_CONTAINER: Final = "coturn"
AGENT_CONTAINER: Final = "agent"
TURN_INTERNAL_PORT: Final = 9091
"""Port `internal` of the agent next to coturn: /livez, /readyz, /metrics."""
SETTING_TURN_REALM: Final = "SWITCHBOARD_TURN_REALM"
SETTING_TURN_USERDB: Final = "SWITCHBOARD_TURN_USERDB"
"""Path of the SQLite database that coturn authenticates clients with."""
SETTING_TURN_SECRETS_DIR: Final = "SWITCHBOARD_TURN_SECRETS_DIR"
"""Folder with the valid shared secrets, one per file; `probe` is the agent's own. It changes while the agent runs."""
SETTING_TURN_ADDRESS: Final = "SWITCHBOARD_TURN_ADDRESS"
SETTING_TURN_PORT: Final = "SWITCHBOARD_TURN_PORT"
SETTING_TURN_INTERNAL_PORT: Final = "SWITCHBOARD_TURN_INTERNAL_PORT"
TURN_PROBE_SECRET: Final = "probe"  # noqa: S105 (a file's name)

REDIS_PORT: Final = 6379
REDIS_BUS_PORT: Final = 16379
REDIS_CONTAINER: Final = "valkey"
