import base64
import hashlib
from typing import Any

from tests.unit.operator.examples import KEYS, cluster

from switchboard_operator.redis import objects


def by_name(**spec: Any) -> dict[str, Any]:
    made = objects.common(cluster(**spec), KEYS, "system")
    return {f"{item['kind']}/{item['metadata']['name']}": item for item in made}


def files() -> dict[str, str]:
    data = by_name()["Secret/store-redis-server"]["data"]
    return {name: base64.b64decode(text).decode() for name, text in data.items()}


def test_a_shard_is_a_parallel_stateful_set_with_manual_updates() -> None:
    made = objects.stateful_sets(cluster(replicasPerShard=2), "valkey:1")
    assert [item["metadata"]["name"] for item in made] == ["store-redis-0", "store-redis-1", "store-redis-2"]
    spec = made[0]["spec"]
    assert (spec["replicas"], spec["podManagementPolicy"], spec["updateStrategy"]) == (
        3,
        "Parallel",
        {"type": "OnDelete"},
    )
    assert objects.nodes(cluster(replicasPerShard=2)) == 9
    assert objects.pod_names(cluster(replicasPerShard=1))[:3] == [
        "store-redis-0-0",
        "store-redis-0-1",
        "store-redis-1-0",
    ]


def test_a_drain_does_not_evict_a_replica_whose_primary_is_down() -> None:
    """Such a replica is not ready, and may be the last copy."""
    spec = by_name()["PodDisruptionBudget/store-redis"]["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "IfHealthyBudget")


def test_shards_and_primaries_are_spread_over_nodes_if_possible() -> None:
    made = objects.stateful_set(cluster(), 1, "valkey:1")["spec"]["template"]
    spec = made["spec"]
    [apart] = spec["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert apart["podAffinityTerm"]["labelSelector"]["matchLabels"] == made["metadata"]["labels"]
    zones, nodes = spec["topologySpreadConstraints"]
    assert nodes["labelSelector"]["matchLabels"] == objects.selector(cluster())
    assert nodes["matchLabelKeys"] == ["apps.kubernetes.io/pod-index"]
    kinds = [(constraint["topologyKey"], constraint["whenUnsatisfiable"]) for constraint in (zones, nodes)]
    assert kinds == [("topology.kubernetes.io/zone", "ScheduleAnyway"), ("kubernetes.io/hostname", "ScheduleAnyway")]


def test_the_volumes_are_deleted_or_retained_as_specified() -> None:
    def policy(**storage: str) -> Any:
        made = objects.stateful_set(cluster(storage=storage), 0, "valkey:1")
        return made["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"]

    assert policy() == "Retain"
    assert policy(deletionPolicy="Delete") == "Delete"


def test_the_volume_has_the_specified_size_and_class() -> None:
    made = objects.stateful_set(cluster(storage={"size": "5Gi", "storageClassName": "fast"}), 0, "valkey:1")
    claim = made["spec"]["volumeClaimTemplates"][0]["spec"]
    assert claim["resources"]["requests"]["storage"] == "5Gi"
    assert claim["storageClassName"] == "fast"
    plain = objects.stateful_set(cluster(), 0, "valkey:1")["spec"]["volumeClaimTemplates"][0]["spec"]
    assert "storageClassName" not in plain


def test_clients_get_a_user_of_their_own() -> None:
    data = by_name()["Secret/store-redis-client"]["data"]
    assert base64.b64decode(data["username"]) == b"switchboard"
    assert base64.b64decode(data["password"]).decode() == KEYS.redis_password("switchboard", "uid-of-store")


def test_each_user_has_a_password_and_minimal_permissions() -> None:
    users = files()["users.acl"].splitlines()
    assert users[0] == "user default off"
    password = KEYS.redis_password("operator", "uid-of-store")
    digest = hashlib.sha256(password.encode()).hexdigest()
    assert f"user operator on #{digest} -@all +ping +info +dbsize +cluster" in users
    assert not any("nopass" in line for line in users)
    assert "+@all -@admin -@dangerous" in next(line for line in users if line.startswith("user switchboard"))


def test_nodes_sync_every_second_and_replicate_with_their_own_user() -> None:
    settings = files()["valkey.conf"].splitlines()
    assert {"appendonly yes", "appendfsync everysec", "cluster-allow-replica-migration no"} <= set(settings)
    assert f"masterauth {KEYS.redis_password('replication', 'uid-of-store')}" in settings


def test_the_probe_and_the_stop_hook_log_in_as_the_node() -> None:
    assert files()["node-password"] == KEYS.redis_password("node", "uid-of-store")
    users = files()["users.acl"].splitlines()
    assert next(line for line in users if line.startswith("user node")).endswith(
        " -@all +info +cluster|failover +cluster|nodes"
    )


def test_a_node_hands_its_shard_over_before_it_stops() -> None:
    container = objects.stateful_set(cluster(), 0, "valkey:1")["spec"]["template"]["spec"]["containers"][0]
    script = container["lifecycle"]["preStop"]["exec"]["command"][-1].rpartition("/")[2]
    assert "CLUSTER FAILOVER" in files()[script]
    assert "+cluster|failover" in next(
        line for line in files()["users.acl"].splitlines() if line.startswith("user node")
    )


def test_nodes_resolve_before_they_are_ready() -> None:
    spec = by_name()["Service/store-redis"]["spec"]
    assert (spec["clusterIP"], spec["publishNotReadyAddresses"]) == ("None", True)


def test_only_pools_the_operator_and_the_nodes_reach_the_nodes() -> None:
    clients, bus = by_name()["NetworkPolicy/store-redis"]["spec"]["ingress"]
    assert len(clients["from"]) == 3
    namespaces = [peer.get("namespaceSelector", {}).get("matchLabels") for peer in clients["from"]]
    assert {"kubernetes.io/metadata.name": "system"} in namespaces
    assert bus["from"] == [{"podSelector": {"matchLabels": objects.selector(cluster())}}]


def test_a_node_announces_its_current_address() -> None:
    container = objects.stateful_set(cluster(), 0, "valkey:1")["spec"]["template"]["spec"]["containers"][0]
    assert '--cluster-announce-ip "$POD_IP"' in container["command"][-1]
    assert container["image"] == "valkey:1"
