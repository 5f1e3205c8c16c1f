import base64

from switchboard_operator.owned import builders as parts


def test_a_secret_holds_its_files_in_base64() -> None:
    data = parts.secret("a", {"file": "text"})["data"]
    assert base64.b64decode(data["file"]) == b"text"


def test_a_service_account_has_no_token() -> None:
    assert parts.service_account("a")["automountServiceAccountToken"] is False


def test_a_disruption_budget_allows_one_eviction_and_all_of_broken_pods_without_data() -> None:
    spec = parts.disruption_budget("a", {"x": "1"})["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    careful = parts.disruption_budget("a", {"x": "1"}, unhealthy="IfHealthyBudget")["spec"]
    assert careful["unhealthyPodEvictionPolicy"] == "IfHealthyBudget"
    assert spec["selector"] == {"matchLabels": {"x": "1"}}


def test_secrets_are_not_readable_by_others() -> None:
    assert parts.secret_volume("a", "b") == {"name": "a", "secret": {"secretName": "b", "defaultMode": 0o440}}


def test_small_builders() -> None:
    assert parts.field_env("A", "status.podIP")["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    assert parts.spread({"x": "1"}, "zone")["topologyKey"] == "zone"
    assert parts.http_probe("/livez", "http", periodSeconds=3)["httpGet"] == {"path": "/livez", "port": "http"}
