import random

from hypothesis import given
from hypothesis import strategies as st

from switchboard_cluster.links.model import LinkConditions
from switchboard_cluster.links.shaper import Shaper

links = st.builds(
    LinkConditions,
    rate_kbps=st.sampled_from([0, 8, 500, 2000, 100_000]),
    loss=st.sampled_from([0, 0.05, 0.5, 1]),
    delay_ms=st.floats(50, 500),
    jitter_ms=st.floats(0, 50),
    queue_ms=st.floats(1, 1000),
)
packets = st.lists(st.tuples(st.floats(0, 0.1), st.integers(60, 1514)), max_size=60)


@given(links, packets, st.integers())
def test_packets_depart_in_order_in_time_and_within_the_bandwidth(
    conditions: LinkConditions, arrivals: list[tuple[float, int]], seed: int
) -> None:
    line = Shaper(conditions, random.Random(seed).random)
    now, last, sent_bits, first = 0.0, 0.0, 0.0, None
    longest = (conditions.delay_ms + conditions.jitter_ms + conditions.queue_ms) / 1000 + 1e-6
    for gap, size in arrivals:
        now += gap
        left = line.departure(now, size)
        if left is None:
            continue
        first = now if first is None else first
        sent_bits += size * 8
        serial = size * 8 / (conditions.rate_kbps * 1000) if conditions.rate_kbps else 0.0
        assert left >= last
        assert left - now >= (conditions.delay_ms - conditions.jitter_ms) / 1000 + serial - 1e-6
        # jitter may hold a packet behind an earlier one, which was late by as much
        assert left - now <= longest + serial + 2 * conditions.jitter_ms / 1000
        if conditions.rate_kbps:
            latest = left - first - (conditions.delay_ms - conditions.jitter_ms) / 1000
            assert sent_bits <= conditions.rate_kbps * 1000 * latest + 1e-3
        last = left
    counters = line.counters
    assert counters.passed + counters.lost + counters.overflowed == len(arrivals)


@given(packets, st.integers())
def test_no_packet_survives_a_black_hole(arrivals: list[tuple[float, int]], seed: int) -> None:
    line = Shaper(LinkConditions(loss=1), random.Random(seed).random)
    assert all(line.departure(at, size) is None for at, size in arrivals)
