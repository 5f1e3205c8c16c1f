"""Rate limits per client."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard_signaling.session.limits import (
    CANDIDATES_PER_SECOND,
    DELAY_CEILING,
    FORGET_SECONDS,
    MAX_ADDRESSES,
    SDP_PER_SECOND,
    UNLIMITED,
    Bucket,
    Connects,
    LaneLimits,
    Rate,
    WrongTokens,
    rate,
)
from switchboard_signaling.wire.messages import Answer, Candidate, Chat, IceCandidate, LaneFrame, Offer

LANE = {"match_id": "m", "from_": "a", "to": "b", "seq": 1}


def candidates(count: int) -> IceCandidate:
    return IceCandidate(candidates=[Candidate(str(number)) for number in range(count)], **LANE)


def sdp(kind: type[Offer | Answer] = Offer) -> LaneFrame:
    return kind(sdp="v=0", **LANE)


def test_a_rate_comes_with_a_burst_and_none_is_no_limit() -> None:
    assert rate(20) == Rate(20, 200)
    assert rate(0.01) == Rate(0.01, 1)
    assert rate(0) is None


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(Rate(2, 3), now=10)
    assert [bucket.take(10) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.take(10.25) == 0.25
    assert bucket.take(10.5) == 0
    assert bucket.take(99) == 0
    assert bucket.take(99, cost=3) == 0.5
    assert bucket.take(99.5, cost=3) == 0


def test_more_than_a_burst_at_once_passes_when_the_bucket_is_full_and_is_paid_for() -> None:
    bucket = Bucket(Rate(1, 2), now=0)
    assert bucket.take(0, cost=5) == 0
    assert bucket.take(0) == 4
    assert bucket.take(4) == 0


def test_overspending_is_waited_for() -> None:
    bucket = Bucket(Rate(2, 1), now=10)
    assert [bucket.spend(10) for _ in range(3)] == [0, 0.5, 1]
    assert bucket.take(11) == 0.5
    assert bucket.spend(11.5) == 0


def test_without_a_limit_there_is_no_wait() -> None:
    bucket = Bucket(UNLIMITED, now=10)
    assert {bucket.take(10) for _ in range(1000)} | {bucket.spend(10)} == {0}


@given(
    st.builds(Rate, st.floats(0.1, 100), st.floats(1, 500)),
    st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 1)), max_size=100),
)
def test_no_interval_gets_more_than_the_burst_and_the_rate(limit: Rate, steps: list[tuple[float, float]]) -> None:
    bucket, now, taken = Bucket(limit, 0), 0.0, 0.0
    for pause, cost in steps:
        now += pause
        wait = bucket.take(now, cost)
        if wait:
            assert bucket.take(now + wait + 1e-6, cost) == 0
            now += wait + 1e-6
        taken += cost
        assert taken <= limit.burst + limit.per_second * now + 1e-3


def test_gatherings_of_candidates_pass_and_a_flood_does_not() -> None:
    limits = LaneLimits(rate(CANDIDATES_PER_SECOND), rate(SDP_PER_SECOND), now=0)
    for _ in range(3):  # such as three ICE restarts, in lists or one by one
        assert limits.refuses(candidates(60), 0) is None
    assert [limits.refuses(candidates(1), 0) for _ in range(20)] == [None] * 20
    assert limits.refuses(candidates(0), 0) == "candidates"
    assert limits.refuses(candidates(20), 1) is None
    assert limits.refuses(sdp(), 1) is None


def test_descriptions_are_counted_together() -> None:
    limits = LaneLimits(None, rate(SDP_PER_SECOND), now=0)
    kinds = [Offer, Answer] * 25
    assert [limits.refuses(sdp(kind), 0) for kind in kinds] == [None] * 50
    assert limits.refuses(sdp(), 0) == "sdp"
    assert limits.refuses(sdp(), 0.2) is None
    assert limits.refuses(candidates(64), 0) is None


def test_without_a_rate_and_for_other_frames_there_is_no_limit() -> None:
    limits = LaneLimits(None, None, now=0)
    assert {limits.refuses(frame, 0) for frame in [sdp(), candidates(64)] * 1000} == {None}
    assert LaneLimits(rate(1), rate(1), 0).refuses(Chat(id="i", text="t", **LANE), 0) is None


def test_the_least_recently_used_address_is_forgotten_first() -> None:
    connects, wrong = Connects(rate(1)), WrongTokens(allowed=10)
    for _ in range(10):
        connects.take("used", 0)
        connects.take("unused", 0)
    for address in ("used", "unused"):
        wrong.failed(address, 0)
    for number in range(MAX_ADDRESSES - 2):
        connects.take(str(number), 0)
        wrong.failed(str(number), 0)
    assert connects.take("used", 0) > 0
    wrong.failed("used", 0)
    connects.take("one more", 0)
    wrong.failed("one more", 0)
    assert connects.take("used", 0) > 0
    assert wrong.wait("used", 0) > 0
    assert connects.take("unused", 0) == 0
    assert wrong.wait("unused", 0) == 0


def test_each_address_has_its_own_connection_rate() -> None:
    connects = Connects(rate(1))
    assert [connects.take("a", 0) for _ in range(11)] == [0] * 10 + [1]
    assert connects.take("b", 0) == 0
    assert connects.take("a", 1) == 0
    assert {Connects(None).take("a", 0) for _ in range(1000)} == {0}


def test_each_forged_token_doubles_the_wait_and_the_tenth_blocks() -> None:
    wrong = WrongTokens(allowed=10)
    assert wrong.wait("a", 0) == 0
    waits = []
    for _ in range(10):
        wrong.failed("a", 0)
        waits.append(wrong.wait("a", 0))
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25, FORGET_SECONDS])
    assert wrong.wait("a", 100) == FORGET_SECONDS - 100
    assert wrong.wait("b", 0) == 0


def test_an_address_is_forgotten_after_a_while() -> None:
    wrong = WrongTokens(allowed=2)
    wrong.failed("a", 0)
    wrong.failed("a", 10)
    assert wrong.wait("a", FORGET_SECONDS) == 10
    assert wrong.wait("a", FORGET_SECONDS + 10) == 0
    wrong.failed("a", FORGET_SECONDS + 10)
    assert wrong.wait("a", FORGET_SECONDS + 10) == pytest.approx(0.1)


def test_the_wait_after_many_forged_tokens_is_bounded() -> None:
    wrong = WrongTokens(allowed=10_000)
    for _ in range(2000):
        wrong.failed("a", 0)
    assert wrong.wait("a", 0) == DELAY_CEILING


def test_without_a_limit_no_address_waits() -> None:
    wrong = WrongTokens(allowed=0)
    for _ in range(20):
        wrong.failed("a", 0)
    assert wrong.wait("a", 0) == 0
