"""What to do next so that the nodes form one cluster. Pure.

Level-triggered: `plan` looks at all nodes as they are and names the commands that may be given now; it is asked again
after they were. A crash in the middle therefore needs no clean-up. A node with data is never given slots or made a
replica, because both would lose the data.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from switchboard_crds import names

SLOTS: Final = 16384
"""Slots of a cluster (https://valkey.io/topics/cluster-spec/)."""

Range = tuple[int, int]
"""First and last slot."""


@dataclass(frozen=True)
class Peer:
    """One node as another one knows it."""

    address: str
    handshake: bool = False
    """Not yet confirmed by the other one."""
    failed: bool = False
    owns_slots: bool = False


@dataclass(frozen=True)
class Place:
    """Where a node is, before it is asked what it is."""

    pod: str
    shard: int
    ordinal: int
    host: str
    port: int = names.REDIS_PORT
    machine: str = ""
    """The Kubernetes node that the pod is on."""

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Node:
    """One node as it describes itself."""

    place: Place
    id: str
    epoch: int = 0
    """Its configuration epoch; 0 until it was given one."""
    slots: tuple[Range, ...] = ()
    primary_id: str | None = None
    """Id of the node that it replicates; None for a primary."""
    keys: int = 0
    """Keys in its memory."""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    """Other nodes that it knows, by id."""
    cluster_ok: bool = False
    """Whether it sees a primary for every slot."""

    @property
    def pod(self) -> str:
        """Name of its pod."""
        return self.place.pod

    @property
    def shard(self) -> int:
        """Shard that its pod is of."""
        return self.place.shard


@dataclass(frozen=True)
class SetEpoch:
    """Give a node that knows nobody its first epoch, so that no two primaries begin with the same one."""

    pod: str
    epoch: int


@dataclass(frozen=True)
class AddSlots:
    """Make a node the primary of slots that nobody owns."""

    pod: str
    slots: Range


@dataclass(frozen=True)
class Meet:
    """Have a node get to know another one, or its new address."""

    pod: str
    address: str


@dataclass(frozen=True)
class Replicate:
    """Make an empty node a replica."""

    pod: str
    primary_id: str


@dataclass(frozen=True)
class Forget:
    """Have a node forget one that is gone for good."""

    pod: str
    id: str


@dataclass(frozen=True)
class Failover:
    """Have a replica take its primary's place; the primary waits until the replica has everything."""

    pod: str


Command = SetEpoch | AddSlots | Meet | Replicate | Forget | Failover


@dataclass(frozen=True)
class Plan:
    """The commands that may be given now, and why the cluster is not formed yet; empty if it is."""

    commands: tuple[Command, ...] = ()
    waits_for: str = ""
    blocked: str = ""
    """What only a person can mend."""
    improves: tuple[Command, ...] = ()
    """Commands that a formed cluster is safer after."""

    @property
    def formed(self) -> bool:
        """Whether nothing is left to do."""
        return not (self.commands or self.waits_for or self.blocked)


def share(shard: int, shards: int) -> Range:
    """Return the slots of a shard: even shares, without a gap."""
    return shard * SLOTS // shards, (shard + 1) * SLOTS // shards - 1


def plan(nodes: Sequence[Node], shards: int, expected: int) -> Plan:
    """Return what to do next with the nodes that answer, of the number expected."""
    if len(nodes) < expected:
        return Plan(waits_for=f"{expected - len(nodes)} of {expected} nodes do not answer yet")
    ordered = sorted(nodes, key=lambda node: (node.shard, node.place.ordinal))
    owners, blocked = _owners(ordered, shards)
    if blocked:
        return Plan(blocked=blocked)
    for commands in (_claim(ordered, owners, shards), _acquaint(ordered), _replicate(ordered, owners)):
        found = tuple(commands)
        if found:
            return Plan(found)
    settled = _settled(ordered, owners)
    return replace(settled, improves=_spread(ordered, owners)) if settled.formed else settled


def _owners(nodes: Sequence[Node], shards: int) -> tuple[dict[int, Node], str]:
    """Return each shard's primary, present or to be, and what stands in the way of forming the cluster."""
    owners = {node.shard: node for node in nodes if node.slots}
    for node in nodes:
        if node.keys and (node.shard not in owners or _is_stranger(node, nodes, shards)):
            return {}, (
                f"Pod {node.pod} holds {node.keys} keys but belongs to no cluster; they would be lost."
                " Remedy: save them and flush the node, or delete its PersistentVolumeClaim and the pod"
            )
    for shard in range(shards):
        if shard in owners:
            continue
        lost = _lost_primary(nodes, shard, shards)
        if lost:
            return {}, lost
        owners[shard] = next(node for node in nodes if node.shard == shard)
    return owners, ""


def _is_stranger(node: Node, nodes: Sequence[Node], shards: int) -> bool:
    """Return whether a node was never part of this cluster.

    One with data from elsewhere claims the slots of its keys by itself, and loses them when it meets the others.
    """
    known = any(node.id in other.peers for other in nodes)
    return not known and node.slots != (share(node.shard, shards),)


def _lost_primary(nodes: Sequence[Node], shard: int, shards: int) -> str:
    """Return a message if the shard's slots belong to a node that is gone: its data may still come back."""
    present = {node.id for node in nodes}
    peers = (item for node in nodes for item in node.peers.items())
    gone = next(((key, peer) for key, peer in peers if peer.owns_slots and key not in present), None)
    if gone is None:
        return ""
    return (
        f"Shard {shard} of {shards}: node {gone[0][:8]} at {gone[1].address} owns slots and is gone."
        " Remedy: bring its volume back, or delete this RedisCluster and make a new one; its data are lost"
    )


def _claim(nodes: Sequence[Node], owners: Mapping[int, Node], shards: int) -> Iterator[Command]:
    for shard, owner in sorted(owners.items()):
        if owner.slots:
            continue
        if owner.epoch == 0 and not owner.peers:
            yield SetEpoch(owner.pod, shard + 1)
        if owner.primary_id is None:
            yield AddSlots(owner.pod, share(shard, shards))


def _acquaint(nodes: Sequence[Node]) -> Iterator[Command]:
    """Introduce newcomers to the first node, which tells the others; tell everybody a changed address."""
    first, *others = nodes
    for other in others:
        if other.id not in first.peers:
            yield Meet(first.pod, other.place.address)
    for node in nodes:
        for other in nodes:
            peer = node.peers.get(other.id)
            if peer is not None and not peer.handshake and peer.address != other.place.address:
                yield Meet(node.pod, other.place.address)


def _replicate(nodes: Sequence[Node], owners: Mapping[int, Node]) -> Iterator[Command]:
    for node in nodes:
        owner = owners[node.shard]
        known = node.peers.get(owner.id)
        wrong = node.id != owner.id and not node.slots and node.primary_id != owner.id
        if wrong and known is not None and not known.handshake and not (node.primary_id is None and node.keys):
            yield Replicate(node.pod, owner.id)


def _settled(nodes: Sequence[Node], owners: Mapping[int, Node]) -> Plan:
    """Return what is left once nothing is to be added: nodes to forget, then patience."""
    present = {node.id for node in nodes}
    stale = tuple(
        Forget(node.pod, peer_id)
        for node in nodes
        for peer_id, peer in node.peers.items()
        if peer_id not in present and peer.failed and not peer.owns_slots
    )
    if stale:
        return Plan(stale)
    for node in nodes:
        owner = owners[node.shard]
        if node.id != owner.id and node.primary_id is None:
            if node.keys:
                return Plan(
                    blocked=f"Pod {node.pod} should replicate {owner.pod}, but holds {node.keys} keys of its own."
                    " Remedy: save them and flush the node, or delete its PersistentVolumeClaim and the pod"
                )
            return Plan(waits_for=f"Pod {node.pod} does not know its primary {owner.pod} yet")
        if not present - {node.id} <= node.peers.keys():
            return Plan(waits_for=f"Pod {node.pod} does not know all nodes yet")
        if not node.cluster_ok:
            return Plan(waits_for=f"Pod {node.pod} does not see a primary for every slot yet")
    return Plan()


def _spread(nodes: Sequence[Node], owners: Mapping[int, Node]) -> tuple[Failover, ...]:
    """Return a change of places if a single machine holds so many primaries that their replicas could not replace them.

    It takes a majority of the primaries to elect one (https://valkey.io/topics/cluster-spec/). Failovers choose a
    replica wherever it is, and lead there by and by.
    """
    held = Counter(owner.place.machine for owner in owners.values())
    machine, most = held.most_common(1)[0]
    if 2 * (len(owners) - most) > len(owners):
        return ()
    for node in nodes:
        owner = owners[node.shard]
        if owner.place.machine == machine and node.id != owner.id and held[node.place.machine] + 1 < most:
            return (Failover(node.pod),)
    return ()
