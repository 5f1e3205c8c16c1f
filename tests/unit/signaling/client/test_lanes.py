"""Lanes: once and in order."""

import pytest

from switchboard_signaling.client.lanes import (
    MAX_GAP,
    RTO_CEILING,
    SLOW_START,
    WINDOW,
    WINDOW_BYTES,
    ReceiveLane,
    SendLane,
)
from switchboard_signaling.wire.messages import (
    Ack,
    Answer,
    Candidate,
    Chat,
    IceCandidate,
    IceRestart,
    Noop,
    Offer,
    PeerMessage,
)

LONG = "x" * 60_000


def noop(seq: int = 0) -> Noop:
    return Noop(match_id="m", from_="a", to="b", seq=seq)


def offer(sdp: str = "sdp", generation: int = 0, seq: int = 0) -> Offer:
    return Offer(match_id="m", from_="a", to="b", seq=seq, sdp=sdp, generation=generation)


def chat(text: str = "hello", seq: int = 0) -> Chat:
    return Chat(match_id="m", from_="a", to="b", seq=seq, id="c1", text=text)


def sender(*frames: PeerMessage, now: float = 0.0) -> SendLane:
    """A lane whose frames are under way."""
    lane = SendLane("m", "a", "b")
    say(lane, *frames, now=now)
    return lane


def say(lane: SendLane, *frames: PeerMessage, now: float) -> list[int]:
    """Say frames; return the numbers of what went out."""
    for frame in frames:
        assert lane.push(frame)
    return numbers(lane.flush(now))


def numbers(frames: list[PeerMessage]) -> list[int]:
    return [frame.seq for frame in frames]


# Sending


def test_there_is_a_deadline_while_something_is_under_way() -> None:
    assert SendLane("m", "a", "b").deadline is None
    lane = sender(offer(), now=5.0)
    assert lane.deadline is not None
    assert lane.due(lane.deadline - 0.001) == []
    lane.acknowledged(1, 6.0)
    assert lane.deadline is None


def test_frames_are_numbered_from_one_in_their_lane() -> None:
    lane = SendLane("m", "a", "b")
    assert lane.push(Offer(match_id="", from_="", to="", seq=0, sdp="sdp"))
    assert lane.push(noop())
    assert lane.flush(0) == [offer(seq=1), noop(2)]
    assert lane.flush(0) == []


def test_only_the_lowest_unacknowledged_frame_is_repeated_with_doubling_pauses() -> None:
    lane = sender(noop(), noop(), noop())
    now, pause = 0.0, 1.0
    while pause < 2 * RTO_CEILING:
        expected = min(pause, RTO_CEILING)
        assert lane.due(now + expected * 0.79) == []
        now += expected * 1.21
        assert lane.due(now) == [noop(1)]
        pause *= 2


def test_an_acknowledgement_is_cumulative() -> None:
    lane = sender(noop(), noop(), noop())
    lane.acknowledged(2, 0.1)
    assert lane.due(9) == [noop(3)]
    lane.acknowledged(1, 9)
    lane.acknowledged(3, 9)
    assert lane.due(99) == []


def test_the_pause_follows_the_measured_round_trips_and_has_a_floor() -> None:
    lane = SendLane("m", "a", "b")
    now = 0.0
    for seq in range(1, 20):
        say(lane, noop(), now=now)
        now += 0.01
        lane.acknowledged(seq, now)
    say(lane, noop(), now=now)
    assert lane.due(now + 0.15) == []
    assert lane.due(now + 0.25) == [noop(20)]


def test_what_was_sent_twice_is_not_measured() -> None:
    lane = sender(noop())
    lane.due(1.21)
    lane.acknowledged(1, 1.211)
    say(lane, noop(), now=10)
    assert lane.due(11.5) == []
    assert lane.due(12.41) == [noop(2)]


def test_what_never_went_out_is_not_measured() -> None:
    lane = SendLane("m", "a", "b")
    lane.push(noop())
    lane.acknowledged(1, 100)
    say(lane, noop(), now=100)
    assert lane.due(101.21) == [noop(2)]


def test_after_a_loss_acknowledgements_let_out_the_others_few_at_first() -> None:
    lane = sender(*[noop()] * 20)
    assert numbers(lane.due(1.21)) == [1]
    assert lane.flush(1.3) == []
    lane.acknowledged(1, 1.4)
    assert numbers(lane.flush(1.4)) == [2, 3, 4, 5]
    lane.acknowledged(3, 1.5)
    assert numbers(lane.flush(1.5)) == [6, 7, 8, 9]
    assert say(lane, noop(), now=1.5) == []


def test_what_the_partner_had_kept_is_not_sent_again() -> None:
    lane = sender(*[noop()] * 20)
    lane.due(1.21)
    lane.acknowledged(18, 1.4)
    assert numbers(lane.flush(1.4)) == [19, 20]


def test_a_second_loss_starts_again_from_the_lowest() -> None:
    lane = sender(*[noop()] * 20)
    lane.due(1.21)
    lane.acknowledged(1, 1.3)
    lane.flush(1.3)
    assert numbers(lane.due(9)) == [2]
    lane.acknowledged(2, 9.1)
    assert len(lane.flush(9.1)) == SLOW_START


def test_the_slow_start_never_exceeds_the_window_and_ends_when_all_is_acknowledged() -> None:
    lane = sender(*[noop()] * WINDOW)
    lane.due(1.21)
    for seq in range(1, WINDOW):
        lane.acknowledged(seq, 2)
        assert say(lane, noop(), now=2)[-1:] < [WINDOW + seq + 1]
    lane.acknowledged(2 * WINDOW, 3)
    assert len(say(lane, *[noop()] * WINDOW, now=3)) == WINDOW


def test_a_partner_that_is_back_gets_the_lowest_frame_at_once() -> None:
    lane = SendLane("m", "a", "b")
    assert lane.restart(0) == []
    assert say(lane, noop(), noop(), now=0) == [1, 2]
    assert lane.restart(0.1) == [noop(1)]
    assert lane.due(0.1 + 0.79) == []
    assert lane.due(0.1 + 1.21) == [noop(1)]


def test_what_has_not_gone_out_has_no_timer() -> None:
    lane = SendLane("m", "a", "b")
    lane.push(noop())
    assert lane.due(99) == []


def test_a_full_window_takes_no_more() -> None:
    lane = sender(*[noop()] * WINDOW)
    assert not lane.push(noop())
    lane.acknowledged(1, 1)
    assert say(lane, noop(), now=1) == [WINDOW + 1]


def test_a_window_is_full_by_bytes_too() -> None:
    lane = sender(*[offer(LONG)] * (WINDOW_BYTES // len(LONG)))
    assert not lane.push(offer(LONG))
    assert lane.push(offer("short"))


def test_chat_fills_at_most_half_of_the_window() -> None:
    lane = sender(*[chat()] * (WINDOW // 2))
    assert not lane.push(chat())
    assert lane.push(offer())
    lane = sender(*[chat("é" * 4096)] * 15)
    assert not lane.push(chat("é" * 4096))
    assert lane.push(offer(LONG))


def test_a_newer_connection_empties_what_was_said_about_older_ones() -> None:
    lane = sender(
        offer(generation=1),
        Answer(match_id="", from_="", to="", seq=0, sdp="sdp", generation=1),
        IceCandidate(match_id="", from_="", to="", seq=0, candidates=[Candidate("c")], generation=1),
        chat(),
        IceRestart(match_id="", from_="", to="", seq=0, generation=1),
        offer(generation=2),
    )
    lane.restart(1)
    resent = []
    for seq in range(1, 7):
        lane.acknowledged(seq, 1)
        resent += lane.flush(1)
    restart = IceRestart(match_id="m", from_="a", to="b", seq=5, generation=1)
    assert resent == [noop(2), noop(3), chat(seq=4), restart, offer(generation=2, seq=6)]


def test_emptied_frames_make_room() -> None:
    lane = sender(*[offer(LONG, generation=1)] * (WINDOW_BYTES // len(LONG)))
    assert lane.push(offer(LONG, generation=2))


def test_only_chat_outlives_the_page_load_that_it_was_said_to() -> None:
    lane = sender(offer(), chat("one"), chat("two"), chat("three"))
    lane.acknowledged(2, 1)
    assert [one.text for one in lane.unacknowledged_chat()] == ["two", "three"]


# Receiving


def test_doubled_frames_are_shown_once_and_acknowledged_again() -> None:
    lane = ReceiveLane("m", "a", "b")
    ack = Ack(match_id="m", from_="a", to="b", seq=1)
    assert lane.receive(noop(1)) == ([noop(1)], ack)
    assert lane.receive(noop(1)) == ([], ack)


@pytest.mark.parametrize("order", [(2, 3, 1), (3, 2, 1), (1, 3, 2)])
def test_reordered_frames_are_shown_in_order(order: tuple[int, ...]) -> None:
    lane = ReceiveLane("m", "a", "b")
    shown = [frame.seq for seq in order for frame in lane.receive(noop(seq))[0]]
    assert shown == [1, 2, 3]


def test_a_frame_too_far_ahead_is_not_kept() -> None:
    lane = ReceiveLane("m", "a", "b")
    assert lane.receive(noop(MAX_GAP + 1)) == ([], Ack(match_id="m", from_="a", to="b", seq=0))
    for seq in range(1, MAX_GAP + 1):
        lane.receive(noop(seq))
    assert lane.receive(noop(MAX_GAP + 1))[0] == [noop(MAX_GAP + 1)]
