"""Rebalancing of sessions to new pods on a real API server: each session moves once, and all pods serve again."""

import re
from typing import Any

import pytest
from tests.e2e.operator.conftest import Replica, Start
from tests.e2e.operator.kubelet import FakePod
from tests.e2e.operator.resources import Pool, Resource
from tests.e2e.operator.test_drain import REDIS, events, offered, sessions, stages
from tests.e2e.waiting import until

pytestmark = pytest.mark.cluster

EVEN = 130
"""Maximum of sessions per pod with a mean of 100: a rebalance ends at the mean, or when other pods are almost full."""


def two_full_pods(pool: Pool, **spec: Any) -> list[FakePod]:
    """Start two pods with 200 sessions each, and wait until the operator has sampled them."""
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
    """Return whether this number of pods has ready endpoints and none is draining."""
    return set(stages(pool).values()) == {"Serving"} and len(offered(pool)) == pods and pool.is_true("PodsReady")


def test_new_pods_receive_their_share_of_sessions(operator: Replica, pool: Pool, redis: Resource) -> None:
    full = two_full_pods(pool)
    pool.scale(4)
    until(lambda: pool.run_pods() or max(fake.sessions for fake in full) <= EVEN, "the full pods are relieved", 60)
    until(lambda: all_serve(pool, 4), "all pods serve again")
    assert sessions(pool) == 400
    assert all(paths(fake) == {"cordon", "goaway", "uncordon"} for fake in full)
    assert all(fake.sessions <= 100 for fake in pool.fakes() if fake not in full), "no new pod is above the mean"
    assert not any("goaway" in paths(fake) for fake in pool.fakes() if fake not in full), "no session moves twice"
    [event] = events(pool, "Rebalanced")
    assert re.fullmatch(r"Moved \d+ sessions from calls-.* to calls-.*\.", event["note"])
    assert pool.live()["status"]["lastMoveTime"]


def test_a_rebalance_continues_under_another_leader(start: Start, pool: Pool, redis: Resource) -> None:
    replica = start("operator-1")
    full = two_full_pods(pool)
    pool.kubelet.clients_follow = False
    pool.scale(4)
    until(lambda: pool.run_pods() or any(fake.asked for fake in full), "sessions are asked to move", 60)
    assert sorted(stages(pool).values()) == ["Rebalancing", "Rebalancing", "Serving", "Serving"]
    assert pool.is_true("PodsReady"), "the full pods stay"
    replica.kill()
    pool.kubelet.clients_follow = True
    for fake in full:
        fake.asked = 0
    start("operator-2")
    until(lambda: max(fake.sessions for fake in full) <= EVEN, "the full pods are relieved", 60)
    until(lambda: all_serve(pool, 4), "all pods serve again")
    assert sessions(pool) == 400


def test_sessions_do_not_move_with_rebalancing_disabled(operator: Replica, pool: Pool, redis: Resource) -> None:
    full = two_full_pods(pool, rebalance={"mode": "Disabled"})
    pool.scale(4)
    until(lambda: pool.serves() and len(pool.items("pods")) == 4, "four pods serve")
    for fake in pool.fakes():
        fake.asked_for_samples = 0
    until(lambda: all(fake.asked_for_samples > 2 for fake in pool.fakes()), "the operator has sampled all pods")
    assert not any(fake.orders for fake in full)
