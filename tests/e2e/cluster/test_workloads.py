"""Names, Services, volumes and rolling updates of workloads, with a real Valkey on three nodes."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import NODES, temporary_namespace
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl, Object, all_ready, ready, rolled_out

from switchboard_cluster.cluster import need

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LABELS = {"app": "valkey"}
PORT = 6379


def stateful_set(image: str) -> Object:
    """Return a StatefulSet with a Valkey per node that writes every change to its volume."""
    container = {
        "name": "valkey",
        "image": image,
        "command": [
            "valkey-server",
            "--dir",
            "/data",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
            "--protected-mode",
            "no",
        ],
        "ports": [{"name": "valkey", "containerPort": PORT}],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
        # Time for all nodes to remove the pod's endpoint before it exits.
        "lifecycle": {"preStop": {"sleep": {"seconds": 3}}},
        "securityContext": {"runAsNonRoot": True, "allowPrivilegeEscalation": False},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": LABELS},
    }
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "valkey"},
        "spec": {
            "serviceName": "valkey",
            "replicas": NODES,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": LABELS},
            "template": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "terminationGracePeriodSeconds": 10,
                    "containers": [container],
                    "topologySpreadConstraints": [spread],
                },
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def service(name: str, **spec: object) -> Object:
    ports = [{"name": "valkey", "port": PORT}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": LABELS, "ports": ports, **spec},
    }


@pytest.fixture(scope="module")
def valkey(cluster: Embedded) -> Iterator[Kubectl]:
    """kubectl in a namespace with three Ready Valkeys."""
    image = cluster.run("load-images", "valkey")["valkey"]
    for kubectl in temporary_namespace(cluster.kubectl, "workloads"):
        kubectl.apply(
            stateful_set(image),
            service("valkey", clusterIP="None"),
            service("any-valkey"),
            service("outside", type="NodePort"),
        )
        kubectl.wait_for("pods", all_ready(NODES), "three Valkeys are Ready", 120)
        yield kubectl


def cli(kubectl: Kubectl, pod: str, *argv: str) -> str:
    return kubectl.exec(pod, "valkey-cli", *argv).strip()


def test_nodes_have_regions_and_zones_of_their_own(cluster: Embedded) -> None:
    labels = [node["metadata"]["labels"] for node in cluster.kubectl.json("get", "nodes")["items"]]
    regions = [label["topology.kubernetes.io/region"] for label in labels]
    assert sorted(regions) == ["region-1", "region-2", "region-3"]
    assert [label["topology.kubernetes.io/zone"] for label in labels] == [f"{region}a" for region in regions]


def test_pods_are_spread_over_the_zones(valkey: Kubectl) -> None:
    pods = valkey.json("get", "pods")["items"]
    assert len({pod["spec"]["nodeName"] for pod in pods}) == NODES


def test_one_storage_class_is_the_default(valkey: Kubectl) -> None:
    classes = valkey.json("get", "storageclasses")["items"]
    marker = "storageclass.kubernetes.io/is-default-class"
    assert [one["metadata"]["name"] for one in classes if one["metadata"]["annotations"][marker] == "true"] == [
        "standard"
    ]
    claims = valkey.json("get", "persistentvolumeclaims")["items"]
    assert {(claim["spec"]["storageClassName"], claim["status"]["phase"]) for claim in claims} == {
        ("standard", "Bound")
    }


def test_a_pod_is_reached_by_its_name_through_the_headless_service(valkey: Kubectl) -> None:
    cli(valkey, "valkey-1", "set", "who", "valkey-1")
    assert cli(valkey, "valkey-0", "-h", "valkey-1.valkey", "get", "who") == "valkey-1"
    full = f"valkey-1.valkey.{valkey.namespace}.svc.cluster.local"
    assert cli(valkey, "valkey-2", "-h", full, "get", "who") == "valkey-1"


def test_a_service_reaches_its_pods_on_all_nodes(valkey: Kubectl) -> None:
    seen: set[str] = set()
    deadline = time.monotonic() + 60
    while len(seen) < NODES:
        assert time.monotonic() < deadline, f"only {len(seen)} pods answered for the Service"
        for pod in range(NODES):
            info = cli(valkey, f"valkey-{pod}", "-h", "any-valkey", "info", "server")
            seen.add(next(line for line in info.splitlines() if line.startswith("run_id:")))


def addresses(cluster: Embedded, kubectl: Kubectl) -> list[tuple[str, int]]:
    """Return the addresses of the NodePort Service for the host."""
    port = kubectl.json("get", "service", "outside")["spec"]["ports"][0]["nodePort"]
    return [(node.address, port) for node in need(cluster.paths).nodes]


def ping(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64).decode()


def test_a_node_port_answers_the_host_on_every_node(cluster: Embedded, valkey: Kubectl) -> None:
    assert [ping(address) for address in addresses(cluster, valkey)] == ["+PONG\r\n"] * NODES


def test_the_log_of_a_pod_is_available(valkey: Kubectl) -> None:
    assert "Ready to accept connections" in valkey("logs", "valkey-0")


def test_the_data_of_a_pod_survives_its_replacement(valkey: Kubectl) -> None:
    cli(valkey, "valkey-2", "set", "kept", "yes")
    before = valkey.json("get", "pod", "valkey-2")["metadata"]["uid"]
    valkey("delete", "pod", "valkey-2", "--force", "--grace-period=0")
    valkey.wait_for(
        "pod valkey-2", lambda pod: pod["metadata"]["uid"] != before and ready(pod), "the pod is replaced", 90
    )
    assert cli(valkey, "valkey-2", "get", "kept") == "yes"


def test_a_service_answers_during_a_rolling_update(cluster: Embedded, valkey: Kubectl) -> None:
    requests, failures, done = 0, [], threading.Event()
    targets = addresses(cluster, valkey)

    def call() -> None:
        nonlocal requests
        while not done.wait(0.05):
            address = targets[requests % len(targets)]
            requests += 1
            try:
                if (answer := ping(address)) != "+PONG\r\n":
                    failures.append(f"{address}: {answer!r}")
            except OSError as error:
                failures.append(f"{address}: {error}")

    before = {pod["metadata"]["uid"] for pod in valkey.json("get", "pods")["items"]}
    caller = threading.Thread(target=call)
    caller.start()
    try:
        valkey("rollout", "restart", "statefulset/valkey")
        valkey.wait_for("statefulset valkey", rolled_out, "all pods are replaced", 180)
    finally:
        done.set()
        caller.join()
    assert not before & {pod["metadata"]["uid"] for pod in valkey.json("get", "pods")["items"]}
    assert requests > 50
    assert failures == []
    assert cli(valkey, "valkey-2", "get", "kept") == "yes", "volumes follow their pods"
