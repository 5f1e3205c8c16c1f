import base64
from typing import Any

from tests.unit.operator.examples import KEYS, fleet

from switchboard_operator.turn import objects


def pod_spec(**spec: Any) -> Any:
    return objects.deployments(fleet(**spec), "turn:1")[0]["spec"]["template"]["spec"]


def lines(**spec: Any) -> list[str]:
    return objects.configuration(fleet(**spec)).splitlines()


def test_a_fleet_has_one_deployment_per_region_without_surge() -> None:
    made = objects.deployments(fleet(regions=[{"name": "north", "replicas": 2}, {"name": "south"}]), "turn:1")
    assert [(item["metadata"]["name"], item["spec"]["replicas"]) for item in made] == [
        ("relays-turn-north", 2),
        ("relays-turn-south", 1),
    ]
    assert made[0]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_each_pool_and_the_agents_probe_have_a_secret_of_their_own() -> None:
    made = {item["metadata"]["name"]: item for item in objects.common(fleet(), KEYS, ["uid-1", "uid-2"])}
    data = made["relays-turn-secrets"]["data"]
    assert data.keys() == {"probe", "uid-1", "uid-2"}
    assert base64.b64decode(data["uid-1"]).decode() == KEYS.turn_secret("uid-of-relays", "uid-1")
    assert len(set(data.values())) == 3


def test_coturn_listens_and_relays_where_the_spec_says() -> None:
    found = lines(port=3479, relayPorts={"min": 50000, "max": 50099}, realm="calls.example")
    assert {"listening-port=3479", "min-port=50000", "max-port=50099", "realm=calls.example"} <= set(found)


def test_coturn_has_no_secret_in_its_configuration_and_no_other_listeners() -> None:
    found = lines()
    assert {"use-auth-secret", "no-tls", "no-tcp-relay", "no-multicast-peers"} <= set(found)
    assert not any(line.partition("=")[0] in ("cli", "dtls", "cli-password") for line in found)
    assert not any("static-auth-secret" in line for line in found)


def test_allowed_peers_are_opened() -> None:
    assert "allowed-peer-ip=10.1.0.0-10.1.255.255" in lines(allowedPeers=["10.1.0.0/16"])


def test_servers_use_the_host_network_of_their_regions_nodes() -> None:
    assert pod_spec()["hostNetwork"] is True
    assert pod_spec()["nodeSelector"] == {"topology.kubernetes.io/region": "north"}
    assert "nodeSelector" not in pod_spec(regions=[{"name": "north", "nodeSelector": {}}])
    chosen = pod_spec(regions=[{"name": "north", "nodeSelector": {"turn": "yes"}}])
    assert chosen["nodeSelector"] == {"turn": "yes"}


def test_the_secrets_exist_before_coturn_starts() -> None:
    spec = pod_spec()
    assert [item["command"] for item in spec["initContainers"]] == [["switchboard-turn", "write-secrets"]]
    assert [item["name"] for item in spec["containers"]] == ["coturn", "agent"]


def test_a_server_is_ready_when_its_agent_is() -> None:
    coturn, agent = pod_spec()["containers"]
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert "readinessProbe" not in coturn


def test_a_changed_configuration_replaces_the_pods() -> None:
    def annotations(**spec: Any) -> Any:
        return objects.deployments(fleet(**spec), "turn:1")[0]["spec"]["template"]["metadata"]["annotations"]

    assert annotations() != annotations(realm="other")


def test_the_configuration_is_mounted() -> None:
    made = {item["kind"]: item for item in objects.common(fleet(), KEYS, [])}
    assert made["ConfigMap"]["data"]["turnserver.conf"] == objects.configuration(fleet())
    assert {"name": "config", "configMap": {"name": "relays-turn"}} in pod_spec()["volumes"]
