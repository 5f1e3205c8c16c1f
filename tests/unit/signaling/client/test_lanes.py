"""Lanes deliver once and in order."""

import pytest

from switchboard_signaling.client.lanes import (
    ACK_SECONDS,
    JITTER,
    MAX_GAP,
    REPEAT_CEILING,
    REPEAT_FIRST,
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
    Offer,
    PeerMessage,
)

LONG = "x" * 60_000


def restart(seq: int = 0) -> IceRestart:
    return IceRestart(match_id="m", from_="a", to="b", seq=seq)


def offer(sdp: str = "sdp", generation: int = 0, seq: int = 0) -> Offer:
    return Offer(match_id="m", from_="a", to="b", seq=seq, sdp=sdp, generation=generation)


def chat(text: str = "hello", seq: int = 0) -> Chat:
    return Chat(match_id="m", from_="a", to="b", seq=seq, id="c1", text=text)


def sender(*frames: PeerMessage, now: float = 0.0) -> SendLane:
    """A lane with frames in flight."""
    lane = SendLane("m", "a", "b")
    say(lane, *frames, now=now)
    return lane


def say(lane: SendLane, *frames: PeerMessage, now: float) -> list[int]:
    """Push frames; return the numbers of the frames sent."""
    for frame in frames:
        assert lane.push(frame)
    return numbers(lane.flush(now))


def numbers(frames: list[PeerMessage]) -> list[int]:
    return [frame.seq for frame in frames]


# Sending


def test_there_is_a_deadline_while_a_frame_is_in_flight() -> None:
    assert SendLane("m", "a", "b").deadline is None
    lane = sender(offer(), now=5.0)
    assert lane.deadline is not None
    assert lane.due(lane.deadline - 0.001) == []
    lane.acknowledged(1, 6.0)
    assert lane.deadline is None


def test_frames_are_numbered_from_one_in_their_lane() -> None:
    lane = SendLane("m", "a", "b")
    assert lane.push(Offer(match_id="", from_="", to="", seq=0, sdp="sdp"))
    assert lane.push(restart())
    assert lane.flush(0) == [offer(seq=1), restart(2)]
    assert lane.flush(0) == []


def test_only_the_lowest_unacknowledged_frame_is_repeated_after_doubling_timeouts() -> None:
    lane = sender(restart(), restart(), restart())
    now, pause = 0.0, 1.0
    while pause < 2 * REPEAT_CEILING:
        expected = min(pause, REPEAT_CEILING)
        assert lane.due(now + expected * 0.79) == []
        now += expected * 1.21
        assert lane.due(now) == [restart(1)]
        pause *= 2


def test_an_acknowledgement_is_cumulative() -> None:
    lane = sender(restart(), restart(), restart())
    lane.acknowledged(2, 0.1)
    assert lane.due(9) == [restart(3)]
    lane.acknowledged(1, 9)
    lane.acknowledged(3, 9)
    assert lane.due(99) == []


def test_an_acknowledgement_resets_the_time_until_frames_are_repeated() -> None:
    lane = sender(restart(), restart())
    lane.due(1.21)
    lane.due(3.62)
    lane.acknowledged(1, 3.7)
    assert lane.flush(3.7) == [restart(2)]
    assert lane.due(3.7 + 0.79) == []
    assert lane.due(3.7 + 1.21) == [restart(2)]


def test_after_a_loss_acknowledgements_release_the_other_frames_few_at_first() -> None:
    lane = sender(*[restart()] * 20)
    assert numbers(lane.due(1.21)) == [1]
    assert lane.flush(1.3) == []
    lane.acknowledged(1, 1.4)
    assert numbers(lane.flush(1.4)) == [2, 3, 4, 5]
    lane.acknowledged(3, 1.5)
    assert numbers(lane.flush(1.5)) == [6, 7, 8, 9]
    assert say(lane, restart(), now=1.5) == []


def test_frames_that_the_peer_had_kept_are_not_sent_again() -> None:
    lane = sender(*[restart()] * 20)
    lane.due(1.21)
    lane.acknowledged(18, 1.4)
    assert numbers(lane.flush(1.4)) == [19, 20]


def test_a_second_loss_starts_again_from_the_lowest() -> None:
    lane = sender(*[restart()] * 20)
    lane.due(1.21)
    lane.acknowledged(1, 1.3)
    lane.flush(1.3)
    assert numbers(lane.due(9)) == [2]
    lane.acknowledged(2, 9.1)
    assert len(lane.flush(9.1)) == SLOW_START


def test_the_slow_start_never_exceeds_the_window_and_ends_when_all_is_acknowledged() -> None:
    lane = sender(*[restart()] * WINDOW)
    lane.due(1.21)
    for seq in range(1, WINDOW):
        lane.acknowledged(seq, 2)
        assert say(lane, restart(), now=2)[-1:] < [WINDOW + seq + 1]
    lane.acknowledged(2 * WINDOW, 3)
    assert len(say(lane, *[restart()] * WINDOW, now=3)) == WINDOW


def test_a_peer_that_returns_gets_the_lowest_frame_at_once() -> None:
    lane = SendLane("m", "a", "b")
    assert lane.restart(0) == []
    assert say(lane, restart(), restart(), now=0) == [1, 2]
    assert lane.restart(0.1) == [restart(1)]
    assert lane.due(0.1 + 0.79) == []
    assert lane.due(0.1 + 1.21) == [restart(1)]


def test_an_unsent_frame_has_no_timer() -> None:
    lane = SendLane("m", "a", "b")
    lane.push(restart())
    assert lane.due(99) == []


def test_a_full_window_rejects_frames() -> None:
    lane = sender(*[restart()] * WINDOW)
    assert not lane.push(restart())
    lane.acknowledged(1, 1)
    assert say(lane, restart(), now=1) == [WINDOW + 1]


def test_a_window_is_limited_in_bytes_too() -> None:
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


def test_a_newer_generation_obsoletes_received_frames_of_older_ones() -> None:
    lane = sender(offer(generation=2), chat())
    candidates = IceCandidate(match_id="m", from_="b", to="a", seq=2, candidates=[Candidate("c")], generation=1)
    answer = Answer(match_id="m", from_="b", to="a", seq=1, sdp="sdp", generation=1)
    assert lane.obsoletes(candidates)
    assert lane.obsoletes(answer)
    assert not any(lane.obsoletes(one) for one in (offer(generation=2), offer(generation=3), chat(), restart()))


def test_a_frame_that_is_rejected_obsoletes_nothing() -> None:
    lane = sender(*[offer(LONG)] * (WINDOW_BYTES // len(LONG)))
    assert not lane.push(offer(LONG, generation=1))
    assert not lane.obsoletes(offer())


def test_only_chat_is_kept_for_the_peers_next_page_load() -> None:
    lane = sender(offer(), chat("one"), chat("two"), chat("three"))
    lane.acknowledged(2, 1)
    assert [one.text for one in lane.unacknowledged_chat()] == ["two", "three"]


# Receiving


def receiver(*seqs: int, now: float = 0.0) -> ReceiveLane:
    """Return a lane that has received frames with these numbers."""
    lane = ReceiveLane("m", "a", "b")
    for seq in seqs:
        lane.receive(restart(seq), now)
    return lane


def acked(lane: ReceiveLane, now: float) -> list[int]:
    return numbers(lane.due(now))  # type: ignore[arg-type]


def test_an_acknowledgement_names_its_lane() -> None:
    assert receiver(1, 2).due(0) == [Ack(match_id="m", from_="a", to="b", seq=2)]


def test_every_second_frame_is_acknowledged_at_once() -> None:
    lane = receiver(1, 2)
    assert acked(lane, 0) == [2]
    assert acked(lane, 0) == []
    lane.receive(restart(3), 1)
    assert acked(lane, 1) == []
    lane.receive(restart(4), 1)
    assert acked(lane, 1) == [4]


def test_a_single_frame_is_acknowledged_after_a_delay_but_before_it_is_repeated() -> None:
    lane = receiver(1)
    assert lane.deadline == ACK_SECONDS < REPEAT_FIRST * (1 - JITTER)
    assert acked(lane, ACK_SECONDS - 0.001) == []
    assert acked(lane, ACK_SECONDS) == [1]
    assert lane.deadline is None


def test_duplicates_are_delivered_once_and_acknowledged_at_once() -> None:
    lane = receiver(1)
    assert lane.receive(restart(1), 0) == []
    assert acked(lane, 0) == [1]


def test_a_frame_that_follows_a_duplicate_is_acknowledged_with_it() -> None:
    lane = receiver(1)
    assert acked(lane, ACK_SECONDS) == [1]
    lane.receive(restart(1), ACK_SECONDS)
    lane.receive(restart(2), ACK_SECONDS)
    assert acked(lane, ACK_SECONDS) == [2]


def test_a_gap_and_the_frame_that_fills_it_are_acknowledged_at_once() -> None:
    lane = receiver(2)
    assert acked(lane, 0) == [0]
    assert numbers(lane.receive(restart(1), 0)) == [1, 2]
    assert acked(lane, 0) == [2]


@pytest.mark.parametrize("order", [(2, 3, 1), (3, 2, 1), (1, 3, 2)])
def test_reordered_frames_are_delivered_in_order(order: tuple[int, ...]) -> None:
    lane = ReceiveLane("m", "a", "b")
    delivered = [frame.seq for seq in order for frame in lane.receive(restart(seq), 0)]
    assert delivered == [1, 2, 3]


def test_a_frame_too_far_ahead_is_not_kept() -> None:
    lane = receiver(MAX_GAP + 1)
    assert acked(lane, 0) == [0]
    for seq in range(1, MAX_GAP + 1):
        lane.receive(restart(seq), 0)
    assert lane.receive(restart(MAX_GAP + 1), 0) == [restart(MAX_GAP + 1)]
