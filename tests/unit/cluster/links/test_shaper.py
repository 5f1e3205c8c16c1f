"""Examples of one direction of a link: times in seconds, sizes in bytes."""

import itertools

import pytest

from switchboard_cluster.links.model import LinkConditions
from switchboard_cluster.links.shaper import Counters, Shaper


def shaper(text: str, *chances: float) -> Shaper:
    """Return a shaper whose random numbers are these, in order."""
    return Shaper(LinkConditions.parse(text), itertools.chain(chances, itertools.repeat(0.5)).__next__)


def test_without_conditions_a_packet_leaves_at_once() -> None:
    assert shaper("").departure(10.0, 1500) == 10.0


def test_delay_is_added_to_the_arrival() -> None:
    assert shaper("delay=40ms").departure(10.0, 1500) == pytest.approx(10.04)


def test_bandwidth_serializes_packets() -> None:
    line = shaper("rate=1mbit")  # 1250 bytes take 10 ms
    assert [line.departure(10.0, 1250) for _ in range(3)] == pytest.approx([10.01, 10.02, 10.03])
    assert line.departure(20.0, 1250) == pytest.approx(20.01)


def test_a_full_queue_drops_the_last_packet() -> None:
    line = shaper("rate=1mbit,queue=15ms")
    left = [line.departure(10.0, 1250) for _ in range(3)]
    assert left == [pytest.approx(10.01), pytest.approx(10.02), None]
    assert line.counters == Counters(passed=2, overflowed=1)
    assert line.departure(10.01, 1250) == pytest.approx(10.03)


def test_loss_drops_packets_at_random() -> None:
    line = shaper("loss=5%", 0.049, 0.05, 0.99)
    assert [line.departure(10.0, 100) for _ in range(3)] == [None, 10.0, 10.0]
    assert line.counters == Counters(passed=2, lost=1)


def test_a_lost_packet_uses_no_bandwidth() -> None:
    line = shaper("rate=1mbit,loss=50%", 0.1, 0.9)
    assert line.departure(10.0, 1250) is None
    assert line.departure(10.0, 1250) == pytest.approx(10.01)


@pytest.mark.parametrize(("chance", "at"), [(0.0, 10.035), (0.5, 10.04), (0.75, 10.0425)])
def test_jitter_spreads_evenly_around_the_delay(chance: float, at: float) -> None:
    assert shaper("delay=40ms,jitter=5ms", chance).departure(10.0, 100) == pytest.approx(at)


def test_jitter_does_not_reorder() -> None:
    line = shaper("delay=40ms,jitter=20ms", 0.9, 0.1)
    first, second = line.departure(10.0, 100), line.departure(10.001, 100)
    assert first == second == pytest.approx(10.056)


def test_new_conditions_apply_to_later_packets_without_reordering() -> None:
    line = shaper("delay=100ms")
    assert line.departure(10.0, 100) == pytest.approx(10.1)
    line.conditions = LinkConditions.parse("delay=10ms")
    assert line.departure(10.05, 100) == pytest.approx(10.1)
    assert line.departure(10.2, 100) == pytest.approx(10.21)
