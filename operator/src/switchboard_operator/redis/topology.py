"""Plans the next commands that form the nodes into one cluster. Pure.

Level-triggered: `plan` returns the commands that are safe in the observed state, and is called again after they were
executed. A crash in between therefore needs no cleanup.

No command may delete a key. A server deletes the keys of slots that another one owns with a higher epoch, and all its
keys when it becomes a replica. So slots are claimed only if no node knows an owner for them, clusters that own the same
slots are not introduced to each other, and a node with keys becomes a replica only if its current primary has them too.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Final

from switchboard_crds import names
from switchboard_operator.status.wording import count

SLOTS: Final = 16384
"""Number of slots of a cluster (https://valkey.io/topics/cluster-spec/)."""

Range = tuple[int, int]
"""First and last slot."""
Ranges = tuple[Range, ...]
"""Slots of a node in ascending order; empty if it owns none."""

_SHAPES: Final = range(3, 101)
"""Allowed numbers of shards of a RedisCluster."""


@dataclass(frozen=True)
class KnownNode:
    """A node as another node knows it."""

    address: str
    handshake: bool = False
    """Whether the handshake with it is not complete yet."""
    failed: bool = False
    slots: Ranges = ()


@dataclass(frozen=True)
class NodeAddress:
    """Address of a node, and the shard and ordinal of its pod."""

    pod: str
    shard: int
    ordinal: int
    host: str
    port: int = names.REDIS_PORT
    machine: str = ""
    """Kubernetes node of the pod."""

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class RedisNode:
    """A node as it describes itself."""

    place: NodeAddress
    id: str
    epoch: int = 0
    """Configuration epoch; 0 until one is set."""
    slots: Ranges = ()
    primary_id: str | None = None
    """Id of its primary; None if it is a primary."""
    keys: int = 0
    """Number of keys in its memory."""
    peers: Mapping[str, KnownNode] = field(default_factory=dict)
    """Other nodes that it knows, by id."""
    served: int = 0
    """Number of slots whose primary it can reach; 0 while it rejects queries (`cluster_state:fail`)."""

    @property
    def pod(self) -> str:
        """Name of its pod."""
        return self.place.pod

    @property
    def shard(self) -> int:
        """Shard of its pod."""
        return self.place.shard


@dataclass(frozen=True)
class SetEpoch:
    """Set the first epoch of a node that knows no others, so that no two primaries start with the same one."""

    pod: str
    epoch: int


@dataclass(frozen=True)
class AddSlots:
    """Make a node the primary of slots without an owner."""

    pod: str
    slots: Range


@dataclass(frozen=True)
class Meet:
    """Introduce another node, or its new address, to a node."""

    pod: str
    address: str


@dataclass(frozen=True)
class Replicate:
    """Make a node a replica of another one."""

    pod: str
    primary_id: str


@dataclass(frozen=True)
class Forget:
    """Make a node forget one that was permanently removed."""

    pod: str
    id: str


@dataclass(frozen=True)
class Failover:
    """Promote a replica; its primary pauses writes until the replica is in sync."""

    pod: str


Command = SetEpoch | AddSlots | Meet | Replicate | Forget | Failover


@dataclass(frozen=True)
class TopologyPlan:
    """The commands to send now, and why the cluster is not formed; empty if it is."""

    commands: tuple[Command, ...] = ()
    waits_for: str = ""
    blocked: str = ""
    """A problem that needs manual intervention."""
    improvements: tuple[Command, ...] = ()
    """Optional commands that make a formed cluster more robust."""

    @property
    def formed(self) -> bool:
        """Whether the cluster is formed."""
        return not (self.commands or self.waits_for or self.blocked)


def share(shard: int, shards: int) -> Range:
    """Return the slots of a shard; all shards have equal shares, without gaps."""
    return shard * SLOTS // shards, (shard + 1) * SLOTS // shards - 1


def plan(nodes: Sequence[RedisNode], shards: int, expected: Collection[str]) -> TopologyPlan:
    """Return the plan for the nodes that answer; `expected` are the names of all pods."""
    ordered = sorted(nodes, key=lambda node: (node.shard, node.place.ordinal))
    if misfit := _misfit(ordered, shards):
        return TopologyPlan(blocked=misfit)
    owners = {node.shard: node for node in sorted(ordered, key=lambda node: node.epoch) if node.slots}
    missing = _missing(ordered, expected)
    if not missing and (claims := tuple(_claim(ordered, owners, shards))):
        return TopologyPlan(claims)
    halt = TopologyPlan(waits_for=missing) if missing else _without_primary(ordered, owners, shards)
    for commands in (_introduce(ordered, owners), _replicate(ordered, owners)):
        if found := tuple(commands):
            return replace(halt, commands=found)
    if not halt.formed:
        return halt
    settled = _settled(ordered, owners)
    return replace(settled, improvements=_spread(ordered, owners)) if settled.formed else settled


def unserved(nodes: Sequence[RedisNode]) -> int:
    """Return the number of slots without an answering primary, or unreachable for one of the nodes."""
    owned = {slots for node in nodes for slots in node.slots}
    return SLOTS - min([_size(owned), *(node.served for node in nodes)])


def _size(ranges: Collection[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


def _missing(nodes: Sequence[RedisNode], expected: Collection[str]) -> str:
    """Return a message that names the pods that do not answer; empty if all do."""
    missing = sorted(set(expected) - {node.pod for node in nodes})
    if not missing:
        return ""
    verb = "does" if len(missing) == 1 else "do"
    return f"{len(missing)} of {count(len(expected), 'node')} {verb} not answer yet: {', '.join(missing)}."


def _misfit(nodes: Sequence[RedisNode], shards: int) -> str:
    """Return a message if the nodes hold slots or keys that do not fit the spec; empty if they do."""
    claims = _claims(nodes)
    parts = set(claims.values())
    if not _fits(nodes, parts, shards):
        shape = next((n for n in _SHAPES if n != shards and parts <= _even(n)), None)
        if shape is not None:
            return (
                f"The volumes contain a cluster of {shape} shards, but spec.shards is {shards}. Remedy: set"
                " spec.storage.deletionPolicy to Retain, delete this RedisCluster and create it again with"
                f" spec.shards: {shape}; or delete its PersistentVolumeClaims and pods to discard the data"
            )
    for node in nodes:
        foreign = node.slots not in _even(shards) and node.primary_id is None and not node.peers
        if node.keys and foreign and not any(node.id in other.peers for other in nodes):
            return (
                f"Pod {node.pod} holds {count(node.keys, 'key')} but is in no cluster; its data would be lost."
                " Remedy: save the data and flush the node, or delete its PersistentVolumeClaim and the pod"
            )
    return _conflict(nodes) if _fits(nodes, parts, shards) else _misplaced(nodes, claims, shards)


def _claims(nodes: Sequence[RedisNode]) -> dict[str, Ranges]:
    """Return the slots of each owner by id: its own view, or that of others for a node that does not answer."""
    remembered = {key: peer.slots for node in nodes for key, peer in node.peers.items() if peer.slots}
    present = {node.id: node.slots for node in nodes}
    return {key: slots for key, slots in {**remembered, **present}.items() if slots}


def _even(shards: int) -> set[Ranges]:
    return {(share(shard, shards),) for shard in range(shards)}


def _fits(nodes: Sequence[RedisNode], parts: set[Ranges], shards: int) -> bool:
    """Return whether the slots are divided among this number of shards, each within the pods of one shard.

    While the cluster forms, some shards may have no slots. A division that differs from ours must be complete.
    """
    held = {(node.slots, node.shard) for node in nodes if node.slots}
    if parts <= _even(shards):
        return all(slots == (share(shard, shards),) for slots, shard in held)
    ranges = sorted(slots for part in parts for slots in part)
    complete = [first for first, _ in ranges] == [0, *(last + 1 for _, last in ranges[:-1])] and _size(ranges) == SLOTS
    separate = len(held) == len({slots for slots, _ in held}) == len({shard for _, shard in held})
    return complete and separate and len(parts) == shards


def _misplaced(nodes: Sequence[RedisNode], claims: Mapping[str, Ranges], shards: int) -> str:
    """Return a message about the first owner of slots of another shard."""
    owners = {node.id: node for node in nodes}
    expected = {key: {(share(owners[key].shard, shards),)} if key in owners else _even(shards) for key in claims}
    key, slots = next((key, slots) for key, slots in sorted(claims.items()) if slots not in expected[key])
    name = f"Pod {owners[key].pod}" if key in owners else f"Node {key[:8]}, which does not answer,"
    text = ",".join(f"{first}-{last}" for first, last in slots)
    place = f"those of shard {owners[key].shard}" if key in owners else "those of a shard"
    return (
        f"{name} owns slots {text}, which are not {place} of {shards}. Remedy: assign each slot to a pod of its shard"
        " (valkey-cli --cluster fix, or --cluster reshard), or restore volumes of the same cluster"
    )


def _conflict(nodes: Sequence[RedisNode]) -> str:
    """Return a message if the nodes are of two clusters that own the same slots; empty if not."""
    for one, other in combinations(_groups(nodes), 2):
        ours, theirs = _owners_by_part(one), _owners_by_part(other)
        for part in sorted(ours.keys() & theirs.keys()):
            if ours[part].isdisjoint(theirs[part]):
                first, last = part[0]
                return (
                    f"Pods {one[0].pod} and {other[0].pod} hold data of two clusters, which both own slots"
                    f" {first}-{last}. Remedy: delete the PersistentVolumeClaims and pods of the cluster to discard;"
                    " its data is lost"
                )
    return ""


def _groups(nodes: Sequence[RedisNode]) -> list[list[RedisNode]]:
    """Return the nodes grouped by whether they know each other; nodes of a group agree on owners by themselves."""
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


def _without_primary(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode], shards: int) -> TopologyPlan:
    """Return the plan for the first shard without a primary although all nodes answer; empty if there is none."""
    present = {node.id for node in nodes}
    gone = {key: peer for node in nodes for key, peer in node.peers.items() if peer.slots and key not in present}
    for shard in sorted(set(range(shards)) - owners.keys()):
        candidate = next((node for node in nodes if node.shard == shard and node.primary_id in gone), None)
        if candidate is not None:
            keys = count(candidate.keys, "key")
            why = f"Shard {shard} of {shards} has lost its primary; pod {candidate.pod} has a replica with {keys}"
            if 2 * len(owners) > shards:
                remedy = "if it is not elected, for example after a restart, run CLUSTER FAILOVER FORCE on it"
                return TopologyPlan(waits_for=f"{why}. Remedy: {remedy}")
            remedy = "run CLUSTER FAILOVER TAKEOVER on it"
            return TopologyPlan(blocked=f"{why}, but too few primaries remain to elect it. Remedy: {remedy}")
        if gone:
            key, peer = next(iter(gone.items()))
            return TopologyPlan(
                blocked=f"Shard {shard} of {shards} has lost node {key[:8]} at {peer.address}, the owner of its slots."
                " Remedy: restore its volume, or delete this RedisCluster and create a new one, which loses the data"
            )
        return TopologyPlan(waits_for=f"Shard {shard} of {shards} has no primary yet.")
    return TopologyPlan()


def _introduce(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> Iterator[Command]:
    """Introduce new nodes to the first one, which spreads them by gossip; send changed addresses to all nodes.

    A node whose shard has no primary is not introduced, because it may have to claim the shard's slots first.
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
    """Make nodes replicate the primary of their shard; one with keys only if its current primary has them too."""
    present = {node.id for node in nodes}
    for node in nodes:
        owner = owners.get(node.shard)
        if owner is None or node.slots or node.primary_id == owner.id:
            continue
        known = node.peers.get(owner.id)
        if known is not None and not known.handshake and (not node.keys or node.primary_id in present):
            yield Replicate(node.pod, owner.id)


def _settled(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> TopologyPlan:
    """Return the plan once no node has to be added: nodes to forget, then what to wait for."""
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
                    blocked=f"Pod {node.pod} must replicate {owner.pod}, but has {count(node.keys, 'key')} of its own."
                    " Remedy: save the data and flush the node, or delete its PersistentVolumeClaim and the pod"
                )
            return TopologyPlan(waits_for=f"Pod {node.pod} does not know its primary {owner.pod} yet.")
        if not present - {node.id} <= node.peers.keys():
            return TopologyPlan(waits_for=f"Pod {node.pod} does not know all nodes yet.")
        if node.served < SLOTS:
            return TopologyPlan(waits_for=f"Pod {node.pod} does not know a primary for every slot yet.")
    return TopologyPlan()


def _spread(nodes: Sequence[RedisNode], owners: Mapping[int, RedisNode]) -> tuple[Failover, ...]:
    """Return a failover if one machine has so many primaries that losing it would prevent elections.

    Electing a replica needs a majority of the primaries (https://valkey.io/topics/cluster-spec/). Failovers ignore the
    machine of a replica, so primaries can gather on one over time.
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
