"""What holds of every decision, whatever a pool goes through."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from switchboard_operator.pools.autoscaling.decide import LoadHistory, decide
from switchboard_operator.pools.autoscaling.model import LoadDecision, LoadObservation, PodLoad, Tuning

TARGET, CAPACITY = 100, 150
SETTINGS = Tuning()
few = settings(max_examples=20)

sessions = st.none() | st.integers(0, 300)


@st.composite
def a_pod(draw: st.DrawFn, name: str) -> PodLoad:
    return PodLoad(
        name,
        ready=draw(st.booleans()),
        age_s=draw(st.integers(0, 300)),
        sessions=draw(sessions),
        draining=draw(st.booleans()),
        refused=draw(st.sampled_from([0, 0, 0, 5, 80])),
        sample_age_s=draw(st.sampled_from([0, 0, 5, 31])),
    )


@st.composite
def observations(draw: st.DrawFn) -> list[LoadObservation]:
    """Return anything: pods come and go, samples are missing, bounds change, time leaps."""
    found, t = [], 0.0
    least = draw(st.integers(0, 5))
    for _ in range(draw(st.integers(1, 30))):
        t += draw(st.sampled_from([0.5, 2, 2, 2, 2, 10, 16, 60]))
        names = draw(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8))
        pods = [draw(a_pod(name)) for name in names]
        found.append(
            LoadObservation(
                t, pods, draw(st.integers(0, 12)), TARGET, CAPACITY, least, least + draw(st.integers(0, 30))
            )
        )
    return found


def run(found: Sequence[LoadObservation], history: LoadHistory | None = None) -> tuple[LoadHistory, list[LoadDecision]]:
    history, decisions = history or LoadHistory(), []
    for observation in found:
        history, decision = decide(history, observation, SETTINGS)
        decisions.append(decision)
    return history, decisions


def fresh(observation: LoadObservation) -> list[PodLoad]:
    return [pod for pod in observation.pods if pod.sessions is not None and pod.sample_age_s <= SETTINGS.stale_s]


@few
@given(observations())
def test_never_below_min_nor_above_max_and_always_explained(found: list[LoadObservation]) -> None:
    for observation, decision in zip(found, run(found)[1], strict=True):
        assert observation.min_pods <= decision.desired <= observation.max_pods
        change = f"{observation.current} -> {decision.desired}: "
        assert decision.why.startswith((change, f"unchanged at {decision.desired}: "))


@few
@given(observations())
def test_never_down_without_samples(found: list[LoadObservation]) -> None:
    for observation, decision in zip(found, run(found)[1], strict=True):
        if not fresh(observation):
            assert decision.desired >= min(observation.current, observation.max_pods)


@few
@given(observations())
def test_never_down_below_what_pods_without_a_sample_may_hold(found: list[LoadObservation]) -> None:
    for observation, decision in zip(found, run(found)[1], strict=True):
        old = [
            pod
            for pod in observation.pods
            if pod not in fresh(observation) and (pod.age_s >= SETTINGS.young_s or pod.sessions is not None)
        ]
        least = math.ceil((sum(pod.sessions or 0 for pod in fresh(observation)) + CAPACITY * len(old)) / TARGET)
        assert decision.desired >= min(observation.current, least, observation.max_pods)


@few
@given(observations(), st.data())
def test_more_load_never_results_in_fewer_pods(found: list[LoadObservation], data: st.DataObject) -> None:
    history, _ = run(found[:-1])
    now = found[-1]
    more = [
        pod
        if pod.sessions is None
        else replace(pod, sessions=pod.sessions + data.draw(st.sampled_from([0, 1, 40, 400])))
        for pod in now.pods
    ]
    before = decide(history, now, SETTINGS)[1].desired
    assert decide(history, replace(now, pods=more), SETTINGS)[1].desired >= before


@few
@given(observations(), st.integers(0, 30))
def test_a_restart_of_the_operator_removes_no_pod(found: list[LoadObservation], cut: int) -> None:
    rest = found[cut:]
    for observation, decision in zip(rest, run(rest)[1], strict=True):
        if observation.t - rest[0].t < max(SETTINGS.stable_window_s, SETTINGS.stabilization_window_s):
            assert decision.desired >= min(observation.current, observation.max_pods)


def pool(load: float, replicas: int, t: float) -> LoadObservation:
    """Return a pool whose pods share the load."""
    pods = [PodLoad(f"pod-{index}", ready=True, age_s=900, sessions=load / replicas) for index in range(replicas)]
    return LoadObservation(t, pods, replicas, TARGET, CAPACITY, 1, 100)


def follow(loads: Sequence[float], replicas: int, restarts: frozenset[int] = frozenset()) -> list[int]:
    """Return the replicas that a pool gets, decision by decision, its operator restarting now and then."""
    history, found = LoadHistory(), []
    for index, load in enumerate(loads):
        if index in restarts:
            history = LoadHistory()
        history, decision = decide(history, pool(load, replicas, 2.0 * index), SETTINGS)
        replicas = decision.desired
        found.append(replicas)
    return found


@few
@given(load=st.integers(50, 3000), noise=st.sampled_from([0.0, 0.005, 0.02]), seed=st.integers(0, 1000))
def test_no_flapping_under_noise(load: int, noise: float, seed: int) -> None:
    chance = random.Random(seed)
    loads = [load * (1 + noise * chance.uniform(-1, 1)) for _ in range(600)]
    found = follow(loads, math.ceil(load / TARGET))
    changes = sum(before != after for before, after in pairwise(found[150:]))
    assert changes <= 2, "in a quarter of an hour"


@few
@given(st.lists(st.integers(0, 3000), min_size=2, max_size=6), st.frozensets(st.integers(0, 600), max_size=5))
def test_the_pool_is_never_too_small_for_long_and_converges(levels: list[int], restarts: frozenset[int]) -> None:
    """A pool that was restarted in the middle ends with the very pods of one that was not."""
    loads = [level for level in levels for _ in range(100)] + [levels[-1]] * 400
    found, whole = follow(loads, 1, restarts), follow(loads, 1)
    assert found[-1] == whole[-1] == max(1, math.ceil(levels[-1] / TARGET))
    for index, replicas in enumerate(found):
        steady = loads[index - 20 : index + 1]
        assert index < 20 or replicas >= math.ceil(min(steady) / TARGET), "what was there for forty seconds has room"
