from hypothesis import given
from hypothesis import strategies as st

from switchboard_cluster.links.model import LinkConditions


@st.composite
def conditions(draw: st.DrawFn) -> LinkConditions:
    """Any conditions, to a thousandth of a millisecond and of a percent."""
    delay = draw(st.integers(0, 60_000_000))
    return LinkConditions(
        rate_kbps=draw(st.just(0) | st.integers(8, 10_000_000)),
        loss=draw(st.integers(0, 100_000)) / 100_000,
        delay_ms=delay / 1000,
        jitter_ms=draw(st.integers(0, delay)) / 1000,
        queue_ms=draw(st.integers(1000, 60_000_000)) / 1000,
    )


@given(conditions())
def test_printed_conditions_can_be_parsed(wanted: LinkConditions) -> None:
    assert LinkConditions.parse(str(wanted)) == wanted
