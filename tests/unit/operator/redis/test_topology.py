from dataclasses import replace

import pytest

from switchboard_operator.redis.topology import (
    SLOTS,
    AddSlots,
    Command,
    Failover,
    Forget,
    KnownNode,
    Meet,
    NodeAddress,
    RedisNode,
    Replicate,
    SetEpoch,
    TopologyPlan,
    plan,
    share,
    unserved,
)

SHARDS = 3
PODS = [f"store-redis-{shard}-{ordinal}" for shard in range(SHARDS) for ordinal in range(2)]


def node(shard: int, ordinal: int) -> RedisNode:
    """Return a fresh node."""
    pod = f"store-redis-{shard}-{ordinal}"
    return RedisNode(NodeAddress(pod, shard, ordinal, f"10.0.{shard}.{ordinal}"), id=f"id-{shard}-{ordinal}")


def fresh() -> list[RedisNode]:
    return [node(shard, ordinal) for shard in range(SHARDS) for ordinal in range(2)]


def acquainted(nodes: list[RedisNode]) -> list[RedisNode]:
    """Return the nodes with everybody knowing everybody."""

    def peers(me: RedisNode) -> dict[str, KnownNode]:
        known = {one.id: KnownNode(one.place.address, slots=one.slots) for one in nodes if one.id != me.id}
        return {**{key: peer for key, peer in me.peers.items() if key not in known}, **known}

    return [replace(me, peers=peers(me)) for me in nodes]


def claimed() -> list[RedisNode]:
    return [
        replace(one, epoch=one.shard + 1, slots=(share(one.shard, SHARDS),)) if one.place.ordinal == 0 else one
        for one in fresh()
    ]


def formed() -> list[RedisNode]:
    nodes = [one if one.slots else replace(one, primary_id=f"id-{one.shard}-0", served=SLOTS) for one in claimed()]
    return acquainted([replace(one, served=SLOTS) for one in nodes])


def change(nodes: list[RedisNode], pod: str, **changes: object) -> list[RedisNode]:
    return [replace(one, **changes) if one.pod == pod else one for one in nodes]  # type: ignore[arg-type]


def next_step(nodes: list[RedisNode]) -> TopologyPlan:
    return plan(nodes, SHARDS, PODS)


@pytest.mark.parametrize("shards", [1, 3, 7, 100])
def test_the_shares_cover_all_slots_once_and_evenly(shards: int) -> None:
    ranges = [share(shard, shards) for shard in range(shards)]
    assert [first for first, _ in ranges] == [0, *(last + 1 for _, last in ranges[:-1])]
    assert ranges[-1][1] == SLOTS - 1
    sizes = {last - first + 1 for first, last in ranges}
    assert max(sizes) - min(sizes) <= 1


def test_no_slot_is_assigned_before_all_nodes_answer() -> None:
    assert next_step(fresh()[:5]) == TopologyPlan(waits_for="1 of 6 nodes does not answer yet: store-redis-2-1.")
    names = "store-redis-0-0, store-redis-0-1, store-redis-1-0, store-redis-1-1"
    assert next_step(fresh()[4:]) == TopologyPlan(waits_for=f"4 of 6 nodes do not answer yet: {names}.")


def test_first_each_shard_has_a_primary_with_its_slots() -> None:
    commands: list[Command] = []
    for shard in range(SHARDS):
        pod = f"store-redis-{shard}-0"
        commands += [SetEpoch(pod, shard + 1), AddSlots(pod, share(shard, SHARDS))]
    assert next_step(fresh()) == TopologyPlan(tuple(commands))


def test_after_a_crash_only_the_missing_steps_are_done() -> None:
    half = [
        *(one for one in claimed() if one.shard < 2),
        *(one for one in fresh() if one.shard == 2),
    ]
    pod = "store-redis-2-0"
    assert next_step(half) == TopologyPlan((SetEpoch(pod, 3), AddSlots(pod, share(2, SHARDS))))
    with_epoch = change(half, pod, epoch=3, peers={"x": KnownNode("10.9.9.9:6379")})
    assert next_step(with_epoch) == TopologyPlan((AddSlots(pod, share(2, SHARDS)),))


def test_then_the_first_node_meets_all_others() -> None:
    others = ["10.0.0.1:6379", "10.0.1.0:6379", "10.0.1.1:6379", "10.0.2.0:6379", "10.0.2.1:6379"]
    assert next_step(claimed()) == TopologyPlan(tuple(Meet("store-redis-0-0", address) for address in others))


def test_then_the_others_replicate_their_shards_primary() -> None:
    assert next_step(acquainted(claimed())) == TopologyPlan(
        tuple(Replicate(f"store-redis-{shard}-1", f"id-{shard}-0") for shard in range(SHARDS))
    )


def test_the_plan_waits_for_a_node_in_handshake() -> None:
    nodes = acquainted(claimed())
    for shard in range(SHARDS):
        pod, primary = f"store-redis-{shard}-1", f"id-{shard}-0"
        peers = next(one for one in nodes if one.pod == pod).peers
        nodes = change(nodes, pod, peers={**peers, primary: KnownNode(f"10.0.{shard}.0:6379", handshake=True)})
    step = next_step(nodes)
    assert not step.commands
    assert step.waits_for == "Pod store-redis-0-0 does not know a primary for every slot yet."
    patient = next_step([replace(one, served=SLOTS) for one in nodes])
    assert patient.waits_for == "Pod store-redis-0-1 does not know its primary store-redis-0-0 yet."


def test_a_formed_cluster_is_not_changed() -> None:
    assert next_step(formed()).formed


def on(machines: dict[str, str]) -> list[RedisNode]:
    """Return a formed cluster with its pods, by shard and ordinal, on machines."""
    return [
        replace(one, place=replace(one.place, machine=machines[f"{one.shard}-{one.place.ordinal}"])) for one in formed()
    ]


def test_no_machine_keeps_a_majority_of_the_primaries() -> None:
    step = next_step(on({"0-0": "a", "0-1": "c", "1-0": "b", "1-1": "a", "2-0": "b", "2-1": "c"}))
    assert step.formed
    assert step.improvements == (Failover("store-redis-2-1"),)


@pytest.mark.parametrize(
    "machines",
    [
        {"0-0": "a", "0-1": "b", "1-0": "b", "1-1": "c", "2-0": "c", "2-1": "a"},
        dict.fromkeys(["0-0", "0-1", "1-0", "1-1", "2-0", "2-1"], "a"),
        {"0-0": "a", "0-1": "b", "1-0": "b", "1-1": "a", "2-0": "b", "2-1": "a"},
    ],
)
def test_primaries_stay_if_a_switch_of_roles_would_not_help(machines: dict[str, str]) -> None:
    assert next_step(on(machines)) == TopologyPlan()


def test_the_plan_waits_for_gossip() -> None:
    nodes = formed()
    peers = {key: peer for key, peer in nodes[3].peers.items() if key != "id-2-1"}
    step = next_step(change(nodes, nodes[3].pod, peers=peers))
    assert step == TopologyPlan(waits_for="Pod store-redis-1-1 does not know all nodes yet.")


def test_after_a_failover_the_old_primary_stays_a_replica() -> None:
    nodes = formed()
    nodes = change(nodes, "store-redis-0-0", slots=(), primary_id="id-0-1")
    nodes = change(nodes, "store-redis-0-1", slots=(share(0, SHARDS),), primary_id=None)
    assert next_step(acquainted(nodes)).formed


def test_a_changed_address_is_sent_to_all_nodes() -> None:
    nodes = formed()
    moved = replace(nodes[5], place=replace(nodes[5].place, host="10.7.7.7"))
    step = next_step([*nodes[:5], moved])
    assert step == TopologyPlan(tuple(Meet(one.pod, "10.7.7.7:6379") for one in nodes[:5]))


def test_an_empty_new_node_replaces_a_lost_replica() -> None:
    nodes = formed()
    old = nodes[5].id
    newcomer = RedisNode(nodes[5].place, id="id-new")
    met = [*nodes[:5], newcomer]
    assert next_step(met) == TopologyPlan((Meet("store-redis-0-0", "10.0.2.1:6379"),))
    gone = KnownNode("10.0.2.1:6379", failed=True)
    met = acquainted([*(replace(one, peers={**one.peers, old: gone}) for one in nodes[:5]), newcomer])
    assert next_step(met) == TopologyPlan((Replicate("store-redis-2-1", "id-2-0"),))
    replicating = change(met, "store-redis-2-1", primary_id="id-2-0", served=SLOTS)
    assert next_step(replicating) == TopologyPlan(tuple(Forget(one.pod, old) for one in nodes[:5]))


def test_a_node_with_data_is_never_given_slots() -> None:
    step = next_step(change(fresh(), "store-redis-1-0", keys=7))
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-1-0 holds 7 keys but is in no cluster")


def test_a_replica_is_never_given_slots() -> None:
    nodes = change(formed(), "store-redis-1-0", slots=(), primary_id="id-0-0")
    nodes = change(nodes, "store-redis-1-1", primary_id="id-0-0")
    forgotten = [replace(one, peers={key: replace(peer, slots=()) for key, peer in one.peers.items()}) for one in nodes]
    assert not any(isinstance(command, AddSlots) for command in next_step(forgotten).commands)


def test_the_only_node_that_answers_belongs_to_the_cluster() -> None:
    """Nobody else speaks of it, but its own table names the others: its keys must not be given up."""
    nodes = change(formed(), "store-redis-0-0", slots=((0, 9),), keys=1000)
    for alone in (nodes[0], replace(nodes[0], slots=())):
        step = next_step([alone])
        assert not step.commands
        assert "belongs to no cluster" not in step.blocked


def test_a_foreign_node_with_data_and_slots_is_not_added() -> None:
    nodes = formed()
    stranger = RedisNode(nodes[5].place, id="id-new", keys=1, slots=((42, 42),))
    step = next_step([*nodes[:5], stranger])
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-2-1 holds 1 key but is in no cluster")


def test_a_primary_with_data_before_the_cluster_formed_belongs_to_it() -> None:
    assert next_step(change(claimed(), "store-redis-1-0", keys=7)) == next_step(claimed())


def test_a_node_with_data_is_never_made_a_replica() -> None:
    step = next_step(change(formed(), "store-redis-1-1", primary_id=None, keys=7))
    assert not step.commands
    assert step.blocked.startswith("Pod store-redis-1-1 must replicate store-redis-1-0, but has 7 keys")


def test_slots_of_a_lost_primary_are_not_reassigned() -> None:
    nodes = formed()
    lost = nodes[4]
    gone = {lost.id: KnownNode(lost.place.address, failed=True, slots=lost.slots)}
    left = [replace(one, peers={**one.peers, **gone}) for one in nodes[:4]]
    newcomers = [RedisNode(lost.place, id="new-0"), RedisNode(nodes[5].place, id="new-1")]
    step = next_step([*left, *newcomers])
    assert not step.commands
    assert "Shard 2 of 3 has lost node id-2-0 at 10.0.2.0:6379, the owner of its slots" in step.blocked


def test_a_replica_of_the_wrong_primary_is_moved() -> None:
    step = next_step(change(formed(), "store-redis-1-1", primary_id="id-0-0"))
    assert step == TopologyPlan((Replicate("store-redis-1-1", "id-1-0"),))


def of_shape(shards: int) -> list[RedisNode]:
    """Return the primaries of a formed cluster with another number of shards."""
    return acquainted(
        [
            replace(node(shard, 0), epoch=shard + 1, slots=(share(shard, shards),), keys=9, served=SLOTS)
            for shard in range(shards)
        ]
    )


@pytest.mark.parametrize(("before", "after"), [(3, 4), (5, 3), (4, 3), (3, 6), (100, 99)])
def test_volumes_of_another_number_of_shards_are_not_changed(before: int, after: int) -> None:
    kept = of_shape(before)[:after]
    nodes = [*kept, *(node(shard, 0) for shard in range(len(kept), after))]
    step = plan(nodes, after, [one.pod for one in nodes])
    assert step.commands == ()
    assert step.blocked == (
        f"The volumes contain a cluster of {before} shards, but spec.shards is {after}. Remedy: set"
        " spec.storage.deletionPolicy to Retain, delete this RedisCluster and create it again with"
        f" spec.shards: {before}; or delete its PersistentVolumeClaims and pods to discard the data"
    )


def test_a_volume_of_another_shape_is_detected_before_its_siblings_answer() -> None:
    assert next_step(of_shape(5)[1:2]).blocked.startswith("The volumes contain a cluster of 5 shards")


def test_volumes_of_an_unformed_cluster_of_another_shape_are_not_changed() -> None:
    half = [replace(one, peers={}) for one in of_shape(5)[:2]]
    assert next_step([*half, *fresh()[4:]]).blocked.startswith("The volumes contain a cluster of 5 shards")


def test_a_replica_remembers_the_shape_of_its_cluster() -> None:
    old = of_shape(4)
    replica = replace(
        node(0, 0), primary_id="gone", peers={f"x{one.id}": KnownNode("a:1", slots=one.slots) for one in old}
    )
    step = next_step([replica, *fresh()[1:]])
    assert step.blocked.startswith("The volumes contain a cluster of 4 shards")
    assert step.commands == ()


def test_slots_in_the_pods_of_another_shard_are_named() -> None:
    nodes = change(formed(), "store-redis-1-0", slots=(), primary_id="id-0-0")
    nodes = change(nodes, "store-redis-1-1", slots=(share(0, SHARDS),), primary_id=None)
    step = next_step(nodes)
    assert step.commands == ()
    assert step.blocked.startswith("Pod store-redis-1-1 owns slots 0-5460, which are not those of shard 1 of 3.")


@pytest.mark.parametrize("slots", [((0, 5459),), ((1, 5460),), ((0, 41), (43, 5460))])
def test_a_single_slot_without_an_owner_is_not_formed(slots: tuple[tuple[int, int], ...]) -> None:
    step = next_step(acquainted(change(formed(), "store-redis-0-0", slots=slots)))
    assert step.commands == ()
    text = ",".join(f"{first}-{last}" for first, last in slots)
    assert step.blocked.startswith(f"Pod store-redis-0-0 owns slots {text}, which are not those of shard 0 of 3.")


def test_odd_slots_of_a_node_that_does_not_answer_are_named() -> None:
    nodes = change(formed(), "store-redis-0-0", peers={"strange-node": KnownNode("a:1", slots=((3, 4),))})
    step = next_step(nodes)
    assert step.commands == ()
    assert step.blocked.startswith(
        "Node strange-, which does not answer, owns slots 3-4, which are not those of a shard of 3."
    )


def test_manually_distributed_slots_are_accepted_if_all_are_served() -> None:
    nodes = change(formed(), "store-redis-0-0", slots=((0, 99), (5000, 5460)))
    nodes = acquainted(change(nodes, "store-redis-1-0", slots=((100, 4999), (5461, 10921))))
    assert next_step(nodes).formed
    twice = change(nodes, "store-redis-1-1", slots=nodes[2].slots)
    assert next_step(twice).formed
    assert next_step(change(nodes, "store-redis-1-1", slots=share_of(2))).blocked


def share_of(shard: int) -> tuple[tuple[int, int], ...]:
    return (share(shard, SHARDS),)


def test_two_clusters_of_the_same_shape_are_not_joined() -> None:
    ours = formed()
    theirs = {f"x-{shard}": KnownNode("10.9.9.9:1", slots=share_of(shard)) for shard in (0, 2)}
    alien = replace(node(1, 0), id="x-1", epoch=9, slots=share_of(1), keys=3, peers=theirs)
    nodes = [*ours[:2], alien, *ours[3:]]
    step = next_step(nodes)
    assert step.commands == ()
    assert step.blocked.startswith(
        "Pods store-redis-1-0 and store-redis-0-0 hold data of two clusters, which both own slots 0-5460. Remedy:"
    )


def test_disconnected_parts_of_one_cluster_are_joined() -> None:
    gone = {"id-2-0": KnownNode("10.0.2.0:6379", slots=share_of(2))}
    halves = [replace(node(shard, 0), epoch=shard + 1, slots=share_of(shard), keys=3, peers=gone) for shard in range(2)]
    assert next_step(halves).commands == (Meet("store-redis-0-0", "10.0.1.0:6379"),)


def moved(nodes: list[RedisNode]) -> list[RedisNode]:
    """Return the nodes as they are when all pods were replaced."""
    return [replace(one, place=replace(one.place, host=f"10.7.{one.shard}.{one.place.ordinal}")) for one in nodes]


@pytest.mark.parametrize("missing", range(6))
def test_available_nodes_receive_the_addresses_while_one_is_missing(missing: int) -> None:
    nodes = moved(formed())
    gone = nodes.pop(missing)
    step = next_step(nodes)
    assert set(step.commands) == {
        Meet(one.pod, other.place.address) for one in nodes for other in nodes if one is not other
    }
    assert step.waits_for == f"1 of 6 nodes does not answer yet: {gone.pod}."
    settled = [
        replace(
            one,
            peers={
                other.id: replace(one.peers[other.id], address=other.place.address)
                for other in nodes
                if other is not one
            }
            | {gone.id: replace(one.peers[gone.id], failed=True)},
        )
        for one in nodes
    ]
    assert next_step(settled) == TopologyPlan(waits_for=step.waits_for)


def test_an_empty_new_node_is_added_while_another_node_is_missing() -> None:
    nodes = formed()
    newcomer = RedisNode(nodes[5].place, id="id-new")
    present = [*nodes[1:5], newcomer]
    step = next_step(present)
    assert step.commands == (Meet("store-redis-1-0", "10.0.2.1:6379"),)
    assert step.waits_for.endswith(": store-redis-0-0.")
    met = acquainted(present)
    assert next_step(met).commands == (Replicate("store-redis-2-1", "id-2-0"),)


def test_an_empty_new_node_waits_while_its_primary_may_be_missing() -> None:
    nodes = formed()
    newcomer = RedisNode(nodes[5].place, id="id-new")
    step = next_step([*nodes[:4], newcomer])
    assert step == TopologyPlan(waits_for="1 of 6 nodes does not answer yet: store-redis-2-0.")


def test_a_shard_belongs_to_the_primary_with_the_latest_epoch() -> None:
    """The other one does not know yet that it was replaced."""
    nodes = change(formed(), "store-redis-0-0", epoch=7, keys=5)
    nodes = change(nodes, "store-redis-0-1", epoch=1, keys=4, slots=share_of(0), primary_id=None)
    third = replace(node(0, 2), id="id-0-2", primary_id="id-0-0", keys=5, served=SLOTS)
    nodes = acquainted([*nodes, third])
    assert plan(nodes, SHARDS, [*PODS, third.pod]).commands == ()


def test_a_replica_with_keys_keeps_its_missing_primary() -> None:
    nodes = change(formed(), "store-redis-0-1", primary_id="id-gone", keys=5)
    assert not next_step(nodes).commands
    empty = change(nodes, "store-redis-0-1", keys=0)
    assert next_step(empty).commands == (Replicate("store-redis-0-1", "id-0-0"),)


def test_a_replica_whose_primary_lost_its_volume_is_elected() -> None:
    nodes = formed()
    lost = nodes[4]
    newcomer = RedisNode(lost.place, id="new-0")
    left = [replace(one, keys=8) for one in moved([*nodes[:4], nodes[5]])]
    step = next_step([*left, newcomer])
    assert step.commands
    assert all(isinstance(command, Meet) for command in step.commands)
    assert step.waits_for.startswith(
        "Shard 2 of 3 has lost its primary; pod store-redis-2-1 has a replica with 8 keys. Remedy: if it is not elected"
    )
    assert not step.blocked


def test_without_a_majority_of_primaries_the_replica_must_be_promoted_manually() -> None:
    nodes = formed()
    newcomers = [RedisNode(nodes[index].place, id=f"new-{index}") for index in (2, 4)]
    step = next_step([nodes[0], nodes[1], newcomers[0], nodes[3], newcomers[1], nodes[5]])
    assert step.commands == ()
    assert step.blocked.startswith("Shard 1 of 3 has lost its primary; pod store-redis-1-1 has a replica")
    assert "CLUSTER FAILOVER TAKEOVER" in step.blocked


def test_a_shard_waits_if_its_owner_has_lost_its_slots() -> None:
    nodes = change(formed(), "store-redis-1-0", slots=())
    assert next_step(nodes) == TopologyPlan(waits_for="Shard 1 of 3 has no primary yet.")


def test_unserved_slots_are_counted() -> None:
    assert unserved(formed()) == 0
    assert unserved([]) == SLOTS
    assert unserved([one for one in formed() if one.shard != 2]) == 5462
    assert unserved(change(formed(), "store-redis-0-1", served=SLOTS - 7)) == 7
    assert unserved(change(formed(), "store-redis-0-1", served=0)) == SLOTS


def test_a_cluster_with_an_unserved_slot_is_not_formed() -> None:
    step = next_step(change(formed(), "store-redis-2-1", served=SLOTS - 1))
    assert step == TopologyPlan(waits_for="Pod store-redis-2-1 does not know a primary for every slot yet.")
