"""Sessions that move from full pods to those with room, with clients that follow late and choose at random."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from tests.property.operator.pools.cluster import Cluster, serving

from switchboard_operator.pools.rebalance import level_of, margin, uneven
from switchboard_operator.pools.snapshot import Stage

SEEDS = st.integers(0, 2**32 - 1).map(Random)
LOADS = st.lists(st.integers(0, 300), min_size=1, max_size=8)


def loaded(random: Random, loads: list[int]) -> Cluster:
    """Return a pool at rest with so many sessions on its pods; a rebalancing may begin once."""
    cluster = serving(random, len(loads), 0, capacity=1000)
    first = 0
    for pod, load in zip(cluster.pods, loads, strict=True):
        pod.sessions = list(range(first, first + load))
        first += load
    cluster.rebalances = lambda: not cluster.moves
    return cluster


def held(cluster: Cluster) -> dict[str, int]:
    return {pod.name: len(pod.sessions) for pod in cluster.pods}


@given(random=SEEDS, loads=LOADS)
def test_a_rebalance_ends_when_no_pod_is_too_full_or_no_other_has_room(random: Random, loads: list[int]) -> None:
    cluster = loaded(random, loads)
    before, level = cluster.sessions(), level_of(loads, 0)
    began = uneven(loads, 0)
    cluster.run(120)
    after = list(held(cluster).values())
    assert cluster.sessions() == before
    assert bool(cluster.moves) is began
    if began:
        assert max(after) <= level or min(after) > level - margin(level) // 2
        assert max(after) <= max(loads)
        assert min(after) >= min(loads)
    assert max(cluster.moves.values(), default=0) <= 1
    assert all(pod.marks.stage is Stage.SERVING and not pod.cordoned for pod in cluster.pods)


@given(random=SEEDS, loads=LOADS)
def test_in_any_order_of_events_no_other_pod_becomes_too_full_and_no_session_moves_twice(
    random: Random, loads: list[int]
) -> None:
    cluster = loaded(random, loads)
    before, level, start = cluster.sessions(), level_of(loads, 0), held(cluster)
    cluster.loss = 0.3
    for _ in range(400):
        if random.random() < 0.2:
            cluster.operate(cut=random.randrange(6))
            cluster.now += 1
        cluster.step()
        assert all(load <= max(level, start[name]) for name, load in held(cluster).items())
    cluster.run(200)
    assert cluster.sessions() == before
    assert max(cluster.moves.values(), default=0) <= 1
    assert all(pod.marks.stage is Stage.SERVING and not pod.cordoned for pod in cluster.pods)


@given(random=SEEDS, loads=LOADS, data=st.data())
def test_no_session_moves_while_a_pod_does_not_answer(random: Random, loads: list[int], data: st.DataObject) -> None:
    cluster = loaded(random, loads)
    cluster.restart(data.draw(st.sampled_from(cluster.pods)))
    assert cluster.plan().steps.rebalancing == ()
