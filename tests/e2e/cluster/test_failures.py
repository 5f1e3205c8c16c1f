"""Injected failures: dead nodes, partitions, restarts of the control plane."""

from collections.abc import Iterator

import pytest
from tests.e2e.conftest import temporary_namespace
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Kubectl, Object, all_ready, ready, rolled_out

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

NOT_READY_WITHIN = 40
REPLICAS = 4


def pod_spec(image: str) -> Object:
    container = {"name": "valkey", "image": image, "command": ["valkey-server"], "workingDir": "/tmp"}
    return {"terminationGracePeriodSeconds": 1, "containers": [container]}


@pytest.fixture(scope="module")
def image(cluster: Embedded) -> str:
    found: str = cluster.run("load-images", "valkey")["valkey"]
    return found


@pytest.fixture(scope="module")
def workload(cluster: Embedded, image: str) -> Iterator[Kubectl]:
    """kubectl in a namespace with a Deployment whose pods are on all nodes."""
    labels = {"app": "workload"}
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    template = {"metadata": {"labels": labels}, "spec": pod_spec(image) | {"topologySpreadConstraints": [spread]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "workload"},
        "spec": {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template},
    }
    for kubectl in temporary_namespace(cluster.kubectl, "failures"):
        kubectl.apply(deployment)
        kubectl.wait_for("pods", all_ready(REPLICAS), "the Deployment is ready", 90)
        yield kubectl


@pytest.fixture(autouse=True)
def _recover(cluster: Embedded) -> Iterator[None]:
    yield
    for node in cluster.run("status")["nodes"]:
        cluster.run("start-node", node["name"])
    cluster.kubectl.wait_for("nodes", all_ready(3), "all nodes are Ready again", 60)


def remaining(pods: list[Object]) -> list[Object]:
    return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]


def usable(kubectl: Kubectl, image: str, node: str) -> None:
    """Check that a new pod runs on the node, and that exec works in it."""
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"on-{node}"},
            "spec": pod_spec(image) | {"nodeName": node},
        }
    )
    kubectl.wait_for(f"pod on-{node}", ready, f"a pod runs on {node}", 60)
    assert kubectl.exec(f"on-{node}", "valkey-cli", "ping").strip() == "PONG"


def test_pods_move_from_lost_nodes_and_lost_nodes_recover(cluster: Embedded, workload: Kubectl, image: str) -> None:
    dead, cut, left = "node-3", "node-2", "node-1"
    assert {pod["spec"]["nodeName"] for pod in workload.json("get", "pods")["items"]} == {dead, cut, left}
    for _ in range(2):  # the commands are idempotent
        cluster.run("kill-node", dead)
        cluster.run("partition", cut)
    for node in (dead, cut):
        workload.wait_for(f"node {node}", lambda found: not ready(found), f"{node} is lost", NOT_READY_WITHIN)

    status = cluster.run("status")
    assert {node["name"]: node["link"] for node in status["nodes"]} == {left: "up", dead: "down", cut: "down"}
    running = {name: runs for name, runs in status["components"].items() if name.endswith((dead, cut))}
    assert all(runs is name.endswith(cut) for name, runs in running.items()), (
        "the processes of a disconnected node keep running"
    )
    error = cluster.ask("exec", dead, "true").error
    assert (error["code"], error["remedy"]) == ("node-dead", f"switchboard-cluster start-node {dead}")

    workload.wait_for(
        "pods",
        lambda pods: (
            all_ready(REPLICAS)(remaining(pods)) and {pod["spec"]["nodeName"] for pod in remaining(pods)} == {left}
        ),
        "the pods have moved",
        60,
    )
    for _ in range(2):
        cluster.run("start-node", dead)
        cluster.run("reconnect", cut)
    for node in (dead, cut):
        workload.wait_for(f"node {node}", ready, f"{node} has recovered", 60)
        usable(workload, image, node)
    workload.wait_for("pods", lambda pods: remaining(pods) == pods, "the old pods of the lost nodes are deleted", 60)


def test_pods_continue_while_the_control_plane_restarts(cluster: Embedded, workload: Kubectl) -> None:
    before = {pod["metadata"]["uid"] for pod in workload.json("get", "pods", "--selector=app=workload")["items"]}
    for component in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
        cluster.run("restart", component)
    workload.wait_for("nodes", all_ready(3), "the API server answers again", 60)
    workload("scale", "deployment/workload", f"--replicas={REPLICAS + 1}")
    workload.wait_for("deployment workload", rolled_out, "a new pod is created and ready", 60)
    after = {pod["metadata"]["uid"] for pod in workload.json("get", "pods", "--selector=app=workload")["items"]}
    assert before < after, "no pod was replaced"
