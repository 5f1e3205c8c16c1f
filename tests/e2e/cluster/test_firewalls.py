"""A cluster on a host with packet filters; the host is a namespace, so the machine keeps its own rules."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from tests.e2e.cluster.leftovers import leftovers
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import Object, all_ready

from switchboard_cluster.cluster import need
from switchboard_cluster.layout import Paths

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

HOST = "switchboard-test-host"
BACKENDS = ("nft", "legacy")
# The rules of dockerd 20.10, and a final REJECT as of firewalld and others.
DOCKER = """
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
-A FORWARD -j REJECT --reject-with icmp-host-prohibited
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
"""


def on_host(*argv: str, stdin: str | None = None) -> str:
    command = ["nsenter", f"--net=/run/netns/{HOST}", *argv]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True, timeout=30).stdout


def set_rules() -> None:
    for backend in BACKENDS:
        on_host(f"iptables-{backend}-restore", stdin=DOCKER)


def rules() -> list[str]:
    """Return all rules of the host, without their counters and dates."""
    saved = "".join(on_host(f"{name}-{backend}-save") for name in ("iptables", "ip6tables") for backend in BACKENDS)
    return [re.sub(r" \[\d+:\d+\]$", "", line) for line in saved.splitlines() if not line.startswith("#")]


@pytest.fixture
def beside(machine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A cluster on a host of its own, which is not started yet. Afterwards, the host must be unchanged."""
    subprocess.run(["ip", "netns", "delete", HOST], check=False, capture_output=True, timeout=30)
    subprocess.run(["ip", "netns", "add", HOST], check=True, timeout=30)
    found = Embedded(Paths(tmp_path_factory.mktemp("beside")), HOST)
    try:
        links = on_host("ip", "-brief", "link")
        yield found
        before = rules()
        assert found.run("down") == {"left": []}
        assert rules() == before
        assert on_host("ip", "-brief", "link") == links
    finally:
        found.ask("down")
        subprocess.run(["ip", "netns", "delete", HOST], check=True, timeout=30)


def renewals(leases: list[Object]) -> dict[str, str]:
    """Return the time of each node's last report to the API server."""
    return {lease["metadata"]["name"]: lease["spec"]["renewTime"] for lease in leases}


def valkey(image: str, number: int) -> Object:
    container = {"name": "valkey", "image": image, "command": ["valkey-server"], "args": ["--protected-mode", "no"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"valkey-{number}"},
        "spec": {
            "nodeName": f"node-{number}",
            "terminationGracePeriodSeconds": 1,
            "containers": [container | {"workingDir": "/tmp"}],
        },
    }


@pytest.mark.parametrize("first", ["rules", "cluster"])
def test_nodes_and_pods_reach_each_other_despite_dockers_rules(beside: Embedded, first: str) -> None:
    if first == "rules":
        set_rules()
    beside.run("up", "--nodes", "2")
    if first == "cluster":
        set_rules()
    before = rules()
    kubectl = beside.kubectl
    image = beside.run("load-images", "valkey")["valkey"]
    kubectl.apply(*(valkey(image, number) for number in (1, 2)))
    pods = kubectl.wait_for("pods", all_ready(2), "a pod runs on each node", 60)
    for pod, other in zip(pods, reversed(pods), strict=True):
        answer = kubectl.exec(pod["metadata"]["name"], "valkey-cli", "-t", "5", "-h", other["status"]["podIP"], "ping")
        assert answer.strip() == "PONG"
    leases = kubectl.within("kube-node-lease")
    seen = renewals(leases.json("get", "leases")["items"])
    leases.wait_for(
        "leases",
        lambda found: all(time > seen[node] for node, time in renewals(found).items()),
        "each node continues to report",
    )
    kubectl.wait_for("nodes", all_ready(2), "the nodes are Ready")
    assert rules() == before, "the host's rules do not change while the cluster runs"
    slot = need(beside.paths).slot
    beside.run("down")
    assert rules() == before
    assert leftovers(slot, beside.paths) == []


def test_a_host_that_cannot_reach_the_cluster_gets_an_error_with_the_blocking_chain(beside: Embedded) -> None:
    on_host("iptables", "-A", "OUTPUT", "-p", "tcp", "-j", "DROP")
    error = beside.ask("up", "--nodes", "1").error
    assert error["code"] == "network-blocked"
    assert "filter OUTPUT: has DROP or REJECT rules" in error["message"]
    assert "iptables -I OUTPUT -o sb" in error["remedy"]
