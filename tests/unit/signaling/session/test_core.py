"""A client's socket as the server sees it."""

import pytest
from tests.unit.signaling.world import World, offer

from switchboard_signaling.session.admission import VerifiedJwt
from switchboard_signaling.session.effects import Ask, Record, Send, SendHint, Verify
from switchboard_signaling.session.hints import Disconnect, MatchChanged, Relay, Superseded
from switchboard_signaling.session.records import (
    Announced,
    EndMatch,
    Enqueue,
    ReadMatch,
    TouchSession,
)
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued
from switchboard_signaling.wire.messages import (
    Ack,
    Auth,
    AuthExpiring,
    Candidate,
    ConnectionState,
    ErrorFrame,
    FrameRef,
    Heartbeat,
    Hello,
    IceCandidate,
    JoinQueue,
    Leave,
    LeaveQueue,
    MatchFound,
    Offer,
    PeerState,
    QueueStatus,
    Replaced,
    Resume,
    ServerHeartbeat,
    Stats,
    Welcome,
)

# Opening


def test_hello_gets_a_session(world: World) -> None:
    wire = world.hello()

    welcome = wire.take(Welcome)
    assert welcome.session_id == wire.session.session_id
    assert welcome.intent == Idle()
    assert wire.session.attached
    assert wire.session.phase == "open"


@pytest.mark.parametrize(
    "frame", [Heartbeat(intent=Idle()), JoinQueue(revision=1, ticket="t"), Leave(revision=1, match_id="m")]
)
def test_anything_before_hello_closes_the_socket(world: World, frame: messages.ClientFrame) -> None:
    wire = world.socket()
    wire.send(frame)
    assert wire.error() == "hello-first"
    assert wire.closed is errors.CLOSE_NO_HELLO


def test_a_silent_new_socket_is_closed(world: World) -> None:
    wire = world.socket()
    world.perform(wire, wire.session.tick(world.now + 2))
    assert wire.closed is None
    world.perform(wire, wire.session.tick(world.now + 2.1))
    assert wire.closed is errors.CLOSE_NO_HELLO


def test_a_second_hello_changes_nothing(world: World) -> None:
    wire = world.hello()
    wire.send(Hello(socket_number=2, instance="other"))
    assert wire.error() == "already-welcome"
    assert wire.closed is None


def test_a_forged_token_is_refused(world: World) -> None:
    wire = world.socket()
    wire.send(Resume(token="a.b.c", socket_number=1, instance="i", intent=Idle()))
    assert wire.error() == "session-unknown"
    assert wire.closed is errors.CLOSE_SESSION_UNKNOWN


def test_frames_are_dropped_until_the_welcome(world: World) -> None:
    wire = world.socket()
    wire.session.receive(Hello(socket_number=1, instance="i"), world.now)
    assert wire.session.receive(JoinQueue(revision=1, ticket="t"), world.now) == []
    assert wire.session.receive(Ack(match_id="m", from_="a", to="i", seq=1), world.now) == []
    assert wire.session.tick(world.now + 60) == []


def test_a_session_starts_and_resumes_while_the_store_is_down(world: World) -> None:
    world.store.down = True
    wire = world.hello()
    token = wire.take(Welcome).token
    assert world.resume(token, 2, Idle()).take(Welcome).session_id == wire.session.session_id


# JWTs


def test_a_session_needs_a_valid_jwt_if_the_pool_requires_one(world: World) -> None:
    world.auth_required = True
    wire = world.hello(auth="ada 300")
    assert wire.take(Welcome).session_id == wire.session.session_id
    wire.send(JoinQueue(revision=1, ticket="t"))
    assert [ticket.sub for ticket in world.store.queue.tickets.values()] == ["ada"]
    refused = world.hello()
    assert refused.error() == "auth-required"
    assert refused.closed is errors.CLOSE_AUTH_REQUIRED
    assert not refused.has(Welcome)


def test_nothing_is_done_while_a_jwt_is_verified(world: World) -> None:
    world.auth_required = True
    wire = world.socket()
    assert wire.session.receive(Hello(socket_number=1, instance="i", auth="ada 300"), world.now) == [Verify("ada 300")]
    assert wire.session.receive(JoinQueue(revision=1, ticket="t"), world.now) == []
    assert wire.session.receive(Auth(token="ada 300"), world.now) == []
    assert wire.session.tick(world.now + 60) == []
    assert isinstance(wire.session.receive(Hello(socket_number=2, instance="i"), world.now)[0], Send)
    wire.drop()
    assert wire.session.verified(VerifiedJwt("ada", 2000, 300), world.now) == []


def test_a_session_is_resumed_with_a_jwt_of_its_subject_only(world: World) -> None:
    world.auth_required = True
    wire = world.hello(auth="ada 300")
    token = wire.take(Welcome).token
    again = world.resume(token, 2, Idle(), pod="pod-b", auth="ada 300")
    assert again.take(Welcome).session_id == wire.session.session_id
    stolen = world.resume(token, 3, Idle(), auth="eve 300")
    assert stolen.error() == "session-unknown"
    assert stolen.closed is errors.CLOSE_SESSION_UNKNOWN
    assert again.session.attached


def test_a_jwt_is_renewed_before_it_expires(world: World) -> None:
    world.auth_required = True
    wire = world.hello(auth="ada 90")
    world.pass_time(35, wire)
    assert 50_000 < wire.take(AuthExpiring).ttl_ms <= 60_000
    wire.frames.clear()
    wire.send(Auth(token="ada 600"))
    renewed = wire.take(ServerHeartbeat).token
    assert renewed is not None
    world.pass_time(120, wire)
    assert wire.closed is None
    assert not wire.has(AuthExpiring)
    assert world.resume(renewed, 2, Idle(), auth="ada 300").has(Welcome)


def test_a_jwt_that_is_not_renewed_closes_the_socket(world: World) -> None:
    world.auth_required = True
    wire = world.hello(auth="ada 90")
    token = wire.take(Welcome).token
    wire.send(Auth(token="eve 600"))
    assert wire.error() == "auth-invalid"
    world.pass_time(89, wire)
    assert wire.closed is None
    world.pass_time(1, wire)
    assert wire.error() == "auth-expired"
    assert wire.closed is errors.CLOSE_AUTH_EXPIRED
    assert wire.session.tick(world.now) == []
    assert world.resume(token, 2, Idle(), auth="ada 600").error() == "session-unknown"


def test_a_match_continues_while_one_client_gets_a_fresh_jwt(world: World) -> None:
    one, two, match_id = world.pair()
    one.send(Auth(token="ada 600"))  # ignored by a pool without authentication
    one.send(offer(match_id, one, two))
    assert two.has(Offer)


# Errors


def test_an_error_names_the_frame_that_it_rejects(world: World) -> None:
    one, two, match_id = world.pair()
    one.send(Offer(match_id=match_id, from_="stranger", to=two.instance, seq=7, sdp="v=0"))
    assert one.take(ErrorFrame).ref == FrameRef("offer", match_id, 7)
    one.send(Ack(match_id="other", from_=two.instance, to=one.instance, seq=8))
    assert one.take(ErrorFrame).ref == FrameRef("ack", "other", 8)
    one.send(JoinQueue(revision=0, ticket="t"))
    assert one.take(ErrorFrame).ref == FrameRef("join-queue", ticket="t")
    one.send(Hello(socket_number=2, instance="i"))
    assert one.take(ErrorFrame).ref == FrameRef("hello")


def test_a_rejected_first_frame_or_jwt_is_named(world: World) -> None:
    assert world.resume("forged", 1, Idle()).take(ErrorFrame).ref == FrameRef("resume")
    world.auth_required = True
    assert world.hello().take(ErrorFrame).ref == FrameRef("hello")
    wire = world.hello(auth="ada 300")
    wire.send(Auth(token="invalid"))
    assert wire.take(ErrorFrame).ref == FrameRef("auth")


# Limits


def test_a_flood_of_descriptions_or_candidates_is_rejected_and_counted(world: World) -> None:
    one, two, match_id = world.pair()
    for seq in range(1, 52):
        one.send(offer(match_id, one, two, seq))
    error = one.take(ErrorFrame)
    assert (error.code, error.retryable) == ("rate-limited", True)
    assert error.ref == FrameRef("offer", match_id, 51)
    assert sum(isinstance(frame, Offer) for frame in two.frames) == 50
    world.now += 1
    one.send(offer(match_id, one, two, 51))
    assert sum(isinstance(frame, Offer) for frame in two.frames) == 51
    for _ in range(4):
        one.send(
            IceCandidate(match_id=match_id, from_=one.instance, to=two.instance, seq=60, candidates=[Candidate()] * 60)
        )
    assert one.error() == "rate-limited"
    assert world.limited == ["sdp", "candidates"]
    assert one.closed is None


def test_a_forged_session_token_is_suspicious(world: World) -> None:
    token = world.hello().take(Welcome).token
    assert world.resume(token[:-2] + "AA", 2, Idle()).error() == "session-unknown"
    assert world.suspects == 1


# Bad frames


def test_the_third_bad_frame_closes_the_socket(world: World) -> None:
    wire = world.hello()
    for _ in range(3):
        assert wire.closed is None
        world.perform(wire, wire.session.refused(errors.BAD_FRAME.because("why")))
    assert wire.take(ErrorFrame).message.endswith("why")
    assert wire.closed is errors.CLOSE_BAD_FRAME


def test_unknown_types_never_close_the_socket(world: World) -> None:
    wire = world.hello()
    for _ in range(10):
        world.perform(wire, wire.session.refused(errors.UNKNOWN_TYPE.because("why")))
    assert wire.closed is None


# Peers


def test_a_frame_reaches_the_peer_and_its_acknowledgement_returns(world: World) -> None:
    one, two, match_id = world.pair()
    one.send(offer(match_id, one, two))
    assert two.take(Offer) == offer(match_id, one, two)
    ack = Ack(match_id=match_id, from_=one.instance, to=two.instance, seq=1)
    two.send(ack)
    assert one.take(Ack) == ack


def test_a_frame_from_another_instance_is_rejected(world: World) -> None:
    one, two, match_id = world.pair()
    one.send(Offer(match_id=match_id, from_="forged", to=two.instance, seq=1, sdp=""))
    assert one.error() == "wrong-sender"
    assert not two.has(Offer)


def test_a_frame_for_another_match_is_rejected(world: World) -> None:
    one, two, match_id = world.pair()
    stranger = world.hello("pod-c")
    stranger.send(Offer(match_id=match_id, from_=stranger.instance, to=two.instance, seq=1, sdp=""))
    assert stranger.error() == "not-in-match"

    stranger.name(match_id)
    left = stranger.take(PeerState)
    assert left.state == "left"
    stranger.send(Leave(revision=2, match_id=match_id))
    assert world.store.matches[match_id].outcome == "open"
    assert not one.has(PeerState)
    assert not two.has(Offer)


def test_a_frame_after_a_resume_without_the_store_may_be_repeated(world: World) -> None:
    one, _, match_id = world.pair()
    token = one.take(Welcome).token
    world.store.down = True
    again = world.resume(token, 2, Matched(1, match_id), instance=one.instance)
    again.send(Offer(match_id=match_id, from_=one.instance, to="other", seq=1, sdp=""))
    error = again.take(ErrorFrame)
    assert (error.code, error.retryable) == ("peer-unreachable", True)


def test_a_frame_before_the_peer_is_known_is_a_retryable_error(world: World) -> None:
    wire = world.hello()
    world.store.down = True
    wire.name("m")
    wire.session.reconciler._view("m", world.now)
    wire.send(Offer(match_id="m", from_=wire.instance, to="x", seq=1, sdp=""))
    error = wire.take(ErrorFrame)
    assert (error.code, error.retryable) == ("peer-unreachable", True)


def test_a_frame_for_an_unannounced_match_is_a_hint_to_read_it(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    world.lose_hints = True
    one.send(JoinQueue(revision=1, ticket="t"))
    two.send(JoinQueue(revision=1, ticket="t"))
    match_id = two.take(MatchFound).match_id
    hint = Relay(one.session.session_id, match_id, two.session.session_id, "pod-b", offer(match_id, two, one))
    world.perform(one, one.session.hinted(hint, world.now))
    assert one.take(MatchFound).match_id == match_id
    assert not one.has(Offer)


def test_a_frame_for_an_idle_client_makes_the_sender_read_the_match(world: World) -> None:
    one, two, match_id = world.pair()
    world.lose_hints = True
    one.send(Leave(revision=2, match_id=match_id))
    world.lose_hints = False
    two.send(offer(match_id, two, one))
    assert two.take(PeerState).state == "left"


def test_only_the_peers_frames_are_delivered(world: World) -> None:
    one, two, match_id = world.pair()
    hint = Relay(one.session.session_id, match_id, "stranger", "pod-c", offer(match_id, two, one))
    effects = one.session.hinted(hint, world.now)
    assert [effect.question for effect in effects if isinstance(effect, Ask)] == [ReadMatch(match_id)]
    assert not one.has(Offer)


# Sockets


def test_the_server_sends_heartbeats_that_renew_the_token(world: World) -> None:
    wire = world.hello()
    first = wire.take(Welcome).token
    tokens = []
    for _ in range(6):
        world.pass_time(30)
        tokens.append(wire.take(ServerHeartbeat).token)
        wire.send(Heartbeat(intent=Idle()))
    renewed = [token for token in tokens if token]
    assert renewed
    assert renewed[0] != first
    assert world.resume(renewed[0], 2, Idle()).take(Welcome).session_id == wire.session.session_id


def test_each_heartbeat_says_when_the_next_one_follows(world: World) -> None:
    wire = world.hello()
    assert wire.take(Welcome).next_ms == 30_000
    wire.send(JoinQueue(revision=1, ticket="t"))
    world.pass_time(6)
    assert wire.take(ServerHeartbeat).next_ms == 5000


def test_a_promised_heartbeat_is_sent_although_the_client_has_become_idle(world: World) -> None:
    wire = world.hello(intent=Queued(1, "t"))
    world.pass_time(5)
    assert wire.take(ServerHeartbeat).next_ms == 5000
    wire.send(LeaveQueue(revision=2, ticket="t"))
    world.pass_time(5)
    assert wire.take(ServerHeartbeat).next_ms == 30_000
    world.pass_time(5)
    assert not wire.has(ServerHeartbeat)


def test_a_silent_client_is_closed(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    world.pass_time(13)
    assert wire.closed is errors.CLOSE_SILENT


def test_a_newer_socket_on_any_pod_takes_over_the_session_without_a_gap(world: World) -> None:
    one, two, match_id = world.pair()
    token = one.take(Welcome).token
    world.resume(token, 2, Matched(1, match_id), pod="pod-c", instance=one.instance)

    one.send(offer(match_id, one, two))
    assert two.has(Offer)
    one.send(Leave(revision=9, match_id=match_id))
    assert two.take(PeerState).state == "present"
    assert not two.has(PeerState)
    world.pass_time(3)
    assert one.has(Replaced)
    assert one.closed is errors.CLOSE_REPLACED


def test_a_socket_is_attached_again_after_another_of_its_number_was_rejected(world: World) -> None:
    wire = world.hello()
    token = wire.take(Welcome).token
    world.store.down = True
    copy = world.resume(token, 1, Idle())
    assert world.attached["pod-a", wire.session.session_id] is copy
    world.store.down = False
    copy.send(Heartbeat(intent=Idle()))
    assert copy.take(Replaced)
    wire.send(Heartbeat(intent=Idle()))
    assert world.attached["pod-a", wire.session.session_id] is wire


def test_a_superseded_socket_is_not_attached_again(world: World) -> None:
    wire = world.hello()
    wire.session.hinted(Superseded(wire.session.session_id, 2), world.now)
    touch = TouchSession(wire.session.session_id, 1, wire.session.reconciler._attach, Idle(), wire.instance, "pod-a")
    assert wire.session.answered(touch, world.store.ask(touch), world.now) == []


@pytest.mark.parametrize("taken_over", [False, True])
def test_a_superseded_socket_enqueues_no_ticket(world: World, taken_over: bool) -> None:
    one, two, match_id = world.pair(opened=False)
    world.store.ask(EndMatch(match_id, two.session.session_id, "stale", only_forming=True))
    if taken_over:
        one.session.hinted(Superseded(one.session.session_id, one.session.socket_number + 1), world.now)
    effects = one.session.answered(ReadMatch(match_id), world.store.ask(ReadMatch(match_id)), world.now)
    asked = [effect.question for effect in effects if isinstance(effect, Ask)]
    assert any(isinstance(question, Enqueue) for question in asked) is not taken_over


def test_an_older_socket_that_arrives_late_is_closed(world: World) -> None:
    wire = world.hello()
    token = wire.take(Welcome).token
    world.resume(token, 5, Idle())
    late = world.resume(token, 4, Idle())
    assert late.has(Replaced)
    assert late.closed is errors.CLOSE_REPLACED
    assert not late.has(Welcome)


def test_a_hint_of_an_older_socket_changes_nothing(world: World) -> None:
    wire = world.hello()
    assert wire.session.hinted(Superseded(wire.session.session_id, 1), world.now) == []
    assert wire.session.attached


def test_a_socket_that_closes_in_a_match_makes_the_peer_read_it(world: World) -> None:
    one, two, match_id = world.pair()
    assert one.session.closed() == [SendHint("pod-b", MatchChanged(two.session.session_id, match_id, closed=1))]


def test_a_closed_session_sends_nothing(world: World) -> None:
    wire = world.hello()
    wire.drop()
    assert wire.session.closed() == []
    assert wire.session.tick(world.now + 99) == []
    assert wire.session.answered(Announced("t", "pod-a"), None, world.now) == []
    assert wire.session.unanswered(Announced("t", "pod-a")) == []


# What a client reports of its call


def test_reports_of_the_open_match_are_recorded_at_most_once_per_second(world: World) -> None:
    one, _, match_id = world.pair()
    first, second = Stats(match_id=match_id, rtt_ms=1.0), Stats(match_id=match_id, rtt_ms=2.0)
    assert one.session.receive(first, world.now) == [Record(first)]
    assert one.session.receive(second, world.now + 0.9) == []
    assert one.session.receive(second, world.now + 1) == [Record(second)]
    said = ConnectionState(match_id=match_id, state="connected", setup_ms=1.0)
    assert one.session.receive(said, world.now) == [Record(said)]
    assert one.session.frames == 7


def test_reports_of_no_match_or_of_another_or_of_one_that_forms_are_dropped(world: World) -> None:
    assert world.hello().session.receive(Stats(match_id="m"), world.now) == []
    one, _, match_id = world.pair(opened=False)
    assert one.session.receive(Stats(match_id=match_id), world.now) == []
    assert one.session.receive(ConnectionState(match_id="other", state="failed"), world.now) == []
    early = world.socket()
    early.session.receive(Hello(socket_number=1, instance="i"), world.now)
    assert early.session.receive(Stats(match_id=match_id), world.now) == []


# The end by those who run the pool


def test_a_disconnected_session_leaves_its_match_and_is_closed(world: World) -> None:
    one, two, match_id = world.pair()
    world.hint("pod-a", Disconnect(one.session.session_id))
    assert one.closed is errors.CLOSE_DISCONNECTED
    assert not one.has(ErrorFrame)
    left = two.take(PeerState)
    assert (left.state, left.reason, left.requeue) == ("left", "ended", False)
    assert isinstance(world.store.sessions[one.session.session_id].intent, Idle)
    assert world.store.matches[match_id].outcome == "ended"
    world.hint("pod-a", Disconnect(one.session.session_id))


def test_a_disconnected_session_leaves_the_queue(world: World) -> None:
    one = world.hello()
    one.send(JoinQueue(revision=1, ticket="t"))
    world.hint("pod-a", Disconnect(one.session.session_id))
    two = world.hello("pod-b")
    two.send(JoinQueue(revision=1, ticket="u"))
    assert not two.has(MatchFound)


def test_a_session_is_disconnected_while_the_store_is_unavailable_too(world: World) -> None:
    one, _, _ = world.pair()
    world.store.down = True
    world.hint("pod-a", Disconnect(one.session.session_id))
    assert one.closed is errors.CLOSE_DISCONNECTED


@pytest.mark.parametrize("name", ["ada", "sid"])
def test_a_blocked_subject_or_session_is_not_welcomed(world: World, name: str) -> None:
    world.auth_required = True
    known = world.hello(auth="ada 300")
    token = known.take(Welcome).token
    world.blocked.add("ada" if name == "ada" else known.session.session_id)
    again = world.resume(token, 2, Idle(), auth="ada 300")
    assert again.error() == "blocked"
    assert again.closed is errors.CLOSE_BLOCKED
    assert not again.has(Welcome)


def test_a_session_that_becomes_blocked_is_notified_and_its_peer_need_not_wait(world: World) -> None:
    one, two, _ = world.pair()
    world.blocked.add(one.session.session_id)
    world.pass_time(1, one, two)
    assert one.error() == "blocked"
    assert one.closed is errors.CLOSE_BLOCKED
    assert two.take(PeerState).reason == "blocked"


def test_a_blocked_session_is_not_queued_again(world: World) -> None:
    wire = world.hello()
    world.blocked.add(wire.session.session_id)
    wire.send(JoinQueue(revision=1, ticket="t"))
    assert wire.closed is errors.CLOSE_BLOCKED
    assert not wire.has(QueueStatus)
    assert world.store.queue.cancel(f"{wire.session.session_id}/t", world.now) is not None
