"""What to do next so that the nodes form one cluster. Pure.

Level-triggered: `plan` looks at all nodes as they are and names the commands that may be given now; it is asked again
after they were. A crash in the middle therefore needs no clean-up.

No command may remove a key. A server deletes the keys of slots that another one owns with a higher epoch, and all keys
when it becomes a replica. So slots are claimed only if no table of nodes has an owner for them, clusters that own the
same slots are not introduced to each other, and a node with keys becomes a replica only if its present primary has them
too.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

from switchboard_crds import names

SLOTS: Final = 16384
"""Slots of a cluster (https://valkey.io/topics/cluster-spec/)."""

Range = tuple[int, int]
"""First and last slot."""
Ranges = tuple[Range, ...]
"""Slots of a node, in order; empty if it owns none."""

_SHAPES: Final = range(3, 101)
"""Numbers of shards that a RedisCluster may have."""


@dataclass(frozen=True)
class KnownNode:
    """One node as another one knows it."""

    address: str
    handshake: bool = False
    """Not yet confirmed by the other one."""
    failed: bool = False
    slots: Ranges = ()


@dataclass(frozen=True)
class NodeAddress:
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
class RedisNode:
    """One node as it describes itself."""

    place: NodeAddress
    id: str
    epoch: int = 0
    """Its configuration epoch; 0 until it was given one."""
    slots: Ranges = ()
    primary_id: str | None = None
    """Id of the node that it replicates; None for a primary."""
    keys: int = 0
    """Keys in its memory."""
    peers: Mapping[str, KnownNode] = field(default_factory=dict)
    """Other nodes that it knows, by id."""
    served: int = 0
    """Slots whose primary it reaches; 0 while it serves no queries (`cluster_state:fail`)."""

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
class TopologyPlan:
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


def plan(nodes: Sequence[RedisNode], shards: int, expected: Collection[str]) -> TopologyPlan:
    """Return what to do next with the nodes that answer, of the pods expected."""
    ordered = sorted(nodes, key=lambda node: (node.shard, node.place.ordinal))
    if misfit := _misfit(ordered, shards):
        return TopologyPlan(blocked=misfit)
    owners = {node.shard: node for node in sorted(ordered, key=lambda node: node.epoch) if node.slots}
    missing = _missing(ordered, expected)
    if not missing and (claims := tuple(_claim(ordered, owners, shards))):
        return TopologyPlan(claims)
    halt = TopologyPlan(waits_for=missing) if missing else _ownerless(ordered, owners, shards)
    for commands in (_acquaint(ordered, owners), _replicate(ordered, owners)):
        if found := tuple(commands):
            return replace(halt, commands=found)
    if not halt.formed:
        return halt
    settled = _settled(ordered, owners)
    return replace(settled, improves=_spread(ordered, owners)) if settled.formed else settled


def unserved(nodes: Sequence[RedisNode]) -> int:
    """Return how many slots have no primary that answers, or are out of reach for one of the nodes."""
    owned = {slots for node in nodes for slots in node.slots}
    return SLOTS - min([_size(owned), *(node.served for node in nodes)])


def _size(ranges: Collection[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _missing(nodes: Sequence[RedisNode], expected: Collection[str]) -> str:
    """Return a message that names the pods that do not answer, if any."""
    missing = sorted(set(expected) - {node.pod for node in nodes})
    if not missing:
        return ""
    verb = "does" if len(missing) == 1 else "do"
    return f"{len(missing)} of {len(expected)} nodes {verb} not answer yet: {', '.join(missing)}"


def _misfit(nodes: Sequence[RedisNode], shards: int) -> str:
    """Return a message if the nodes hold slots or keys of another cluster than the one asked for."""
    claims = _claims(nodes)
    parts = set(claims.values())
    if not _fits(nodes, parts, shards):
        shape = next((n for n in _SHAPES if n != shards and parts <= _even(n)), None)
        if shape is not None:
            return (
                f"The volumes hold a cluster of {shape} shards, but spec.shards is {shards}. Remedy: set"
                " spec.storage.deletionPolicy to Retain, delete this RedisCluster and create it again with"
                f" spec.shards: {shape}; or, to discard the keys, delete its PersistentVolumeClaims and pods"
            )
    for node in nodes:
        alien = node.slots not in _even(shards) and node.primary_id is None and not node.peers
        if node.keys and alien and not any(node.id in other.peers for other in nodes):
            return (
                f"Pod {node.pod} holds {node.keys} keys but belongs to no cluster; they would be lost."
                " Remedy: save them and flush the node, or delete its PersistentVolumeClaim and the pod"
            )
    return _rivals(nodes) if _fits(nodes, parts, shards) else _odd(nodes, claims, shards)


def _claims(nodes: Sequence[RedisNode]) -> dict[str, Ranges]:
    """Return the slots of each owner, by id: as it says itself, or as others remember one that does not answer."""
    remembered = {key: peer.slots for node in nodes for key, peer in node.peers.items() if peer.slots}
    present = {node.id: node.slots for node in nodes}
    return {key: slots for key, slots in {**remembered, **present}.items() if slots}


def _even(shards: int) -> set[Ranges]:
    return {(share(shard, shards),) for shard in range(shards)}


def _fits(nodes: Sequence[RedisNode], parts: set[Ranges], shards: int) -> bool:
    """Return whether the slots were divided among this number of shards, each in the pods of one shard.

    Some shards may be without slots while the cluster forms. A division by hand is none of ours, but complete.
    """
    held = {(node.slots, node.shard) for node in nodes if node.slots}
    if parts <= _even(shards):
        return all(slots == (share(shard, shards),) for slots, shard in held)
    ranges = sorted(slots for part in parts for slots in part)
    complete = [first for first, _ in ranges] == [0, *(last + 1 for _, last in ranges[:-1])] and _size(ranges) == SLOTS
    separate = len(held) == len({slots for slots, _ in held}) == len({shard for _, shard in held})
    return complete and separate and len(parts) == shards


def _odd(nodes: Sequence[RedisNode], claims: Mapping[str, Ranges], shards: int) -> str:
    """Return a message about the first owner of slots that are not those of its shard."""
    owners = {node.id: node for node in nodes}
    right = {key: {(share(owners[key].shard, shards),)} if key in owners else _even(shards) for key in claims}
    key, slots = next((key, slots) for key, slots in sorted(claims.items()) if slots not in right[key])
    name = f"Pod {owners[key].pod}" if key in owners else f"Node {key[:8]}, which does not answer,"
    text = ",".join(f"{first}-{last}" for first, last in slots)
    place = f"those of shard {owners[key].shard}" if key in owners else "those of a shard"
    return (
        f"{name} owns slots {text}, which are not {place} of {shards}. Remedy: give each slot to a pod of its shard"
        " (valkey-cli --cluster fix, or --cluster reshard), or bring back the volumes that belong together"
    )


def _rivals(nodes: Sequence[RedisNode]) -> str:
    """Return a message if nodes that do not know each other belong to clusters that own the same slots."""
    for one, other in combinations(_groups(nodes), 2):
        ours, theirs = _owners_by_part(one), _owners_by_part(other)
        for part in sorted(ours.keys() & theirs.keys()):
            if ours[part].isdisjoint(theirs[part]):
                first, last = part[0]
                return (
                    f"Pods {one[0].pod} and {other[0].pod} hold data of two clusters, which both own slots"
                    f" {first}-{last}. Remedy: delete the PersistentVolumeClaims and pods of the one that is not"
                    " wanted; its keys are lost"
                )
    return ""


def _groups(nodes: Sequence[RedisNode]) -> list[list[RedisNode]]:
    """Return the nodes by acquaintance: within a group they settle by themselves who owns what."""
    groups: list[list[RedisNode]] = []
    for node in nodes:
        linked = [group for group in groups if any(node.id in one.peers or one.id in node.peers for one in group)]
        groups = [group for group in groups if group not in linked]
        groups.append([*(one for group in linked for one in group), node])
    return groups


def _owners_by_part(nodes: Sequence[RedisNode]) -> dict[Ranges, set[str]]:
    found: dict[Ranges, set[str]] = defaultdict(set)
    for key, slots in _claims(nodes).items():
        found[slots].add(key)
    return found


def _claim(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode], shards: int) -> Iterator[Command]:
    views = [slots for node in nodes for slots in (node.slots, *(peer.slots for peer in node.peers.values()))]
    taken = {part for slots in views for part in slots}
    for shard in sorted(set(range(shards)) - owners.keys()):
        first, last = share(shard, shards)
        members = [node for node in nodes if node.shard == shard]
        if any(node.keys for node in members) or any(low <= last and first <= high for low, high in taken):
            continue
        node = members[0]
        if node.epoch == 0 and not node.peers:
            yield SetEpoch(node.pod, shard + 1)
        if node.primary_id is None:
            yield AddSlots(node.pod, (first, last))


def _ownerless(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode], shards: int) -> TopologyPlan:
    """Return what becomes of the first shard whose primary is gone though all nodes answer; empty if there is none."""
    present = {node.id for node in nodes}
    gone = {key: peer for node in nodes for key, peer in node.peers.items() if peer.slots and key not in present}
    for shard in sorted(set(range(shards)) - owners.keys()):
        heir = next((node for node in nodes if node.shard == shard and node.primary_id in gone), None)
        if heir is not None:
            why = f"Shard {shard} of {shards}: its primary is gone, and pod {heir.pod} has a copy with {heir.keys} keys"
            if 2 * len(owners) > shards:
                hint = "Remedy if it is not elected, as after a restart: run CLUSTER FAILOVER FORCE on it"
                return TopologyPlan(waits_for=f"{why}. {hint}")
            remedy = "run CLUSTER FAILOVER TAKEOVER on it"
            return TopologyPlan(blocked=f"{why}, but too few primaries are left to elect it. Remedy: {remedy}")
        if gone:
            key, peer = next(iter(gone.items()))
            return TopologyPlan(
                blocked=f"Shard {shard} of {shards}: node {key[:8]} at {peer.address} owns slots and is gone."
                " Remedy: bring its volume back, or delete this RedisCluster and make a new one; its data are lost"
            )
        return TopologyPlan(waits_for=f"Shard {shard} of {shards} has no primary yet")
    return TopologyPlan()


def _acquaint(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> Iterator[Command]:
    """Introduce newcomers to the first node, which tells the others; tell everybody a changed address.

    A node whose shard has no primary is not introduced: it may have to claim the shard's slots first.
    """
    safe = [node for node in nodes if node.shard in owners]
    for other in safe[1:]:
        if other.id not in safe[0].peers:
            yield Meet(safe[0].pod, other.place.address)
    for node in nodes:
        for other in nodes:
            peer = node.peers.get(other.id)
            if peer is not None and not peer.handshake and peer.address != other.place.address:
                yield Meet(node.pod, other.place.address)


def _replicate(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> Iterator[Command]:
    """Have nodes replicate their shard's primary. One with keys is moved only if its present primary has them too."""
    present = {node.id for node in nodes}
    for node in nodes:
        owner = owners.get(node.shard)
        if owner is None or node.slots or node.primary_id == owner.id:
            continue
        known = node.peers.get(owner.id)
        if known is not None and not known.handshake and (not node.keys or node.primary_id in present):
            yield Replicate(node.pod, owner.id)


def _settled(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> TopologyPlan:
    """Return what is left once nothing is to be added: nodes to forget, then patience."""
    present = {node.id for node in nodes}
    stale = tuple(
        Forget(node.pod, peer_id)
        for node in nodes
        for peer_id, peer in node.peers.items()
        if peer_id not in present and peer.failed and not peer.slots
    )
    if stale:
        return TopologyPlan(stale)
    for node in nodes:
        owner = owners[node.shard]
        if node.id != owner.id and node.primary_id is None:
            if node.keys:
                return TopologyPlan(
                    blocked=f"Pod {node.pod} should replicate {owner.pod}, but holds {node.keys} keys of its own."
                    " Remedy: save them and flush the node, or delete its PersistentVolumeClaim and the pod"
                )
            return TopologyPlan(waits_for=f"Pod {node.pod} does not know its primary {owner.pod} yet")
        if not present - {node.id} <= node.peers.keys():
            return TopologyPlan(waits_for=f"Pod {node.pod} does not know all nodes yet")
        if node.served < SLOTS:
            return TopologyPlan(waits_for=f"Pod {node.pod} does not see a primary for every slot yet")
    return TopologyPlan()


def _spread(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> tuple[Failover, ...]:
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
