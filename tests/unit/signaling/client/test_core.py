"""A client's session: its intent, its events and its lanes."""

from itertools import count

import pytest

from switchboard_signaling.client.core import (
    ClientProblem,
    ClientSession,
    Ended,
    MatchReady,
    Move,
    Online,
    PeerMessageReceived,
    PeerPresenceChanged,
    QueuePosition,
    Renew,
    Stopped,
    Transmit,
)
from switchboard_signaling.client.lanes import ACK_SECONDS, WINDOW
from switchboard_signaling.wire import errors, messages
from switchboard_signaling.wire.fields import MAX_CHAT
from switchboard_signaling.wire.intents import Idle, Matched, Queued
from switchboard_signaling.wire.messages import (
    Ack,
    Auth,
    AuthExpiring,
    Chat,
    ConnectionState,
    Goaway,
    Heartbeat,
    Hello,
    IceRestart,
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
    Snapshot,
    Stats,
    Timeouts,
    Welcome,
)

TIMEOUTS = Timeouts(1, 2, 3)


@pytest.fixture
def client() -> ClientSession:
    """A welcomed client."""
    ids = count()
    session = ClientSession(lambda: f"id{next(ids)}")
    session.greet()
    session.receive(Welcome(session_id="s", token="token-1", intent=Idle(), timeouts=TIMEOUTS, next_ms=30_000), 0)
    return session


def found(state: str = "open", peer: str = "peer", ticket: str = "id1", match_id: str = "m") -> MatchFound:
    return MatchFound(
        match_id=match_id, role="polite", peer=peer, state=state, ice_servers=[], ttl_ms=1, ticket=ticket, token="proof"
    )  # type: ignore[arg-type]


def meet(client: ClientSession) -> None:
    client.join()
    client.receive(QueueStatus(ticket="id1", queue_token="place"), 0)
    client.receive(found("forming"), 0)
    client.receive(found(), 0)


def offer(client: ClientSession, seq: int, speaker: str = "peer") -> Offer:
    return Offer(match_id="m", from_=speaker, to=client.instance, seq=seq, sdp=f"{seq}")


def chat(text: str) -> Chat:
    return Chat(match_id="", from_="", to="", seq=0, id="c", text=text)


def acknowledgement(client: ClientSession, seq: int) -> Ack:
    return Ack(match_id="m", from_=client.instance, to="peer", seq=seq)


def test_the_first_socket_sends_hello_and_the_next_one_resume_with_a_higher_number() -> None:
    client = ClientSession(lambda: "inst")
    assert client.greet() == Hello(socket_number=1, instance="inst")
    assert client.receive(
        Welcome(session_id="s", token="token", intent=Idle(), timeouts=TIMEOUTS, next_ms=30_000), 0
    ) == [Online()]
    assert client.timeouts == TIMEOUTS
    assert client.greet() == Resume(token="token", socket_number=2, instance="inst", intent=Idle())


def test_a_heartbeat_is_answered_with_the_intent_and_renews_the_token(client: ClientSession) -> None:
    assert client.receive(ServerHeartbeat(next_ms=5000), 0) == [Transmit(Heartbeat(intent=Idle()))]
    client.receive(ServerHeartbeat(next_ms=5000, token="token-2"), 0)
    assert client.token == "token-2"


def test_every_first_frame_has_the_jwt_if_there_is_one(client: ClientSession) -> None:
    assert ClientSession(lambda: "inst").greet("jwt") == Hello(socket_number=1, instance="inst", auth="jwt")
    assert client.greet("jwt").auth == "jwt"


def test_a_jwt_that_is_about_to_expire_is_replaced_by_a_fresh_one(client: ClientSession) -> None:
    assert not client.fresh
    assert client.receive(AuthExpiring(ttl_ms=60_000), 0) == [Renew()]
    assert client.fresh
    assert client.authenticate("fresh") == [Transmit(Auth(token="fresh"))]
    assert not client.fresh
    client.greet()
    assert client.authenticate("fresh") == []


@pytest.mark.parametrize(
    ("code", "stopped", "fresh"),
    [(1006, False, False), (None, False, False), (4406, True, False), (4402, True, False), (4440, False, True)],
)
def test_a_close_code_decides_whether_to_reconnect_and_whether_with_a_fresh_jwt(
    client: ClientSession, code: int | None, stopped: bool, fresh: bool
) -> None:
    assert client.closed(code) == ([Stopped()] if stopped else [])
    assert client.fresh is fresh
    client.closed(1006)
    assert client.fresh is fresh
    client.receive(Welcome(session_id="s", token="t", intent=Idle(), timeouts=TIMEOUTS, next_ms=30_000), 0)
    assert not client.fresh


def test_joining_increases_the_revision_before_sending(client: ClientSession) -> None:
    assert client.join({"a": "1"}, {"b": "2"}) == [
        Transmit(JoinQueue(revision=1, ticket="id1", attributes={"a": "1"}, required={"b": "2"}))
    ]
    assert client.intent == Queued(1, "id1", {"a": "1"}, {"b": "2"})


def test_what_the_user_does_before_the_welcome_is_sent_after_it(client: ClientSession) -> None:
    client.greet()
    assert client.join() == []
    welcome = Welcome(session_id="s", token="t", intent=Idle(), timeouts=TIMEOUTS, next_ms=30_000)
    assert client.receive(welcome, 0) == [Online(), Transmit(Heartbeat(intent=Queued(1, "id1")))]


def test_the_queue_token_is_kept_in_the_intent(client: ClientSession) -> None:
    client.join()
    assert client.receive(QueueStatus(ticket="other", queue_token="x"), 0) == []
    assert client.receive(QueueStatus(ticket="id1", queue_token="place"), 0) == [QueuePosition("id1")]
    assert client.intent == Queued(1, "id1", queue_token="place")


def test_leaving_names_the_ticket_or_the_match(client: ClientSession) -> None:
    assert client.leave() == []
    client.join()
    assert client.leave() == [Transmit(LeaveQueue(revision=3, ticket="id1"))]
    client.join()
    client.receive(found(ticket="id2"), 0)
    assert client.leave("skip") == [Transmit(Leave(revision=5, match_id="m", reason="skip"))]
    assert client.intent == Idle(5)


def test_a_match_is_entered_when_found_and_reported_when_open(client: ClientSession) -> None:
    client.join()
    assert client.receive(found("forming"), 0) == [Transmit(Heartbeat(intent=Matched(1, "m")))]
    assert client.receive(found(), 0) == [MatchReady("m", "polite", [])]
    assert client.intent == Matched(1, "m", "proof")
    assert client.receive(found(), 0) == []


def test_a_match_for_another_ticket_is_ignored(client: ClientSession) -> None:
    client.join()
    assert client.receive(found(ticket="old"), 0) == []
    assert client.intent == Queued(1, "id1")


def test_the_peers_frames_are_delivered_once_in_order_and_acknowledged(client: ClientSession) -> None:
    meet(client)
    ack = Ack(match_id="m", from_="peer", to=client.instance, seq=0)
    assert client.receive(offer(client, 2), 0) == [Transmit(ack)]
    said = client.receive(offer(client, 1), 0)
    assert said[:2] == [PeerMessageReceived(offer(client, 1)), PeerMessageReceived(offer(client, 2))]
    assert said[2] == Transmit(Ack(match_id="m", from_="peer", to=client.instance, seq=2))


def test_frames_of_strangers_and_other_matches_are_dropped(client: ClientSession) -> None:
    assert client.receive(offer(client, 1), 0) == []
    meet(client)
    assert client.receive(offer(client, 1, speaker="stranger"), 0) == []
    assert client.receive(Ack(match_id="m", from_=client.instance, to="stranger", seq=1), 0) == []


def test_a_frame_is_repeated_until_it_is_acknowledged(client: ClientSession) -> None:
    assert client.say(Offer(match_id="", from_="", to="", seq=0, sdp="x"), 0) == []
    meet(client)
    [said] = client.say(Offer(match_id="", from_="", to="", seq=0, sdp="x"), 0)
    assert said == Transmit(Offer(match_id="m", from_=client.instance, to="peer", seq=1, sdp="x"))
    assert client.tick(0.5) == []
    assert client.tick(1.21) == [said]
    client.receive(acknowledgement(client, 1), 2)
    assert client.tick(99) == []


def test_the_deadline_is_when_a_frame_is_due_again(client: ClientSession) -> None:
    assert client.deadline is None
    meet(client)
    assert client.deadline is None
    client.say(chat("hello"), now=10)
    deadline = client.deadline
    assert deadline is not None
    assert client.tick(deadline - 0.01) == []
    assert client.tick(deadline) != []
    client.receive(PeerState(match_id="m", state="away"), now=20)
    assert client.deadline is None


def test_a_server_is_gone_when_its_next_heartbeat_is_overdue(client: ClientSession) -> None:
    assert client.silence == 37
    client.receive(ServerHeartbeat(next_ms=20_000), 0)
    assert client.silence == 27


def test_a_server_answers_a_join_and_a_first_frame_sooner_than_its_next_heartbeat(client: ClientSession) -> None:
    client.timeouts = Timeouts(5000, 30_000, 60_000)
    client.join()
    assert client.silence == 12
    client.receive(ServerHeartbeat(next_ms=20_000), 0)
    client.greet()
    assert client.silence == 12


def test_nothing_is_repeated_to_a_peer_that_is_away(client: ClientSession) -> None:
    meet(client)
    [first] = client.say(chat("one"), 0)
    assert client.receive(PeerState(match_id="m", state="away", instance="peer"), 1) == [PeerPresenceChanged("away")]
    assert client.say(chat("two"), 1) == []
    assert client.tick(60) == []
    assert client.receive(PeerState(match_id="m", state="present", instance="peer"), 60) == [
        PeerPresenceChanged("present"),
        first,
    ]
    [second] = client.receive(acknowledgement(client, 1), 61)
    assert isinstance(second, Transmit)
    assert isinstance(second.frame, Chat)
    assert second.frame.text == "two"


def test_a_new_socket_repeats_the_lowest_unacknowledged_frame_at_once(client: ClientSession) -> None:
    meet(client)
    [first] = client.say(chat("one"), 0)
    client.greet()
    assert client.say(chat("two"), 0) == []
    assert client.tick(60) == []
    welcome = Welcome(session_id="s", token="t", intent=client.intent, timeouts=TIMEOUTS, next_ms=30_000)
    assert client.receive(welcome, 60) == [Online(), first]


def test_a_new_socket_assumes_that_the_peer_is_present(client: ClientSession) -> None:
    meet(client)
    client.receive(PeerState(match_id="m", state="away"), 1)
    assert client.say(chat("are you there?"), 1) == []
    client.greet()
    outputs = client.receive(
        Welcome(session_id="s", token="t", intent=client.intent, timeouts=TIMEOUTS, next_ms=30_000), 2
    )
    assert PeerPresenceChanged("present") in outputs
    assert isinstance(outputs[-1], Transmit)


def test_a_peer_that_acknowledges_nothing_is_unreachable_once_the_window_is_full(client: ClientSession) -> None:
    meet(client)
    for _ in range(WINDOW):
        assert client.say(IceRestart(match_id="", from_="", to="", seq=0), 0)
    [problem] = client.say(IceRestart(match_id="", from_="", to="", seq=0), 0)
    assert isinstance(problem, ClientProblem)
    assert problem.code == errors.PEER_UNREACHABLE.code


def test_a_chat_that_is_too_long_is_rejected_and_blocks_nothing(client: ClientSession) -> None:
    meet(client)
    [problem] = client.say(chat("é" * (MAX_CHAT + 1)), 0)
    assert isinstance(problem, ClientProblem)
    assert problem.code == errors.BAD_FRAME.code
    [said] = client.say(chat("é" * MAX_CHAT), 0)
    assert isinstance(said, Transmit)
    assert messages.decode_client(messages.encode(said.frame)) == said.frame


def test_an_obsolete_frame_is_acknowledged_and_not_delivered(client: ClientSession) -> None:
    meet(client)
    client.say(Offer(match_id="", from_="", to="", seq=0, sdp="mine", generation=1), 0)
    assert client.receive(offer(client, 1), 0) == []
    acknowledgement = Transmit(Ack(match_id="m", from_="peer", to=client.instance, seq=1))
    assert acknowledgement in client.tick(ACK_SECONDS)


def test_a_frame_is_acknowledged_at_the_deadline_even_while_the_peer_is_away(client: ClientSession) -> None:
    meet(client)
    client.receive(PeerState(match_id="m", state="away", instance="peer"), 0)
    client.receive(offer(client, 1), 0)
    assert client.deadline == ACK_SECONDS
    assert client.tick(ACK_SECONDS) == [Transmit(Ack(match_id="m", from_="peer", to=client.instance, seq=1))]
    assert client.deadline is None


def test_an_acknowledgement_waits_for_the_welcome_of_a_new_socket(client: ClientSession) -> None:
    meet(client)
    client.receive(offer(client, 1), 0)
    client.greet()
    assert client.tick(ACK_SECONDS) == []
    assert client.deadline is None
    client.receive(Welcome(session_id="s", token="t", intent=client.intent, timeouts=TIMEOUTS, next_ms=30_000), 1)
    assert Transmit(Ack(match_id="m", from_="peer", to=client.instance, seq=1)) in client.tick(1)


def test_an_older_socket_still_delivers_the_peers_frames_and_nothing_else(client: ClientSession) -> None:
    meet(client)
    assert client.receive(offer(client, 1), 0, newest=False)
    assert client.receive(Replaced(), 0, newest=False) == []


def test_a_peer_that_reloads_its_page_is_a_new_match_event(client: ClientSession) -> None:
    meet(client)
    client.say(Offer(match_id="", from_="", to="", seq=0, sdp="x"), 0)
    assert client.receive(PeerState(match_id="m", state="present", instance="reloaded"), 0) == [
        MatchReady("m", "polite", []),
        PeerPresenceChanged("present"),
    ]
    assert client.tick(99) == []


def test_chat_that_the_old_page_did_not_acknowledge_is_sent_to_the_new_one(client: ClientSession) -> None:
    meet(client)
    for frame in (Offer(match_id="", from_="", to="", seq=0, sdp="x"), chat("one"), chat("two")):
        client.say(frame, 0)
    met, first = client.receive(found(peer="reloaded"), 0)
    assert met == MatchReady("m", "polite", [])
    assert first == Transmit(Chat(match_id="m", from_=client.instance, to="reloaded", seq=1, id="c", text="one"))
    second = Chat(match_id="m", from_=client.instance, to="reloaded", seq=2, id="c", text="two")
    assert client.receive(Ack(match_id="m", from_=client.instance, to="reloaded", seq=1), 0) == [Transmit(second)]


def test_lanes_continue_after_an_older_page_load_was_named_again_for_a_while(client: ClientSession) -> None:
    meet(client)
    client.receive(found(peer="reloaded"), 0)
    client.say(chat("one"), 0)
    client.receive(found(peer="peer"), 0)
    _, again = client.receive(found(peer="reloaded"), 0)
    assert again == Transmit(Chat(match_id="m", from_=client.instance, to="reloaded", seq=1, id="c", text="one"))
    client.receive(Ack(match_id="m", from_=client.instance, to="reloaded", seq=1), 0)
    second = Chat(match_id="m", from_=client.instance, to="reloaded", seq=2, id="c", text="two")
    assert client.say(chat("two"), 0) == [Transmit(second)]


def test_nothing_is_sent_to_a_new_page_that_is_away(client: ClientSession) -> None:
    meet(client)
    client.say(chat("one"), 0)
    assert client.receive(PeerState(match_id="m", state="away", instance="reloaded"), 0) == [
        MatchReady("m", "polite", []),
        PeerPresenceChanged("away"),
    ]
    assert client.tick(99) == []


def test_the_peers_state_in_a_forming_match_is_ignored(client: ClientSession) -> None:
    client.join()
    client.receive(found("forming"), 0)
    assert client.receive(PeerState(match_id="m", state="away", instance="peer"), 0) == []
    assert client.receive(PeerState(match_id="other", state="left"), 0) == []


def test_a_presence_without_an_instance_changes_no_lane(client: ClientSession) -> None:
    meet(client)
    assert client.receive(PeerState(match_id="m", state="away"), 0) == [PeerPresenceChanged("away")]


def test_an_ended_match_leaves_the_client_idle(client: ClientSession) -> None:
    meet(client)
    assert client.receive(PeerState(match_id="m", state="left", reason="user"), 0) == [
        Transmit(Heartbeat(intent=Idle(2))),
        Ended("user", requeued=False),
    ]


def test_a_match_that_failed_to_form_requeues_the_ticket_at_its_queue_order(client: ClientSession) -> None:
    client.join()
    client.receive(QueueStatus(ticket="id1", queue_token="place"), 0)
    client.receive(found("forming"), 0)
    intent = Queued(2, "id1", queue_token="place")
    assert client.receive(PeerState(match_id="m", state="left", reason="peer-lost", requeue=True), 0) == [
        Transmit(Heartbeat(intent=intent)),
        Ended("peer-lost", requeued=True),
    ]


def test_a_newer_intent_of_another_page_is_adopted_and_ends_the_match_here(client: ClientSession) -> None:
    meet(client)
    assert client.receive(Snapshot(intent=Idle(1)), 0) == []
    assert client.receive(Snapshot(intent=Idle(7)), 0) == [Ended("ended", requeued=False)]
    assert client.receive(Snapshot(intent=Queued(8, "t")), 0) == []
    assert client.intent == Queued(8, "t")


def test_a_match_that_another_page_entered_is_adopted_and_the_ticket_kept(client: ClientSession) -> None:
    client.join()
    queued = client.intent
    assert isinstance(queued, Queued)
    assert client.receive(Snapshot(intent=Matched(queued.revision, "m")), 0) == []
    again = Queued(queued.revision + 1, queued.ticket)
    assert client.receive(PeerState(match_id="m", state="left", reason="peer-lost", requeue=True), 0) == [
        Transmit(Heartbeat(intent=again)),
        Ended("peer-lost", requeued=True),
    ]


def test_an_unknown_session_starts_again(client: ClientSession) -> None:
    client.join()
    unknown = messages.error_frame(errors.SESSION_UNKNOWN)
    assert client.receive(unknown, 0) == [
        Ended("session-unknown", requeued=False),
        ClientProblem(unknown.code, unknown.message, unknown.remedy),
    ]
    assert isinstance(client.greet(), Hello)
    assert len(client.receive(unknown, 0)) == 1


def test_other_problems_and_advice_are_reported(client: ClientSession) -> None:
    busy = messages.error_frame(errors.POOL_BUSY)
    assert client.receive(busy, 0) == [ClientProblem(busy.code, busy.message, busy.remedy)]
    assert client.receive(Goaway(within_ms=5), 0) == [Move(5)]
    assert client.receive(Replaced(), 0) == [Stopped()]


# Reports to the pool; more in vectors/reports.json


def met(client: ClientSession, now: float) -> None:
    client.join()
    assert isinstance(client.intent, Queued)
    found = MatchFound(
        match_id="m", role="polite", peer="peer", state="open", ice_servers=[], ttl_ms=1, ticket=client.intent.ticket
    )
    client.receive(found, now)


def test_reports_have_the_match_and_numbers_within_bounds(client: ClientSession) -> None:
    assert client.report(Stats(match_id="")) == []
    met(client, 0)
    wild = Stats(match_id="", rtt_ms=-1.0, loss=2.0, sent_bitrate=float("inf"), jitter_ms=float("nan"), freezes=-1)
    assert client.report(wild) == [Transmit(Stats(match_id="m", rtt_ms=0.0, loss=1.0, freezes=0))]
    assert client.report(Stats(match_id="", rtt_ms=3.0)) == [Transmit(Stats(match_id="m", rtt_ms=3.0))]


def test_each_state_of_the_connection_is_reported_once(client: ClientSession) -> None:
    assert client.connection("connected", 1) == []
    met(client, 10)
    connected = ConnectionState(match_id="m", state="connected", setup_ms=500.0, path="relay")
    assert client.connection("connected", 10.5, "relay") == [Transmit(connected)]
    assert client.connection("connected", 11) == []
    failed = ConnectionState(match_id="m", state="failed", setup_ms=500.0, reason="media-lost")
    assert client.connection("failed", 12, reason="media-lost") == [Transmit(failed)]


def test_the_state_of_the_connection_waits_for_the_welcome(client: ClientSession) -> None:
    met(client, 10)
    client.greet()
    assert client.connection("connected", 10.25) == []
    assert client.report(Stats(match_id="")) == []
    outputs = client.receive(
        Welcome(session_id="s", token="t", intent=client.intent, timeouts=TIMEOUTS, next_ms=30_000), 11
    )
    assert outputs == [Online(), Transmit(ConnectionState(match_id="m", state="connected", setup_ms=250.0))]
