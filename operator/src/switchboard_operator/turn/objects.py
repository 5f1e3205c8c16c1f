"""Builders of a fleet's objects. Pure."""

from collections.abc import Iterable
from typing import Final

from switchboard_crds import names
from switchboard_crds.turn_fleet import Region, TurnFleet
from switchboard_operator.keys.derived import Keys
from switchboard_operator.kube.compare import digest
from switchboard_operator.kube.resources import Json
from switchboard_operator.owned import builders
from switchboard_operator.owned.owner import Owner
from switchboard_operator.turn import peers

TERMINATION_SECONDS: Final = 30
_USERDB: Final = "/var/lib/coturn/userdb.sqlite"
_SECRETS: Final = "/etc/switchboard/turn/secrets"
_CONFIG: Final = "/etc/switchboard/turn/config"


def owner_of(fleet: TurnFleet) -> Owner:
    """Return the fleet as an owner of objects."""
    return Owner.of(names.TURN_FLEET, fleet)


def base_name(fleet: TurnFleet) -> str:
    """Return the name of the fleet's singleton objects."""
    return f"{fleet.metadata.name}-turn"


def deployment_name(fleet: TurnFleet, region: Region) -> str:
    """Return the name of a region's Deployment."""
    return f"{base_name(fleet)}-{region.name}"


def secrets_name(fleet: TurnFleet) -> str:
    """Return the name of the Secret with the secrets that the fleet's servers accept."""
    return f"{base_name(fleet)}-secrets"


def selector(fleet: TurnFleet) -> dict[str, str]:
    """Return the labels that select the fleet's pods of all regions."""
    return {names.LABEL_NAME: names.TURN, **owner_of(fleet).labels()}


def common(fleet: TurnFleet, keys: Keys, pool_uids: Iterable[str]) -> list[Json]:
    """Return all objects of the fleet except its Deployments, for the uids of the pools that refer to it."""
    uid = fleet.metadata.uid
    secrets = {pool: keys.turn_secret(uid, pool) for pool in pool_uids}
    return [
        builders.service_account(base_name(fleet)),
        builders.secret(secrets_name(fleet), {names.TURN_PROBE_SECRET: keys.turn_probe_secret(uid), **secrets}),
        config_map(fleet),
        builders.disruption_budget(base_name(fleet), selector(fleet)),
    ]


def configuration(fleet: TurnFleet) -> str:
    """Return coturn's configuration: no secrets, no access to private networks, no features that clients do not need.

    Its CLI and DTLS are off by default; coturn 4.18 warns about `no-cli` and `no-dtls`.
    """
    spec = fleet.spec
    lines = [
        f"listening-port={spec.port}",
        f"min-port={spec.relay_ports.min}",
        f"max-port={spec.relay_ports.max}",
        f"realm={spec.realm}",
        "fingerprint",
        "use-auth-secret",
        f"userdb={_USERDB}",
        "stale-nonce=600",
        "no-tls",
        "no-tcp-relay",
        "no-multicast-peers",
        "no-rfc5780",
        "no-software-attribute",
        "pidfile=/tmp/turnserver.pid",
        "log-file=stdout",
        "simple-log",
        *peers.options(spec.allowed_peers),
    ]
    return "\n".join(lines) + "\n"


def config_map(fleet: TurnFleet) -> Json:
    """Return the ConfigMap with coturn's configuration."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": base_name(fleet)},
        "data": {"turnserver.conf": configuration(fleet)},
    }


def deployments(fleet: TurnFleet, image: str) -> list[Json]:
    """Return the Deployments, one per region."""
    return [deployment(fleet, region, image) for region in fleet.spec.regions]


def deployment(fleet: TurnFleet, region: Region, image: str) -> Json:
    """Return the Deployment of a region. It has no surge, because two servers cannot share the ports of a node."""
    labels = {**selector(fleet), names.LABEL_REGION: region.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment_name(fleet, region), "labels": {names.LABEL_REGION: region.name}},
        "spec": {
            "replicas": region.replicas,
            "revisionHistoryLimit": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {
                    "labels": labels,
                    # coturn reads its configuration only when it starts.
                    "annotations": {f"{names.GROUP}/coturn-config-hash": digest(configuration(fleet))},
                },
                "spec": _pod(fleet, region, image),
            },
        },
    }


def node_selector(region: Region) -> dict[str, str]:
    """Return the labels of the nodes that may run a region's servers."""
    return {names.TOPOLOGY_REGION: region.name} if region.node_selector is None else region.node_selector


def _pod(fleet: TurnFleet, region: Region, image: str) -> Json:
    return {
        "serviceAccountName": base_name(fleet),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": True,
        "dnsPolicy": "ClusterFirstWithHostNet",
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": dict(builders.POD_SECURITY),
        **({"nodeSelector": selected} if (selected := node_selector(region)) else {}),
        # The database must hold the secrets before coturn starts, which rejects all clients otherwise.
        "initContainers": [_agent(fleet, image, "write-secrets", "write-secrets")],
        "containers": [_coturn(fleet, image), _with_probes(_agent(fleet, image, names.AGENT_CONTAINER, "agent"))],
        "volumes": [
            {"name": "userdb", "emptyDir": {"sizeLimit": "16Mi"}},
            {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
            {"name": "config", "configMap": {"name": base_name(fleet)}},
            builders.secret_volume("secrets", secrets_name(fleet)),
        ],
    }


def _coturn(fleet: TurnFleet, image: str) -> Json:
    port = fleet.spec.port
    return {
        "name": names.COTURN_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "turnserver",
            "-c",
            f"{_CONFIG}/turnserver.conf",
            "--listening-ip=$(POD_IP)",
            "--relay-ip=$(POD_IP)",
            # Two clients that relay through the same server reach each other at its address.
            "--allowed-peer-ip=$(POD_IP)",
        ],
        "env": [builders.field_env("POD_IP", "status.podIP")],
        "ports": [
            {"name": "turn-udp", "containerPort": port, "hostPort": port, "protocol": "UDP"},
            {"name": "turn-tcp", "containerPort": port, "hostPort": port, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": dict(builders.CONTAINER_SECURITY),
        "volumeMounts": [
            {"name": "userdb", "mountPath": "/var/lib/coturn"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (a mount of the container's own)
            {"name": "config", "mountPath": _CONFIG, "readOnly": True},
        ],
    }


def _agent(fleet: TurnFleet, image: str, name: str, command: str) -> Json:
    settings = {
        names.SETTING_TURN_REALM: fleet.spec.realm,
        names.SETTING_TURN_USERDB: _USERDB,
        names.SETTING_TURN_SECRETS_DIR: _SECRETS,
        names.SETTING_TURN_PORT: str(fleet.spec.port),
        names.SETTING_TURN_INTERNAL_PORT: str(names.TURN_INTERNAL_PORT),
    }
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["switchboard-turn", command],
        "env": [
            builders.field_env(names.SETTING_TURN_ADDRESS, "status.podIP"),
            *({"name": key, "value": value} for key, value in settings.items()),
        ],
        "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": dict(builders.CONTAINER_SECURITY),
        "volumeMounts": [
            {"name": "userdb", "mountPath": "/var/lib/coturn"},
            {"name": "secrets", "mountPath": _SECRETS, "readOnly": True},
        ],
    }


def _with_probes(agent: Json) -> Json:
    """Return the agent with its port and probes: the pod is Ready while an authenticated allocation succeeds."""
    port = names.TURN_INTERNAL_PORT
    return {
        **agent,
        "ports": [{"name": "internal", "containerPort": port, "hostPort": port, "protocol": "TCP"}],
        "readinessProbe": builders.http_probe("/readyz", "internal", periodSeconds=2, timeoutSeconds=2),
        "livenessProbe": builders.http_probe("/livez", "internal", periodSeconds=10, timeoutSeconds=5),
    }
