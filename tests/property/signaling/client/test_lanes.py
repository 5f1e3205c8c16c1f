"""However a network loses, duplicates and reorders frames, the peer receives each once and in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from switchboard_signaling.client.lanes import ACK_SECONDS, ReceiveLane, SendLane
from switchboard_signaling.wire.messages import Ack, IceRestart, PeerMessage

OUTCOMES = st.sampled_from(["deliver", "drop", "double", "delay", "lose the ack"])


@settings(max_examples=200)
@given(st.integers(1, 100), st.lists(OUTCOMES, max_size=80))
def test_each_frame_is_delivered_once_and_in_order(count: int, outcomes: list[str]) -> None:
    sending, receiving = SendLane("m", "a", "b"), ReceiveLane("m", "a", "b")
    now, shown = 0.0, []
    for _ in range(count):
        assert sending.push(IceRestart(match_id="", from_="", to="", seq=0))
    flight = sending.flush(now)
    ahead = iter(outcomes)
    while len(shown) < count:
        while flight:
            frame = flight.pop(0)
            outcome = next(ahead, "deliver")
            if outcome == "delay" and flight:
                flight.append(frame)
                continue
            for _ in range({"drop": 0, "double": 2}.get(outcome, 1)):
                shown += [one.seq for one in receiving.receive(frame, now)]
                acks = receiving.due(now)
                flight += exchange(sending, [] if outcome == "lose the ack" else acks, now)
        now += ACK_SECONDS
        flight = exchange(sending, receiving.due(now), now)
        now += 0 if flight else 10
        flight += sending.due(now)
    assert shown == list(range(1, count + 1))


def exchange(sending: SendLane, acks: list[Ack], now: float) -> list[PeerMessage]:
    """Deliver acknowledgements; return the frames that they release."""
    for ack in acks:
        sending.acknowledged(ack.seq, now)
    return sending.flush(now) if acks else []
