"""Builders of a Redis cluster's objects. Pure."""

import hashlib
from typing import Final

from switchboard_crds import names
from switchboard_crds.redis_cluster import RedisCluster
from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube.resources import Json
from switchboard_operator.owned import builders
from switchboard_operator.owned.owner import Owner

CLIENT_USER: Final = "switchboard"
"""ACL user of the pools' pods."""
OPERATOR_USER: Final = "operator"
_REPLICATION_USER: Final = "replication"
_NODE_USER: Final = "node"

TERMINATION_SECONDS: Final = 30
_FILES: Final = "/etc/switchboard/redis"

_ACLS: Final = {
    CLIENT_USER: "~* &* +@all -@admin -@dangerous +info +cluster|slots +cluster|shards +cluster|nodes +cluster|info",
    OPERATOR_USER: "-@all +ping +info +dbsize +cluster",
    # Commands that a replica sends to its primary (https://valkey.io/topics/acl/).
    _REPLICATION_USER: "-@all +psync +replconf +ping",
    # Commands of a node's own readiness probe and preStop hook.
    _NODE_USER: "-@all +info +cluster|failover +cluster|nodes",
}

_SETTINGS: Final = f"""\
port {names.REDIS_PORT}
protected-mode no
aclfile {_FILES}/users.acl
dir /data
appendonly yes
appendfsync everysec
save ""
cluster-enabled yes
cluster-config-file /data/nodes.conf
cluster-node-timeout 5000
cluster-allow-replica-migration no
cluster-require-full-coverage no
repl-diskless-sync-delay 0
maxmemory 256mb
maxmemory-policy noeviction
"""
# No replica migration: a replica that changed its shard would no longer match its volume. No full coverage: the other
# slots stay available when a shard is down. No diskless delay: it would only prolong the sync of a new replica.

_START: Final = (
    'exec "$(command -v valkey-server || command -v redis-server)"'
    f' {_FILES}/valkey.conf --cluster-announce-ip "$POD_IP"'
)

_ASK: Final = f"""\
cli=$(command -v valkey-cli || command -v redis-cli)
REDISCLI_AUTH=$(cat {_FILES}/node-password)
export REDISCLI_AUTH
ask() {{ "$cli" --no-auth-warning --user {_NODE_USER} "$@"; }}
"""

_READY: Final = (
    _ASK
    + """\
info=$(ask INFO) || exit 1
case $info in *master_link_status:down*) exit 1 ;; esac
case $info in *[!_]loading:0*) ;; *) exit 1 ;; esac
end='
'
nodes=$(ask CLUSTER NODES) || exit 1
case $nodes in *"$end"*) ;; *myself,*) exit 1 ;; esac
myself=${nodes#*myself,}
case ${myself%%"$end"*} in master*connected) exit 1 ;; esac
exit 0
"""
)
# A server that is loading its data reports `loading:1`, but also `async_loading:0`. A node that knows no other, or a
# primary without slots, holds no copy: if it were Ready, the disruption budget would let a drain evict the only one.
# A node that was started with earlier ACLs answers NOPERM, which is neither.

_STOP: Final = (
    _ASK
    + """\
left=200
while [ $left -gt 0 ]; do
  info=$(ask INFO replication)
  case $info in *role:slave*) exit 0 ;; esac
  if [ $((left % 50)) -eq 0 ]; then
    replica=${info%%,state=online*}
    [ "$replica" != "$info" ] || exit 0
    replica=${replica##*:ip=}
    ask -h "${replica%%,*}" -p "${replica##*=}" CLUSTER FAILOVER
  fi
  left=$((left - 1))
  sleep 0.1
done
"""
)
# A primary that is stopped hands its shard over first: clients wait for milliseconds instead of an election after
# cluster-node-timeout, and no acknowledged write is lost. A manual failover ends within 5 s
# (https://valkey.io/commands/cluster-failover/).


def owner_of(cluster: RedisCluster) -> Owner:
    """Return the cluster as an owner of objects."""
    return Owner.of(names.REDIS_CLUSTER, cluster)


def base_name(cluster: RedisCluster) -> str:
    """Return the name of the headless Service and of the cluster's other singleton objects."""
    return f"{cluster.metadata.name}-redis"


def client_secret_name(cluster: RedisCluster) -> str:
    """Return the name of the Secret with the clients' username and password."""
    return f"{base_name(cluster)}-client"


def server_secret_name(cluster: RedisCluster) -> str:
    """Return the name of the Secret with the nodes' configuration."""
    return f"{base_name(cluster)}-server"


def stateful_set_name(cluster: RedisCluster, shard: int) -> str:
    """Return the name of a shard's StatefulSet."""
    return f"{base_name(cluster)}-{shard}"


def selector(cluster: RedisCluster) -> dict[str, str]:
    """Return the labels that select all nodes."""
    return {names.LABEL_NAME: names.REDIS, **owner_of(cluster).labels()}


def pod_names(cluster: RedisCluster) -> list[str]:
    """Return the names of all pods in the spec."""
    ordinals = range(1 + cluster.spec.replicas_per_shard)
    return [
        f"{stateful_set_name(cluster, shard)}-{ordinal}" for shard in range(cluster.spec.shards) for ordinal in ordinals
    ]


def nodes(cluster: RedisCluster) -> int:
    """Return the number of nodes in the spec."""
    return len(pod_names(cluster))


def common(cluster: RedisCluster, keys: Keys, operator_namespace: str) -> list[Json]:
    """Return all objects of the cluster except its StatefulSets."""
    uid = cluster.metadata.uid
    client = {"username": CLIENT_USER, "password": keys.redis_password(CLIENT_USER, uid)}
    return [
        builders.service_account(base_name(cluster)),
        builders.secret(client_secret_name(cluster), client),
        builders.secret(server_secret_name(cluster), server_files(cluster, keys)),
        service(cluster),
        # A replica whose primary is down is not Ready, but may hold the last copy of its shard.
        builders.disruption_budget(base_name(cluster), selector(cluster), unhealthy="IfHealthyBudget"),
        network_policy(cluster, operator_namespace),
    ]


def server_files(cluster: RedisCluster, keys: Keys) -> dict[str, str]:
    """Return the files of a node: settings, users, readiness probe, preStop hook."""
    uid = cluster.metadata.uid
    passwords = {user: keys.redis_password(user, uid) for user in _ACLS}
    users = ["user default off"]
    for user, rights in _ACLS.items():
        users.append(f"user {user} on #{hashlib.sha256(passwords[user].encode()).hexdigest()} {rights}")
    replication = f"masteruser {_REPLICATION_USER}\nmasterauth {passwords[_REPLICATION_USER]}\n"
    return {
        "valkey.conf": _SETTINGS + replication,
        "users.acl": "\n".join(users) + "\n",
        "ready.sh": _READY,
        "stop.sh": _STOP,
        "node-password": passwords[_NODE_USER],
    }


def service(cluster: RedisCluster) -> Json:
    """Return the headless Service. It also resolves to nodes that are not Ready, which must be met to become Ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": base_name(cluster)},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": selector(cluster),
            "ports": [
                {"name": "redis", "port": names.REDIS_PORT, "targetPort": "redis", "protocol": "TCP"},
                {"name": "bus", "port": names.REDIS_BUS_PORT, "targetPort": "bus", "protocol": "TCP"},
            ],
        },
    }


def network_policy(cluster: RedisCluster, operator_namespace: str) -> Json:
    """Return the policy of the nodes: open to pools in the namespace, the operator, and other nodes."""
    itself = {"podSelector": {"matchLabels": selector(cluster)}}
    pools = {"podSelector": {"matchLabels": {names.LABEL_NAME: names.SIGNALING}}}
    operator = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": operator_namespace}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": base_name(cluster)},
        "spec": {
            "podSelector": {"matchLabels": selector(cluster)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [itself, pools, operator], "ports": [{"port": "redis", "protocol": "TCP"}]},
                {"from": [itself], "ports": [{"port": "bus", "protocol": "TCP"}]},
            ],
        },
    }


def stateful_sets(cluster: RedisCluster, image: str) -> list[Json]:
    """Return the StatefulSets, one per shard."""
    return [stateful_set(cluster, shard, image) for shard in range(cluster.spec.shards)]


def stateful_set(cluster: RedisCluster, shard: int, image: str) -> Json:
    """Return the StatefulSet of a shard. Its pods start in parallel and are replaced only when deleted."""
    labels = {**selector(cluster), names.LABEL_SHARD: str(shard)}
    storage = cluster.spec.storage
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": stateful_set_name(cluster, shard), "labels": {names.LABEL_SHARD: str(shard)}},
        "spec": {
            "replicas": 1 + cluster.spec.replicas_per_shard,
            "serviceName": base_name(cluster),
            "podManagementPolicy": "Parallel",
            "updateStrategy": {"type": "OnDelete"},
            "persistentVolumeClaimRetentionPolicy": {
                "whenDeleted": storage.deletion_policy.value,
                "whenScaled": "Retain",
            },
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": _pod(cluster, labels, image)},
            "volumeClaimTemplates": [_claim(cluster)],
        },
    }


def _claim(cluster: RedisCluster) -> Json:
    storage = cluster.spec.storage
    spec: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": storage.size}}}
    if storage.storage_class_name is not None:
        spec["storageClassName"] = storage.storage_class_name
    return {"metadata": {"name": "data", "labels": selector(cluster)}, "spec": spec}


def _pod(cluster: RedisCluster, labels: dict[str, str], image: str) -> Json:
    return {
        "serviceAccountName": base_name(cluster),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": dict(builders.POD_SECURITY),
        "topologySpreadConstraints": [
            builders.spread(labels, names.TOPOLOGY_ZONE),
            # The first pod of each shard starts as a primary: losing a node with most of them would lose the majority.
            {**builders.spread(selector(cluster), names.TOPOLOGY_NODE), "matchLabelKeys": [names.POD_INDEX]},
        ],
        "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [_apart(labels)]}},
        "containers": [_container(image)],
        "volumes": [builders.secret_volume("files", server_secret_name(cluster))],
    }


def _apart(labels: dict[str, str]) -> Json:
    """Return a preferred anti-affinity between pods with these labels on the same node."""
    term = {"topologyKey": names.TOPOLOGY_NODE, "labelSelector": {"matchLabels": labels}}
    return {"weight": 100, "podAffinityTerm": term}


def _container(image: str) -> Json:
    ready = {"exec": {"command": ["sh", f"{_FILES}/ready.sh"]}, "periodSeconds": 2, "timeoutSeconds": 3}
    return {
        "name": names.REDIS_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", _START],
        "env": [builders.field_env("POD_IP", "status.podIP")],
        "ports": [
            {"name": "redis", "containerPort": names.REDIS_PORT, "protocol": "TCP"},
            {"name": "bus", "containerPort": names.REDIS_BUS_PORT, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": dict(builders.CONTAINER_SECURITY),
        "lifecycle": {"preStop": {"exec": {"command": ["sh", f"{_FILES}/stop.sh"]}}},
        "readinessProbe": ready,
        "livenessProbe": {"tcpSocket": {"port": "redis"}, "periodSeconds": 10, "failureThreshold": 6},
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "files", "mountPath": _FILES, "readOnly": True},
        ],
    }
