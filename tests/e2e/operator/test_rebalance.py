"""Sessions that move to pods that are new, on a real API server: each moves once, and all pods serve again."""

from typing import Any

import pytest
from tests.e2e.operator.conftest import Replica, Start
from tests.e2e.operator.kubelet import FakePod
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.operator.test_drain import REDIS, events, offered, sessions, stages
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster

EVEN = 130
"""What a pod may hold where the mean is 100. It ends at the mean, or once the others have hardly any room."""


def two_full_pods(pool: Pool, **spec: Any) -> list[FakePod]:
    """Bring two pods into service and give them 200 sessions each, which the operator knows of."""
    pool.apply(replicas=2, **REDIS, **spec)
    until(lambda: pool.serves() and len(pool.items("pods")) == 2, "two pods serve")
    full = pool.fakes()
    for fake in full:
        fake.sessions, fake.capacity, fake.asked_for_samples = 200, 1000, 0
    until(lambda: all(fake.asked_for_samples > 1 for fake in full), "the operator knows the load")
    return full


def paths(fake: FakePod) -> set[str]:
    return {path.rpartition("/")[2] for path, _, _ in fake.orders}


def all_serve(pool: Pool, pods: int) -> bool:
    """Return whether this many pods are offered to clients and none is draining."""
    return set(stages(pool).values()) == {"Serving"} and len(offered(pool)) == pods and pool.is_true("PodsReady")


def test_pods_that_are_new_take_their_share(operator: Replica, pool: Pool, redis: Resource) -> None:
    full = two_full_pods(pool)
    pool.scale(4)
    until(lambda: pool.run_pods() or max(fake.sessions for fake in full) <= EVEN, "the full pods are relieved", 60)
    until(lambda: all_serve(pool, 4), "all pods serve again")
    assert sessions(pool) == 400
    assert all(paths(fake) == {"cordon", "goaway", "uncordon"} for fake in full)
    assert all(fake.sessions <= 100 for fake in pool.fakes() if fake not in full), "nobody else is above the mean"
    assert not any("goaway" in paths(fake) for fake in pool.fakes() if fake not in full), "who has moved stays"
    [event] = events(pool, "Rebalanced")
    assert " sessions left calls-" in event["note"]
    assert pool.live()["status"]["lastMoveTime"]


def test_it_goes_on_under_another_leader(start: Start, pool: Pool, redis: Resource) -> None:
    replica = start("operator-1")
    full = two_full_pods(pool)
    pool.kubelet.clients_follow = False
    pool.scale(4)
    until(lambda: pool.run_pods() or any(fake.asked for fake in full), "sessions are asked to move", 60)
    assert sorted(stages(pool).values()) == ["Rebalancing", "Rebalancing", "Serving", "Serving"]
    assert pool.is_true("PodsReady"), "they stay"
    replica.kill()
    pool.kubelet.clients_follow = True
    for fake in full:
        fake.asked = 0
    start("operator-2")
    until(lambda: max(fake.sessions for fake in full) <= EVEN, "the full pods are relieved", 60)
    until(lambda: all_serve(pool, 4), "all pods serve again")
    assert sessions(pool) == 400


def test_sessions_stay_where_they_are_if_the_pool_wants_it(operator: Replica, pool: Pool, redis: Resource) -> None:
    full = two_full_pods(pool, rebalance={"mode": "Disabled"})
    pool.scale(4)
    until(lambda: pool.serves() and len(pool.items("pods")) == 4, "four pods serve")
    for fake in pool.fakes():
        fake.asked_for_samples = 0
    until(lambda: all(fake.asked_for_samples > 2 for fake in pool.fakes()), "the operator has looked at all of them")
    assert not any(fake.orders for fake in full)
