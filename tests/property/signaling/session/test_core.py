"""No order of valid frames breaks a session or reaches a client other than the sender's peer."""

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.signaling.wire.frames import frames
from tests.unit.signaling.world import World

from switchboard_signaling.wire import messages

PEER_FRAMES = (messages.Offer, messages.IceCandidate, messages.IceRestart, messages.Ack)


@settings(max_examples=150)
@given(st.lists(st.tuples(frames(), st.integers(0, 12)), max_size=25))
def test_no_frame_of_a_stranger_affects_a_match(said: list[tuple[messages.ClientFrame, int]]) -> None:
    world = World()
    one, two, match_id = world.pair()
    before = [len(wire.frames) for wire in (one, two)]
    stranger = world.hello("pod-c")
    for frame, seconds in said:
        stranger.send(frame)
        if seconds > 10:
            world.pass_time(1, one, two)

    assert world.store.matches[match_id].outcome == "open"
    for wire, count in zip((one, two), before, strict=True):
        assert not any(isinstance(frame, (*PEER_FRAMES, messages.PeerState)) for frame in wire.frames[count:])
        assert wire.closed is None


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 1), frames()), max_size=25))
def test_no_order_of_frames_breaks_a_pair(said: list[tuple[int, messages.ClientFrame]]) -> None:
    world = World()
    pair = world.pair()[:2]
    for index, frame in said:
        pair[index].send(frame)
    world.pass_time(3, *pair)
    bystander = world.hello()
    bystander.send(messages.JoinQueue(revision=1, ticket="bystander"))
    assert bystander.has(messages.QueueStatus) or bystander.has(messages.MatchFound)


@settings(max_examples=150)
@given(st.lists(st.tuples(frames(), st.integers(0, 90)), max_size=25))
def test_no_order_of_frames_gets_a_session_without_a_jwt_or_after_its_expiry(
    said: list[tuple[messages.ClientFrame, int]],
) -> None:
    world = World()
    world.auth_required = True
    wire, until = world.socket(), dict.fromkeys(("ada", "eve", ""), 0.0)
    for frame, seconds in said:
        shown = frame.token if isinstance(frame, messages.Auth) else getattr(frame, "auth", None)
        sub, _, lasts = (shown or "").partition(" ")
        if lasts:
            until[sub] = max(until[sub], world.now + float(lasts))
        wire.send(frame)
        for pause in (0, seconds):
            world.pass_time(pause, wire)
            assert wire.session.attached <= (until[wire.session._admission.claims.sub] > world.now)
