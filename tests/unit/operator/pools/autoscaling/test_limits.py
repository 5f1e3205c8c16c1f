import pytest

from switchboard_operator.pools.autoscaling.limits import MAX_POINTS, Count, max_up, min_down, remember
from switchboard_operator.pools.autoscaling.model import Tuning


def counts(*pods: int) -> list[Count]:
    return [Count(2 * index, count) for index, count in enumerate(pods)]


@pytest.mark.parametrize(("pods", "most"), [((2,), 22), ((10,), 40), ((10, 30), 40), ((30, 10), 40), ((0,), 20)])
def test_pods_grow_by_a_factor_or_a_number_whichever_is_more(pods: tuple[int, ...], most: int) -> None:
    assert max_up(counts(*pods), Tuning(up_factor=4, up_pods=20)) == most


@pytest.mark.parametrize(("pods", "least"), [((1,), 0), ((3,), 1), ((10,), 5), ((11,), 6), ((10, 5), 5), ((4,), 2)])
def test_pods_shrink_by_a_factor_or_a_number_whichever_is_more(pods: tuple[int, ...], least: int) -> None:
    assert min_down(counts(*pods), Tuning(down_factor=2, down_pods=2)) == least


def test_only_the_window_is_kept() -> None:
    kept: tuple[Count, ...] = ()
    for t, pods in enumerate([9, 3, 3, 3, 4]):
        kept = remember(kept, t, pods, window_s=3)
    assert kept == (Count(1, 3), Count(3, 3), Count(4, 4)), "of a run, the first and the last"


def test_the_memory_is_bounded_at_any_pace() -> None:
    kept: tuple[Count, ...] = ()
    for index in range(2 * MAX_POINTS):
        kept = remember(kept, index / 1000, index % 2, window_s=60)
    assert len(kept) == MAX_POINTS
