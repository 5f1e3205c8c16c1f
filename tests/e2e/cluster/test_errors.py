"""Errors of the command line: each has a code and a remedy."""

import pytest
from tests.e2e.embedded import Embedded

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.mark.parametrize("argv", [("up",), ("down",), ("status",), ("kill-node", "node-1"), ("exec", "node-1", "true")])
def test_users_other_than_root_are_refused(cluster: Embedded, argv: tuple[str, ...]) -> None:
    answer = cluster.ask(*argv, before=NOBODY)
    assert (answer.status, answer.error["code"]) == (1, "not-root")
    assert "as root" in answer.error["remedy"]
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", ["kill-node", "start-node", "partition", "exec"])
def test_an_unknown_node_is_refused_with_the_known_ones(cluster: Embedded, command: str) -> None:
    error = cluster.ask(command, "node-9", *(["true"] if command == "exec" else [])).error
    assert (error["code"], error["remedy"]) == ("no-such-node", "the nodes are: node-1, node-2, node-3")


def test_an_unknown_component_is_refused_with_the_known_ones(cluster: Embedded) -> None:
    error = cluster.ask("restart", "kube-dns").error
    assert error["code"] == "no-such-unit"
    assert "kubelet-node-3" in error["remedy"]


def test_another_number_of_nodes_needs_a_new_cluster(cluster: Embedded) -> None:
    error = cluster.ask("up", "--nodes", "2").error
    assert error["code"] == "other-node-count"
    assert "down" in error["remedy"]


def test_a_command_runs_in_a_nodes_namespaces(cluster: Embedded) -> None:
    [address] = [node["address"] for node in cluster.run("status")["nodes"] if node["name"] == "node-2"]
    done = cluster.exec("node-2", "hostname", "--all-ip-addresses")
    assert address in done.stdout.split()
    assert cluster.exec("control-plane", "false").returncode == 1
