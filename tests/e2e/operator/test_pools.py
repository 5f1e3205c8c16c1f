"""A SignalingPool on a real API server: its creation, changes, repairs and deletion."""

import base64
import json
from typing import Any

import pytest
from tests.e2e.apiserver import ApiServer
from tests.e2e.operator.conftest import Replica, Start, without_api_server
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster

OWNED = "serviceaccount,secret,service,poddisruptionbudget,networkpolicy,ingress,replicaset,pod"


@pytest.fixture
def fleet(api: ApiServer, namespace: str) -> Resource:
    return Resource(api, namespace, "TurnFleet", "relays")


def test_a_pool_becomes_ready_with_its_pods(operator: Replica, pool: Pool) -> None:
    pool.apply()
    until(lambda: len(pool.items("pods")) == 1, "a pod")
    until(lambda: pool.condition("Ready").get("reason") == "Starting", "the reason Starting")
    until(pool.is_ready, "the pool is Ready")
    status = pool.live()["status"]
    assert (status["replicas"], status["readyReplicas"], status["image"]) == (1, 1, "signaling:test")
    assert status["observedGeneration"] == 1
    assert pool.condition("SessionsDurable")["reason"] == "Memory"


def test_kubectl_scale_scales_the_pool(operator: Replica, pool: Pool, redis: Resource) -> None:
    pool.apply(redisRef={"name": "store"})
    until(pool.serves, "its pod serves")
    pool.api.kubectl("-n", pool.namespace, "scale", "signalingpool", pool.name, "--replicas=3")
    until(lambda: len(pool.items("pods")) == 3, "three pods")


def test_a_new_image_surges_before_old_pods_are_deleted(operator: Replica, pool: Pool, redis: Resource) -> None:
    pool.apply(replicas=2, redisRef={"name": "store"}, image="signaling:1")
    until(pool.serves, "its pods serve")
    pool.apply(replicas=2, redisRef={"name": "store"}, image="signaling:2")
    until(lambda: len(pool.items("replicasets")) == 2, "a second revision")
    until(lambda: len(pool.items("pods")) == 3, "one pod of the second revision")
    assert pool.live()["status"]["readyReplicas"] == 2
    until(lambda: pool.serves() and len(pool.items("replicasets")) == 1, "only the second revision is left")
    assert {pod["spec"]["containers"][0]["image"] for pod in pool.items("pods")} == {"signaling:2"}


@pytest.mark.parametrize(
    ("kind", "spec", "workload", "default"),
    [
        ("SignalingPool", {"environment": "Development"}, "replicaset", "signaling:test"),
        ("TurnFleet", {"regions": [{"name": "north"}]}, "deployment", "turn:test"),
        ("RedisCluster", {}, "statefulset", "valkey:test"),
    ],
    ids=["pool", "fleet", "cluster"],
)
def test_an_image_can_be_reverted(
    operator: Replica, api: ApiServer, namespace: str, kind: str, spec: dict[str, Any], workload: str, default: str
) -> None:
    resource = Resource(api, namespace, kind, "it")

    def used(image: str) -> bool:
        found = [item["spec"]["template"]["spec"]["containers"][0]["image"] for item in resource.items(workload)]
        status = resource.live().get("status", {})
        return image in found and (status.get("image"), status.get("defaultImage")) == (image, default)

    resource.apply(**spec)
    until(lambda: used(default), "the operator's default image")
    resource.apply(**spec, image="nowhere/wrong:1")
    until(lambda: used("nowhere/wrong:1"), "the image of the spec")
    resource.apply(**spec)
    until(lambda: used(default), "the operator's default image again")


def test_every_deleted_object_is_restored(operator: Replica, pool: Pool) -> None:
    pool.apply(ingress={"host": "calls.example"})
    until(pool.is_ready, "the pool is Ready")
    before = {(item["kind"], item["metadata"]["name"]): item for item in pool.items(OWNED) if item["kind"] != "Pod"}
    assert len(before) == 10
    for (kind, name), item in before.items():
        pool.api.rest.delete(kind, name, pool.namespace)

        def restored(kind: str = kind, name: str = name, uid: str = item["metadata"]["uid"]) -> bool:
            found = [one for one in pool.items(kind) if one["metadata"]["name"] == name]
            return bool(found and found[0]["metadata"]["uid"] != uid)

        until(restored, f"a new {kind} {name}")
    after = {item["metadata"]["name"]: item.get("data") for item in pool.items("secret")}
    assert after == {name: item["data"] for (kind, name), item in before.items() if kind == "Secret"}


def test_a_manual_change_of_an_object_is_reverted(operator: Replica, pool: Pool) -> None:
    pool.apply()
    until(pool.is_ready, "the pool is Ready")
    patch = '{"spec": {"selector": {"app.kubernetes.io/instance": "elsewhere"}}}'
    pool.api.kubectl("-n", pool.namespace, "patch", "service", "calls-signaling", "-p", patch)
    until(
        lambda: pool.items("services")[0]["spec"]["selector"]["app.kubernetes.io/instance"] == "calls",
        "the selector is repaired",
    )


def test_an_ingress_is_deleted_when_it_is_removed_from_the_spec(operator: Replica, pool: Pool) -> None:
    pool.apply(ingress={"host": "calls.example"})
    until(lambda: pool.items("ingress"), "an Ingress")
    pool.apply()
    until(lambda: not pool.items("ingress"), "no Ingress")


def test_an_object_of_another_owner_is_kept_and_reported(operator: Replica, pool: Pool) -> None:
    pool.api.kubectl("-n", pool.namespace, "create", "service", "clusterip", "calls-signaling", "--tcp=80")
    pool.apply()
    until(lambda: pool.condition("ObjectsApplied").get("reason") == "NameTaken", "the condition")
    assert f"Service {pool.namespace}/calls-signaling" in pool.condition("Ready")["message"]
    pool.api.kubectl("-n", pool.namespace, "delete", "service", "calls-signaling")
    until(pool.is_ready, "the pool is Ready", 30)


def test_an_image_that_cannot_be_pulled_is_reported(operator: Replica, pool: Pool) -> None:
    pool.apply(image="nowhere/none:1")
    until(lambda: pool.items("pods"), "a pod")
    name = pool.items("pods")[0]["metadata"]["name"]
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    container = {"name": "signaling", "image": "", "imageID": "", "ready": False, "restartCount": 0}
    pool.patch_status("pod", name, {"containerStatuses": [{**container, "state": {"waiting": waiting}}]})
    until(lambda: pool.condition("Ready").get("reason") == "ImagePull", "the condition")
    assert name in pool.condition("Ready")["message"]
    assert "Remedy" in pool.condition("Ready")["message"]


def test_a_pool_waits_for_its_redis_cluster_and_recovers(operator: Replica, pool: Pool, api: ApiServer) -> None:
    pool.apply(redisRef={"name": "store"})
    until(lambda: pool.condition("Ready").get("reason") == "RedisNotFound", "the condition")
    assert not pool.items("replicaset")
    Resource(api, pool.namespace, "RedisCluster", "store").apply()
    until(lambda: pool.items("replicaset"), "its pods are created")
    container = pool.items("replicaset")[0]["spec"]["template"]["spec"]["containers"][0]
    environment = {item["name"]: item.get("value") for item in container["env"]}
    assert environment["SWITCHBOARD_REDIS_NODES"] == f"store-redis.{pool.namespace}.svc:6379"


def test_a_pool_waits_for_the_secret_of_its_jwts_and_recovers(operator: Replica, pool: Pool) -> None:
    create = ("-n", pool.namespace, "create", "secret", "generic", "jwt")
    pool.apply(auth={"type": "SharedSecret", "secretName": "jwt"})
    until(lambda: pool.condition("Ready").get("reason") == "SecretNotFound", "the condition")
    assert f"Secret {pool.namespace}/jwt" in pool.condition("AuthResolved")["message"]
    assert not pool.items("replicaset")
    pool.api.kubectl(*create, "--from-literal=one=too-short")
    until(lambda: pool.condition("Ready").get("reason") == "SecretInvalid", "the condition", 30)
    pool.api.kubectl("-n", pool.namespace, "delete", "secret", "jwt")
    pool.api.kubectl(*create, f"--from-literal=one={'s' * 32}")
    until(pool.is_ready, "the pool is Ready", 30)
    spec = pool.items("replicaset")[0]["spec"]["template"]["spec"]
    assert {"name": "auth", "secret": {"secretName": "jwt", "defaultMode": 0o440}} in spec["volumes"]


def test_a_pool_receives_the_directory_of_its_fleet(operator: Replica, pool: Pool, fleet: Resource) -> None:
    def directory() -> list[dict[str, object]]:
        data = next(one["data"] for one in pool.items("secret") if one["metadata"]["name"] == "calls-signaling-ice")
        servers: list[dict[str, object]] = json.loads(base64.b64decode(data["directory.json"]))["servers"]
        return servers

    pool.apply(turnRefs=[{"name": "relays"}])
    until(lambda: pool.condition("Ready").get("reason") == "TurnNotFound", "the condition")
    fleet.apply(regions=[{"name": "north", "nodeSelector": {}}])
    until(fleet.is_ready, "the fleet is Ready")
    until(pool.is_ready, "the pool is Ready")
    server = directory()[0]
    assert server["urls"] == ["turn:10.1.2.3:3478?transport=udp", "turn:10.1.2.3:3478?transport=tcp"]
    secrets = next(one["data"] for one in fleet.items("secret"))
    assert isinstance(server["auth"], dict)
    uid = pool.live()["metadata"]["uid"]
    assert base64.b64decode(secrets[uid]).decode() == server["auth"]["secret"]
    pool.delete()
    until(
        lambda: list(fleet.items("secret")[0]["data"]) == ["probe"], "the fleet removes the secret of the deleted pool"
    )


def test_nothing_is_written_at_rest(operator: Replica, pool: Pool, fleet: Resource, redis: Resource) -> None:
    fleet.apply(regions=[{"name": "north", "nodeSelector": {}}])
    pool.apply(replicas=2, redisRef={"name": "store"}, turnRefs=[{"name": "relays"}])
    until(fleet.is_ready, "the fleet is Ready")
    until(pool.serves, "the pool serves")
    renewals = 'switchboard_operator_api_requests_total{code="200",verb="PUT"}'

    def at_rest() -> bool:
        written, renewed = len(pool.api.audit_log.read_text().splitlines()), operator.metric(renewals)
        until(lambda: operator.metric(renewals) >= renewed + 5, "the Lease is renewed five times", 30)
        return pool.api.writes(since=written) == []

    until(at_rest, "ten seconds without a write", 60)


def test_a_pool_deleted_while_the_operator_is_down_leaves_nothing(start: Start, pool: Pool) -> None:
    replica = start("first")
    pool.apply(ingress={"host": "calls.example"})
    until(pool.is_ready, "the pool is Ready")
    replica.kill()
    pool.delete()

    def gone() -> bool:
        pool.run_pods()  # a pod with a node is deleted only after its kubelet reports that it has exited
        return not pool.items(OWNED)

    until(gone, "nothing is left", 60)


def test_another_replica_takes_over_when_the_leader_is_killed(start: Start, pool: Pool) -> None:
    first = start("first")
    until(first.leads, "the first replica leads")
    second = start("second")
    assert second.answers("/readyz")
    assert not second.leads()
    first.kill()
    pool.apply()
    until(pool.is_ready, "the second replica reconciles the pool", 40)
    assert second.leads()


def test_the_operator_survives_a_restart_of_the_api_server(operator: Replica, pool: Pool) -> None:
    pool.apply()
    until(pool.is_ready, "the pool is Ready")
    with without_api_server(pool.api):
        assert operator.answers("/livez")
    pool.apply(image="signaling:2")
    until(lambda: len(pool.items("replicaset")) == 2, "the change is applied", 60)


def test_a_stopped_operator_releases_the_lease(start: Start, api: ApiServer) -> None:
    replica = start("first")
    until(replica.leads, "it leads")
    assert replica.stop() == 0
    lease = api.get("-n", "switchboard-system", "lease", "switchboard")
    assert not lease["spec"].get("holderIdentity")
