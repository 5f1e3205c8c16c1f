"""Whatever a network drops, doubles and reorders, the partner is shown each frame once and in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from switchboard_signaling.client.lanes import ReceiveLane, SendLane
from switchboard_signaling.wire.messages import Noop

FATES = st.sampled_from(["deliver", "drop", "double", "delay", "lose the ack"])


@settings(max_examples=200)
@given(st.integers(1, 100), st.lists(FATES, max_size=80))
def test_each_frame_is_shown_once_and_in_order(count: int, fates: list[str]) -> None:
    sending, receiving = SendLane("m", "a", "b"), ReceiveLane("m", "a", "b")
    now, shown = 0.0, []
    for _ in range(count):
        assert sending.push(Noop(match_id="", from_="", to="", seq=0))
    flight = sending.flush(now)
    ahead = iter(fates)
    while len(shown) < count:
        while flight:
            frame = flight.pop(0)
            fate = next(ahead, "deliver")
            if fate == "delay" and flight:
                flight.append(frame)
                continue
            for _ in range({"drop": 0, "double": 2}.get(fate, 1)):
                ready, ack = receiving.receive(frame)
                shown += [one.seq for one in ready]
                if fate != "lose the ack":
                    sending.acknowledged(ack.seq, now)
                    flight += sending.flush(now)
        now += 10
        flight = sending.due(now)
    assert shown == list(range(1, count + 1))
