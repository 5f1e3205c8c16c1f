from dataclasses import replace

import pytest

from switchboard_operator.redis.topology import (
    SLOTS,
    AddSlots,
    Command,
    Failover,
    Forget,
    Meet,
    Node,
    Peer,
    Place,
    Plan,
    Replicate,
    SetEpoch,
    plan,
    share,
)

SHARDS = 3


def node(shard: int, ordinal: int) -> Node:
    """Return a fresh node."""
    pod = f"store-redis-{shard}-{ordinal}"
    return Node(Place(pod, shard, ordinal, f"10.0.{shard}.{ordinal}"), id=f"id-{shard}-{ordinal}")


def fresh() -> list[Node]:
    return [node(shard, ordinal) for shard in range(SHARDS) for ordinal in range(2)]


def acquainted(nodes: list[Node]) -> list[Node]:
    """Return the nodes with everybody knowing everybody."""

    def peers(me: Node) -> dict[str, Peer]:
        known = {one.id: Peer(one.place.address, owns_slots=bool(one.slots)) for one in nodes if one.id != me.id}
        return {**{key: peer for key, peer in me.peers.items() if key not in known}, **known}

    return [replace(me, peers=peers(me)) for me in nodes]


def claimed() -> list[Node]:
    return [
        replace(one, epoch=one.shard + 1, slots=(share(one.shard, SHARDS),)) if one.place.ordinal == 0 else one
        for one in fresh()
    ]


def formed() -> list[Node]:
    nodes = [one if one.slots else replace(one, primary_id=f"id-{one.shard}-0", cluster_ok=True) for one in claimed()]
    return acquainted([replace(one, cluster_ok=True) for one in nodes])


def change(nodes: list[Node], pod: str, **changes: object) -> list[Node]:
    return [replace(one, **changes) if one.pod == pod else one for one in nodes]  # type: ignore[arg-type]


def next_step(nodes: list[Node]) -> Plan:
    return plan(nodes, SHARDS, 6)


@pytest.mark.parametrize("shards", [1, 3, 7, 100])
def test_the_shares_cover_all_slots_once_and_evenly(shards: int) -> None:
    ranges = [share(shard, shards) for shard in range(shards)]
    assert [first for first, _ in ranges] == [0, *(last + 1 for _, last in ranges[:-1])]
    assert ranges[-1][1] == SLOTS - 1
    sizes = {last - first + 1 for first, last in ranges}
    assert max(sizes) - min(sizes) <= 1


def test_nothing_is_done_before_all_nodes_answer() -> None:
    assert next_step(fresh()[:5]) == Plan(waits_for="1 of 6 nodes do not answer yet")


def test_first_each_shard_has_a_primary_with_its_slots() -> None:
    commands: list[Command] = []
    for shard in range(SHARDS):
        pod = f"store-redis-{shard}-0"
        commands += [SetEpoch(pod, shard + 1), AddSlots(pod, share(shard, SHARDS))]
    assert next_step(fresh()) == Plan(tuple(commands))


def test_after_a_crash_only_what_is_missing_is_done() -> None:
    half = [
        *(one for one in claimed() if one.shard < 2),
        *(one for one in fresh() if one.shard == 2),
    ]
    pod = "store-redis-2-0"
    assert next_step(half) == Plan((SetEpoch(pod, 3), AddSlots(pod, share(2, SHARDS))))
    with_epoch = change(half, pod, epoch=3, peers={"x": Peer("10.9.9.9:6379")})
    assert next_step(with_epoch) == Plan((AddSlots(pod, share(2, SHARDS)),))


def test_then_the_first_node_meets_all_others() -> None:
    others = ["10.0.0.1:6379", "10.0.1.0:6379", "10.0.1.1:6379", "10.0.2.0:6379", "10.0.2.1:6379"]
    assert next_step(claimed()) == Plan(tuple(Meet("store-redis-0-0", address) for address in others))


def test_then_the_others_replicate_their_shards_primary() -> None:
    assert next_step(acquainted(claimed())) == Plan(
        tuple(Replicate(f"store-redis-{shard}-1", f"id-{shard}-0") for shard in range(SHARDS))
    )


def test_a_node_in_handshake_is_given_time() -> None:
    nodes = acquainted(claimed())
    for shard in range(SHARDS):
        pod, primary = f"store-redis-{shard}-1", f"id-{shard}-0"
        peers = next(one for one in nodes if one.pod == pod).peers
        nodes = change(nodes, pod, peers={**peers, primary: Peer(f"10.0.{shard}.0:6379", handshake=True)})
    step = next_step(nodes)
    assert not step.commands
    assert step.waits_for == "Pod store-redis-0-0 does not see a primary for every slot yet"
    patient = next_step([replace(one, cluster_ok=True) for one in nodes])
    assert patient.waits_for == "Pod store-redis-0-1 does not know its primary store-redis-0-0 yet"


def test_a_formed_cluster_is_left_alone() -> None:
    assert next_step(formed()).formed


def on(machines: dict[str, str]) -> list[Node]:
    """Return a formed cluster with its pods, by shard and ordinal, on machines."""
    return [
        replace(one, place=replace(one.place, machine=machines[f"{one.shard}-{one.place.ordinal}"])) for one in formed()
    ]


def test_no_machine_keeps_so_many_primaries_that_the_others_could_not_elect_new_ones() -> None:
    step = next_step(on({"0-0": "a", "0-1": "c", "1-0": "b", "1-1": "a", "2-0": "b", "2-1": "c"}))
    assert step.formed
    assert step.improves == (Failover("store-redis-2-1"),)


@pytest.mark.parametrize(
    "machines",
    [
        {"0-0": "a", "0-1": "b", "1-0": "b", "1-1": "c", "2-0": "c", "2-1": "a"},
        dict.fromkeys(["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"], "a"),
        {"0-0": "a", "0-1": "b", "1-0": "b", "1-1": "a", "2-0": "b", "2-1": "a"},
    ],
)
def test_primaries_stay_where_a_change_of_places_would_not_help(machines: dict[str, str]) -> None:
    assert next_step(on(machines)) == Plan()


def test_gossip_is_waited_for() -> None:
    nodes = formed()
    peers = {key: peer for key, peer in nodes[3].peers.items() if key != "id-2-1"}
    step = next_step(change(nodes, nodes[3].pod, peers=peers))
    assert step == Plan(waits_for="Pod store-redis-1-1 does not know all nodes yet")


def test_after_a_failover_the_old_primary_stays_a_replica() -> None:
    nodes = formed()
    nodes = change(nodes, "store-redis-0-0", slots=(), primary_id="id-0-1")
    nodes = change(nodes, "store-redis-0-1", slots=(share(0, SHARDS),), primary_id=None)
    assert next_step(acquainted(nodes)).formed


def test_a_changed_address_is_told_to_everybody() -> None:
    nodes = formed()
    moved = replace(nodes[5], place=replace(nodes[5].place, host="10.7.7.7"))
    step = next_step([*nodes[:5], moved])
    assert step == Plan(tuple(Meet(one.pod, "10.7.7.7:6379") for one in nodes[:5]))


def test_an_empty_newcomer_replaces_a_lost_replica_which_is_forgotten() -> None:
    nodes = formed()
    old = nodes[5].id
    newcomer = Node(nodes[5].place, id="id-new")
    met = [*nodes[:5], newcomer]
    assert next_step(met) == Plan((Meet("store-redis-0-0", "10.0.2.1:6379"),))
    gone = Peer("10.0.2.1:6379", failed=True)
    met = acquainted([*(replace(one, peers={**one.peers, old: gone}) for one in nodes[:5]), newcomer])
    assert next_step(met) == Plan((Replicate("store-redis-2-1", "id-2-0"),))
    replicating = change(met, "store-redis-2-1", primary_id="id-2-0", cluster_ok=True)
    assert next_step(replicating) == Plan(tuple(Forget(one.pod, old) for one in nodes[:5]))


def test_a_node_with_data_is_never_given_slots() -> None:
    step = next_step(change(fresh(), "store-redis-1-0", keys=7))
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-1-0 holds 7 keys but belongs to no cluster")


def test_a_replica_is_never_given_slots() -> None:
    nodes = change(formed(), "store-redis-1-0", slots=(), primary_id="id-0-0")
    nodes = change(nodes, "store-redis-1-1", primary_id="id-0-0")
    forgotten = [
        replace(one, peers={key: replace(peer, owns_slots=False) for key, peer in one.peers.items()}) for one in nodes
    ]
    assert not any(isinstance(command, AddSlots) for command in next_step(forgotten).commands)


def test_a_stranger_with_data_is_not_met_though_it_claims_slots() -> None:
    nodes = formed()
    stranger = Node(nodes[5].place, id="id-new", keys=1, slots=((42, 42),))
    step = next_step([*nodes[:5], stranger])
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-2-1 holds 1 keys but belongs to no cluster")


def test_a_primary_that_was_written_to_before_it_met_the_others_is_no_stranger() -> None:
    assert next_step(change(claimed(), "store-redis-1-0", keys=7)) == next_step(claimed())


def test_a_node_with_data_is_never_made_a_replica() -> None:
    step = next_step(change(formed(), "store-redis-1-1", primary_id=None, keys=7))
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-1-1 should replicate store-redis-1-0, but holds 7 keys")


def test_slots_of_a_lost_primary_are_not_given_away() -> None:
    nodes = formed()
    lost = nodes[4]
    gone = {lost.id: Peer(lost.place.address, failed=True, owns_slots=True)}
    left = [replace(one, peers={**one.peers, **gone}) for one in nodes[:4]]
    newcomers = [Node(lost.place, id="new-0"), Node(nodes[5].place, id="new-1")]
    step = next_step([*left, *newcomers])
    assert not step.commands
    assert "Shard 2 of 3: node id-2-0 at 10.0.2.0:6379 owns slots and is gone" in step.blocked


def test_a_replica_of_the_wrong_primary_is_moved() -> None:
    step = next_step(change(formed(), "store-redis-1-1", primary_id="id-0-0"))
    assert step == Plan((Replicate("store-redis-1-1", "id-1-0"),))
