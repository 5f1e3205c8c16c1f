from typing import Any

import pytest
from tests.unit.operator.examples import KEYS, pool

from switchboard_operator.pools import objects
from switchboard_operator.pools.dependencies import Redis

REDIS = Redis("store-redis.web.svc", "store-redis-client")


def by_kind(items: list[Any]) -> dict[str, Any]:
    return {item["kind"]: item for item in items}


def container(**spec: Any) -> Any:
    redis = REDIS if "redisRef" in spec else None
    return objects.revision(pool(**spec), "signaling:1", redis).template["spec"]["containers"][0]


def environment(**spec: Any) -> dict[str, str]:
    return {item["name"]: item.get("value", "") for item in container(**spec)["env"]}


def test_the_objects_of_a_pool() -> None:
    made = objects.common(pool(), KEYS, "{}")
    assert [(item["kind"], item["metadata"]["name"]) for item in made] == [
        ("ServiceAccount", "calls-signaling"),
        ("Secret", "calls-signaling-key"),
        ("Secret", "calls-signaling-internal"),
        ("Secret", "calls-signaling-internal-tls"),
        ("Secret", "calls-signaling-ice"),
        ("Service", "calls-signaling"),
        ("PodDisruptionBudget", "calls-signaling"),
        ("NetworkPolicy", "calls-signaling"),
    ]


def test_the_service_selects_the_pods_of_all_revisions_that_are_in_service() -> None:
    template = objects.revision(pool(), "signaling:1", None).template
    assert objects.service(pool())["spec"]["selector"] == template["metadata"]["labels"]


@pytest.mark.parametrize(
    ("service", "kind", "port"),
    [
        ({}, "ClusterIP", None),
        ({"type": "NodePort"}, "NodePort", None),
        ({"type": "NodePort", "nodePort": 30080}, "NodePort", 30080),
    ],
)
def test_the_service_has_the_specified_type(service: dict[str, Any], kind: str, port: int | None) -> None:
    spec = objects.service(pool(service=service))["spec"]
    assert spec["type"] == kind
    assert spec["ports"][0].get("nodePort") == port


def test_an_ingress_is_created_if_specified() -> None:
    wanted = {"host": "calls.example", "className": "nginx", "tlsSecretName": "certificate"}
    spec = by_kind(objects.common(pool(ingress=wanted), KEYS, "{}"))["Ingress"]["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["calls.example"], "secretName": "certificate"}]
    assert spec["rules"][0]["host"] == "calls.example"
    plain = objects.ingress(pool(ingress={"host": "calls.example"}))["spec"]
    assert plain.keys() == {"rules"}
    with pytest.raises(ValueError, match=r"has no spec\.ingress"):
        objects.ingress(pool())


def test_the_network_policy_opens_the_public_port_to_all_and_the_internal_one_to_the_cluster() -> None:
    public, internal = objects.network_policy(pool())["spec"]["ingress"]
    assert "from" not in public
    assert public["ports"][0]["port"] == "http"
    assert internal["from"] == [{"namespaceSelector": {}}]


def test_the_pods_have_their_name_and_the_paths_of_their_files() -> None:
    assert environment() == {
        "SWITCHBOARD_POD": "",
        "SWITCHBOARD_ENVIRONMENT": "Development",
        "SWITCHBOARD_POOL": "web/calls",
        "SWITCHBOARD_HTTP_PORT": "8080",
        "SWITCHBOARD_INTERNAL_PORT": "9090",
        "SWITCHBOARD_KEY_DIR": "/etc/switchboard/key",
        "SWITCHBOARD_ICE_DIRECTORY": "/etc/switchboard/ice/directory.json",
        "SWITCHBOARD_WRONG_TOKENS": "0",
        "SWITCHBOARD_INTERNAL_TOKEN_DIR": "/etc/switchboard/internal",
        "SWITCHBOARD_INTERNAL_TLS_DIR": "/etc/switchboard/internal-tls",
        "SWITCHBOARD_STOP_SECONDS": "50",
    }


def test_with_shared_secrets_the_pods_have_the_users_secret() -> None:
    auth = {"type": "SharedSecret", "secretName": "jwt", "issuer": "https://i.example", "audience": "calls"}
    found = environment(auth=auth)
    assert found["SWITCHBOARD_AUTH_TYPE"] == "SharedSecret"
    assert (found["SWITCHBOARD_AUTH_ISSUER"], found["SWITCHBOARD_AUTH_AUDIENCE"]) == ("https://i.example", "calls")
    mounts = {mount["name"]: mount["mountPath"] for mount in container(auth=auth)["volumeMounts"]}
    assert found["SWITCHBOARD_AUTH_SECRET_DIR"] == mounts["auth"]
    volumes = objects.revision(pool(auth=auth), "signaling:1", None).template["spec"]["volumes"]
    assert {"name": "auth", "secret": {"secretName": "jwt", "defaultMode": 0o440}} in volumes


def test_with_jwks_the_pods_have_its_url() -> None:
    found = environment(auth={"type": "JWKS", "jwksURL": "https://i.example/keys"})
    assert found["SWITCHBOARD_AUTH_TYPE"] == "JWKS"
    assert found["SWITCHBOARD_AUTH_JWKS_URL"] == "https://i.example/keys"
    assert "SWITCHBOARD_AUTH_SECRET_DIR" not in found


def test_the_pods_have_the_allowed_origins_and_trusted_proxies() -> None:
    found = environment(
        auth={"type": "Anonymous"},
        allowedOrigins=["https://a.example", "https://b.example"],
        trustedProxies=["10.1.0.0/16", "fd00::/8"],
    )
    assert found["SWITCHBOARD_AUTH_TYPE"] == "Anonymous"
    assert found["SWITCHBOARD_ALLOWED_ORIGINS"] == "https://a.example,https://b.example"
    assert found["SWITCHBOARD_TRUSTED_PROXIES"] == "10.1.0.0/16,fd00::/8"
    assert "SWITCHBOARD_WRONG_TOKENS" not in found


def test_with_redis_the_pods_have_its_address_and_credentials() -> None:
    found = environment(redisRef={"name": "store"})
    assert found["SWITCHBOARD_REDIS_NODES"] == "store-redis.web.svc:6379"
    mounts = {mount["name"]: mount["mountPath"] for mount in container(redisRef={"name": "store"})["volumeMounts"]}
    assert found["SWITCHBOARD_REDIS_AUTH_DIR"] == mounts["redis"]


def test_the_pods_have_no_rights() -> None:
    spec = objects.revision(pool(), "signaling:1", None).template["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_a_revision_changes_only_with_the_pod_template() -> None:
    first = objects.revision(pool(), "signaling:1", None).name
    assert objects.revision(pool(replicas=0), "signaling:1", None).name == first
    assert objects.revision(pool(), "signaling:2", None).name != first
    assert objects.revision(pool(), "signaling:1", REDIS).name != first


def test_a_replica_set_selects_the_pods_of_its_revision_only() -> None:
    revision = objects.revision(pool(), "signaling:1", None)
    made = objects.replica_set(pool(), revision)
    assert made["metadata"]["name"] == f"calls-{revision.name}"
    assert "replicas" not in made["spec"]
    selected, labels = made["spec"]["selector"]["matchLabels"], made["spec"]["template"]["metadata"]["labels"]
    assert labels == {**selected, "switchboard.dev/in-service": "true"}, "a cordoned pod stays its ReplicaSet's"
    assert made["spec"]["selector"]["matchLabels"]["switchboard.dev/revision"] == revision.name
