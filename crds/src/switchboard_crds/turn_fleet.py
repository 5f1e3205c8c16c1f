"""TurnFleet: coturn servers by region that browsers relay their media through."""

from enum import StrEnum

from pydantic import Field

from switchboard_crds.model import Model, Resource, Rule, Status, map_list, rules, short_name


class Region(Model):
    """The servers of one region."""

    name: str = Field(
        pattern=r"^[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?$",
        max_length=30,
        description="Name of the region, as in the node label topology.kubernetes.io/region.",
    )
    replicas: int = Field(default=1, ge=0, le=50, description="Number of servers, at most one per node.")
    node_selector: dict[str, str] | None = Field(
        default=None,
        max_length=16,
        description="Labels of the nodes that may run the servers. If unset, the nodes of the region; `{}`: all nodes.",
    )


class RelayPorts(Model):
    """UDP ports that a server relays media on, one per allocation (RFC 8656, section 7.2)."""

    model_config = rules(
        Rule(
            "self.min <= self.max",
            "spec.relayPorts.min must not exceed spec.relayPorts.max",
            ".min",
        )
    )

    min: int = Field(default=49160, ge=1024, le=65535, description="Lowest port.")
    max: int = Field(default=49959, ge=1024, le=65535, description="Highest port.")


class TurnFleetSpec(Model):
    """The desired state of the fleet."""

    model_config = rules(
        Rule(
            "!has(self.relayPorts) || self.port < self.relayPorts.min || self.port > self.relayPorts.max",
            "spec.port must lie outside spec.relayPorts",
            ".port",
        ),
        Rule(
            "!has(self.allowedPeers) || self.allowedPeers.all(peer, isCIDR(peer))",
            "spec.allowedPeers must contain only address ranges in CIDR notation, such as 10.1.0.0/16",
            ".allowedPeers",
        ),
    )

    regions: tuple[Region, ...] = Field(
        min_length=1,
        max_length=32,
        description="Servers by region.",
        json_schema_extra=map_list("name"),
    )
    image: str | None = Field(
        default=None,
        min_length=1,
        max_length=512,
        description="Image of coturn and its agent. If unset, the operator's default image at creation time.",
    )
    port: int = Field(
        default=3478, ge=1024, le=65535, description="Port on the nodes for STUN and for TURN over UDP and TCP."
    )
    relay_ports: RelayPorts = Field(default=RelayPorts(), description="UDP ports on the nodes for relayed media.")
    realm: str = Field(
        default="switchboard",
        pattern=r"^[A-Za-z0-9.-]+$",
        max_length=127,
        description="TURN realm (RFC 8489, section 9.2).",
    )
    allowed_peers: tuple[str, ...] = Field(
        default=(),
        max_length=32,
        description="Private address ranges (CIDR) that clients may relay to. All other private addresses are denied,"
        " so that no one reaches into your network through a relay; public addresses are always allowed.",
        json_schema_extra={
            "x-kubernetes-list-type": "set",
            "items": {"type": "string", "maxLength": 43},
        },
    )


class TurnServer(Model):
    """One server of the fleet."""

    name: str = Field(description="Name of the server's pod.")
    region: str = Field(description="Region of the server.")
    address: str = Field(description="Address that clients connect to.")
    healthy: bool = Field(description="Whether its agent's probe, an authenticated allocation, succeeds.")


class TurnFleetStatus(Status):
    """The observed state of the fleet."""

    servers: tuple[TurnServer, ...] = Field(
        default=(),
        description="Existing servers.",
        json_schema_extra=map_list("name"),
    )
    desired_servers: int = Field(default=0, ge=0, description="Number of servers in the spec.")
    healthy_servers: int = Field(default=0, ge=0, description="Number of servers whose probe succeeds.")


class TurnFleet(Resource):
    """Coturn servers by region that browsers relay their media through when they cannot connect directly."""

    model_config = rules(short_name("a Deployment"))

    spec: TurnFleetSpec = Field(description="The desired state of the fleet.")
    status: TurnFleetStatus = Field(default=TurnFleetStatus(), description="The observed state of the fleet.")


class FleetCondition(StrEnum):
    """Condition types of a TurnFleet."""

    READY = "Ready"
    OBJECTS_APPLIED = "ObjectsApplied"
    SERVERS_HEALTHY = "ServersHealthy"
