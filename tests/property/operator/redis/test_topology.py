"""Forming a cluster on any volumes, with pods missing and the operator killed at any command: no key is lost."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.property.operator.redis.servers import KEYS, Servers

from switchboard_operator.redis.topology import SLOTS

SEEDS = st.integers(0, 2**32 - 1).map(Random)
SHARDS = st.integers(3, 5)
REPLICAS = st.integers(0, 2)
EVERYTHING = 1000


def settle(servers: Servers) -> None:
    """Let everybody answer until nothing more is to be done."""
    for server in servers.servers.values():
        server.up = True
    for _ in range(30):
        plan = servers.operate(EVERYTHING)
        if plan.formed or (plan.blocked and not plan.commands):
            return
        servers.gossip()


def disturb(servers: Servers, rounds: int) -> None:
    """Have pods come and go, and the operator killed between commands."""
    for _ in range(rounds):
        for server in servers.servers.values():
            server.up = servers.random.random() < 0.7
        servers.operate(servers.random.randrange(6))
        servers.gossip()


def used(random: Random, shards: int, replicas: int) -> Servers:
    """Return a cluster with all keys that saw failovers."""
    servers = Servers(random, shards, replicas)
    disturb(servers, 3)
    settle(servers)
    assert servers.look().formed
    servers.write()
    servers.gossip()
    for server in list(servers.servers.values()):
        if server.primary and random.random() < 0.3:
            servers.promote(server)
            servers.gossip()
    settle(servers)
    assert servers.look().formed
    return servers


@given(random=SEEDS, shards=SHARDS, replicas=REPLICAS, rounds=st.integers(0, 6))
def test_a_cluster_forms_again_at_new_addresses_with_all_keys(
    random: Random, shards: int, replicas: int, rounds: int
) -> None:
    servers = used(random, shards, replicas)
    servers.ask_for(shards, replicas, 1.0)
    disturb(servers, rounds)
    settle(servers)
    assert servers.look().formed
    primaries = [server for server in servers.servers.values() if server.primary is None]
    assert sum(server.slots.bit_count() for server in primaries) == SLOTS
    assert sum(server.keys for server in primaries) == KEYS


@given(random=SEEDS, shards=SHARDS, replicas=st.integers(1, 2))
def test_available_nodes_find_each_other(random: Random, shards: int, replicas: int) -> None:
    servers = used(random, shards, replicas)
    servers.ask_for(shards, replicas, 1.0)
    missing = random.choice(list(servers.servers.values()))
    missing.up = False
    for _ in range(3):
        servers.operate(EVERYTHING)
        servers.gossip()
    for server in servers.running():
        assert all(servers.linked(server, other.id) for other in servers.running() if other is not server)
    assert missing.place.pod in servers.look().waits_for


@given(
    random=SEEDS,
    before=SHARDS,
    after=SHARDS,
    replicas=st.tuples(REPLICAS, REPLICAS),
    kept=st.sampled_from([1.0, 0.7, 0.3]),
    rounds=st.integers(0, 6),
)
def test_no_key_is_lost_whatever_the_volumes_hold(
    random: Random, before: int, after: int, replicas: tuple[int, int], kept: float, rounds: int
) -> None:
    servers = used(random, before, replicas[0])
    servers.ask_for(after, replicas[1], kept)
    held = servers.held()
    owned = {server.id: server.slots for server in servers.servers.values()}
    old = any(server.peers for server in servers.servers.values())
    disturb(servers, rounds)
    settle(servers)
    assert servers.held() & held == held
    if before != after and old:
        assert not servers.look().formed
        assert servers.look().blocked
        assert {server.id: server.slots for server in servers.servers.values()} == owned
