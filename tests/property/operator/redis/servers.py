"""A model of Valkey servers: what they know of each other, who owns which slots, and when they delete keys."""

from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from switchboard_operator.redis.topology import (
    SLOTS,
    AddSlots,
    Command,
    Failover,
    Forget,
    KnownNode,
    Meet,
    NodeAddress,
    Ranges,
    RedisNode,
    Replicate,
    SetEpoch,
    TopologyPlan,
    plan,
)

KEYS = sum(1 << slot for slot in range(0, SLOTS, 11)) | 1 << SLOTS - 1
"""One key per slot in this set; sets of slots and of keys are bit masks."""


def mask(slots: tuple[int, int]) -> int:
    first, last = slots
    return (1 << last + 1) - (1 << first)


@lru_cache(maxsize=1000)
def ranges(slots: int) -> Ranges:
    bits = f"{slots:b}"[::-1] + "0"
    found = []
    at = bits.find("1")
    while at >= 0:
        end = bits.index("0", at)
        found.append((at, end - 1))
        at = bits.find("1", end)
    return tuple(found)


@dataclass
class Known:
    """One server as another one knows it."""

    address: str
    slots: int = 0
    epoch: int = 0


@dataclass
class Server:
    """A volume, and the server that runs on it."""

    place: NodeAddress
    id: str
    epoch: int = 0
    slots: int = 0
    keys: int = 0
    primary: str | None = None
    synced: bool = False
    """Whether a replica had all keys of its primary once; before that, it does not stand for election."""
    peers: dict[str, Known] = field(default_factory=dict)
    up: bool = True


class Servers:
    """All pods' servers, and volumes that no pod uses any more."""

    def __init__(self, random: Random, shards: int, replicas: int) -> None:
        self.random = random
        self.removed: list[Server] = []
        self.servers: dict[str, Server] = {}
        self.count = 0
        self.ask_for(shards, replicas, 1.0)

    def ask_for(self, shards: int, replicas: int, kept: float) -> None:
        """Have the pods of another spec start on the volumes that are kept, all at new addresses."""
        self.shards = shards
        old = self.servers
        self.servers = {}
        for shard in range(shards):
            for ordinal in range(1 + replicas):
                self.count += 1
                pod = f"store-{shard}-{ordinal}"
                place = NodeAddress(pod, shard, ordinal, f"10.0.0.{self.count}")
                server = old.pop(pod, None)
                if server is None or self.random.random() >= kept:
                    server = Server(place, f"id-{self.count}")
                server.place = place
                self.servers[pod] = server
        self.removed += old.values()

    def held(self) -> int:
        """Return the keys that some volume holds."""
        found = 0
        for server in (*self.servers.values(), *self.removed):
            found |= server.keys
        return found

    def write(self) -> None:
        for server in self.servers.values():
            server.keys = server.slots & KEYS

    def running(self) -> list[Server]:
        return [server for server in self.servers.values() if server.up]

    def at(self, address: str) -> Server | None:
        return next((server for server in self.running() if server.place.address == address), None)

    def linked(self, server: Server, key: str) -> Server | None:
        """Return the server with an id, if it can be reached at the address that is known."""
        known = server.peers.get(key)
        found = self.at(known.address) if known else None
        return found if found is not None and found.id == key else None

    # The operator.

    def look(self) -> TopologyPlan:
        return plan([self.describe(server) for server in self.running()], self.shards, list(self.servers))

    def describe(self, server: Server) -> RedisNode:
        owner = server.peers.get(server.primary or "")
        views = {server.slots: True, **{known.slots: self.linked(server, key) for key, known in server.peers.items()}}
        served = sum((slots).bit_count() for slots, there in views.items() if there)
        peers = {
            key: KnownNode(known.address, failed=self.linked(server, key) is None, slots=ranges(known.slots))
            for key, known in server.peers.items()
        }
        epoch = owner.epoch if owner else server.epoch
        slots, keys = ranges(server.slots), server.keys.bit_count()
        return RedisNode(server.place, server.id, epoch, slots, server.primary, keys, peers, served)

    def operate(self, cut: int) -> TopologyPlan:
        """Give the commands that are due, up to the moment when the operator is killed."""
        found = self.look()
        for command in (*found.commands, *found.improvements)[:cut]:
            self.execute(self.servers[command.pod], command)
        return found

    def execute(self, server: Server, command: Command) -> None:
        """Do what a server does, which refuses what would be wrong in its own eyes."""
        match command:
            case SetEpoch(_, epoch) if not server.peers and server.epoch == 0:
                server.epoch = epoch
            case AddSlots(_, slots) if not any(known.slots & mask(slots) for known in server.peers.values()):
                server.slots |= mask(slots)
            case Meet(_, address):
                other = self.at(address)
                if other is not None:
                    self.greet(server, other)
            case Replicate(_, key) if key in server.peers and (server.primary or not server.keys | server.slots):
                server.primary, server.keys, server.synced = key, 0, False
            case Forget(_, key):
                server.peers.pop(key, None)
            case Failover():
                self.promote(server)

    # What the servers do by themselves.

    def greet(self, one: Server, other: Server) -> None:
        for me, you in ((one, other), (other, one)):
            me.peers.setdefault(you.id, Known("")).address = you.place.address
        self.hear(one, other)
        self.hear(other, one)

    def hear(self, me: Server, you: Server) -> None:
        """Take over what the other one owns, if its epoch is the higher one; delete keys of slots that were lost."""
        known = me.peers[you.id]
        won = you.slots
        for rival in me.peers.values():
            if rival is not known and rival.slots & won and rival.epoch >= you.epoch:
                won &= ~rival.slots
        if me.slots & won and me.epoch >= you.epoch:
            won &= ~me.slots
        for rival in me.peers.values():
            rival.slots &= ~won
        known.slots, known.epoch = won, you.epoch
        if me.slots & won:
            me.slots &= ~won
            if me.slots:
                me.keys &= me.slots
            else:
                me.primary, me.synced = you.id, False

    def promote(self, server: Server) -> None:
        old = server.peers.get(server.primary or "")
        if old is None or not old.slots or not server.synced:
            return
        server.epoch = 1 + max(one.epoch for one in self.servers.values())
        server.slots, server.primary, old.slots = old.slots, None, 0

    def gossip(self) -> None:
        """Have everybody reached hear of everybody known, replicas follow and stand for election."""
        for me in self.random.sample(self.running(), len(self.running())):
            for key in list(me.peers):
                you = self.linked(me, key)
                if you is None or me.id not in you.peers:
                    continue
                self.greet(me, you)
                for third in you.peers.keys() - me.peers.keys() - {me.id}:
                    other = self.linked(you, third)
                    if other is not None:
                        self.greet(me, other)
            self.follow(me)

    def follow(self, me: Server) -> None:
        if me.primary is None:
            return
        primary = self.linked(me, me.primary)
        if primary is not None and primary.primary is None:
            me.keys, me.synced = primary.keys, True
        elif primary is not None and primary.primary != me.id:
            me.primary = primary.primary
        if primary is not None:
            return
        owners = [key for key, known in me.peers.items() if known.slots]
        if me.primary in owners and 2 * sum(self.linked(me, key) is not None for key in owners) > len(owners):
            self.promote(me)
