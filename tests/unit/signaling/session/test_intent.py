"""A client's intent is reconciled with the store, even if its socket or an answer is lost."""

from tests.unit.signaling.world import ICE, World, offer

from switchboard_signaling.matching.queue import Enqueued
from switchboard_signaling.session.cleanup import MAX_QUESTIONS
from switchboard_signaling.session.effects import Ask
from switchboard_signaling.session.hints import MatchChanged
from switchboard_signaling.session.queue_status import RELAX_ALL_SECONDS, RELAX_SECONDS
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    ReadMatch,
    SessionRecord,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued
from switchboard_signaling.wire.messages import (
    ErrorFrame,
    FrameRef,
    Heartbeat,
    JoinQueue,
    Leave,
    LeaveQueue,
    MatchFound,
    Offer,
    PeerState,
    QueueStatus,
    Resume,
    Snapshot,
    Welcome,
)

# The queue


def test_a_join_is_answered_with_a_queue_order(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    assert wire.take(QueueStatus).ticket == "t"


def test_the_queue_order_survives_a_wiped_store(world: World) -> None:
    first, second, third = world.hello(), world.hello(), world.hello("pod-b")
    callers = {"attributes": {"side": "caller"}, "required": {"side": "helper"}}
    helper = {"attributes": {"side": "helper"}, "required": {"side": "caller"}}
    for wire in (first, second):
        wire.send(JoinQueue(revision=1, ticket="t", **callers))
    places = [wire.take(QueueStatus).queue_token for wire in (first, second)]
    world.store.wipe()
    second.send(Heartbeat(intent=Queued(1, "t", queue_token=places[1], **callers)))
    first.send(Heartbeat(intent=Queued(1, "t", queue_token=places[0], **callers)))

    third.send(JoinQueue(revision=1, ticket="t", **helper))

    assert third.take(MatchFound).peer == first.instance


def test_a_waiting_client_is_sent_its_position_when_it_changes(world: World) -> None:
    first, second = world.hello(), world.hello()
    callers = {"attributes": {"side": "caller"}, "required": {"side": "helper"}}
    for wire in (first, second):
        wire.send(JoinQueue(revision=1, ticket="t", **callers))
    status = second.take(QueueStatus)
    assert status.position == 2
    intent = Queued(1, "t", queue_token=status.queue_token, **callers)
    second.send(Heartbeat(intent=intent))
    assert not second.has(QueueStatus)
    first.send(LeaveQueue(revision=2, ticket="t"))
    second.send(Heartbeat(intent=intent))
    assert second.take(QueueStatus) == QueueStatus(ticket="t", queue_token=status.queue_token, position=1)


def test_a_new_socket_is_sent_the_position_although_its_client_has_a_queue_token(world: World) -> None:
    wire = world.hello()
    token = wire.take(Welcome).token
    wire.send(JoinQueue(revision=1, ticket="t"))
    queue_token = wire.take(QueueStatus).queue_token
    again = world.resume(token, 2, Queued(1, "t", queue_token=queue_token), instance=wire.instance)
    assert again.take(QueueStatus) == QueueStatus(ticket="t", queue_token=queue_token, position=1)


def test_a_queue_token_of_another_session_is_ignored(world: World) -> None:
    owner, thief = world.hello(), world.hello()
    owner.send(JoinQueue(revision=1, ticket="t", required={"lang": "none"}))
    queue_token = owner.take(QueueStatus).queue_token
    thief.send(Heartbeat(intent=Queued(1, "t", queue_token=queue_token)))
    assert [ticket.queue_order for ticket in world.store.queue.tickets.values()] == [1, 2]


def test_a_ticket_of_another_session_cannot_be_used_or_cancelled(world: World) -> None:
    owner, thief = world.hello(), world.hello()
    owner.send(JoinQueue(revision=1, ticket="t", required={"lang": "none"}))
    thief.send(LeaveQueue(revision=1, ticket="t"))
    owner.send(Heartbeat(intent=owner.session.intent))
    assert len(world.store.queue.tickets) == 1
    assert not owner.has(ErrorFrame)


def test_two_tickets_make_a_match_with_opposite_roles(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    one.send(JoinQueue(revision=1, ticket="t-one"))
    two.send(JoinQueue(revision=1, ticket="t-two"))

    found = [wire.take(MatchFound) for wire in (one, two)]
    assert found[0].match_id == found[1].match_id
    assert [frame.ticket for frame in found] == ["t-one", "t-two"]
    assert [frame.peer for frame in found] == [two.instance, one.instance]
    assert {frame.role for frame in found} == {"polite", "impolite"}
    assert [frame.state for frame in found] == ["forming", "forming"]
    assert found[0].ice_servers == ICE


def test_a_match_is_open_once_both_have_named_it(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    one.name(match_id)
    assert not one.has(MatchFound)
    assert not two.has(MatchFound)
    two.name(match_id)
    for wire in (one, two):
        opened = wire.take(MatchFound)
        assert opened.state == "open"
        assert opened.token is not None


def test_leaving_the_queue_removes_the_ticket(world: World) -> None:
    one, two = world.hello(), world.hello()
    one.send(JoinQueue(revision=1, ticket="t"))
    one.send(LeaveQueue(revision=2, ticket="t"))
    two.send(JoinQueue(revision=1, ticket="t"))
    assert not two.has(MatchFound)


def test_a_ticket_is_cancelled_in_the_queue_of_its_mode(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t", mode="text"))
    for frame in (LeaveQueue(revision=2, ticket="t"), JoinQueue(revision=2, ticket="t2")):
        asked = [effect.question for effect in wire.session.receive(frame, world.now) if isinstance(effect, Ask)]
        assert Cancel(f"{wire.session.session_id}/t", "text") in asked
        wire = world.hello()
        wire.send(JoinQueue(revision=1, ticket="t", mode="text"))


def test_preferred_attributes_count_for_a_while(world: World) -> None:
    choosy, other = world.hello(), world.hello()
    choosy.send(JoinQueue(revision=1, ticket="t", preferred={"lang": "de"}))
    other.send(JoinQueue(revision=1, ticket="t"))
    world.pass_time(RELAX_SECONDS - 1, choosy, other)
    assert not choosy.has(MatchFound)
    world.pass_time(5, choosy, other)
    assert choosy.take(MatchFound).peer == other.instance


def test_recent_peers_are_matched_again_once_both_have_waited_long(world: World) -> None:
    one, two, _ = world.pair()
    one.send(JoinQueue(revision=2, ticket="again"))
    two.send(JoinQueue(revision=2, ticket="again"))
    world.pass_time(RELAX_ALL_SECONDS - 6, one, two)
    assert not one.has(MatchFound)
    world.pass_time(12, one, two)
    assert one.take(MatchFound).match_id == two.take(MatchFound).match_id


def test_a_blocked_subject_is_never_matched(world: World) -> None:
    one, two = world.hello(), world.hello()
    one.send(JoinQueue(revision=1, ticket="t", blocked=[two.session.subject]))
    two.send(JoinQueue(revision=1, ticket="t"))
    world.pass_time(60, one, two)
    assert not one.has(MatchFound)


def test_cleanup_comes_before_the_record_forgets_the_old_intent(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    asked = wire.session.receive(LeaveQueue(revision=2, ticket="t"), world.now)
    assert [type(effect.question) for effect in asked if isinstance(effect, Ask)] == [Cancel, TouchSession]


def test_an_intent_abandoned_on_behalf_of_a_client_leaves_nothing_behind(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    world.perform(wire, wire.session.reconciler.abandon("ended"))
    assert world.store.queue.tickets == {}
    assert world.store.sessions[wire.session.session_id].intent == Idle(2)


def test_only_the_newest_socket_enqueues_a_ticket(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    wire.session.reconciler.note_newest(False)
    assert wire.session.reconciler.reconcile(world.now) == []


def test_joining_repeatedly_while_the_store_is_silent_has_bounded_cost(world: World) -> None:
    wire = world.hello()
    world.store.down = True
    for revision in range(1, 3 * MAX_QUESTIONS):
        wire.send(JoinQueue(revision=revision, ticket=f"t{revision}"))
    assert len(wire.session.reconciler.cleanup) == MAX_QUESTIONS


def test_a_cancelled_ticket_never_returns(world: World) -> None:
    wire = world.hello()
    wire.send(LeaveQueue(revision=1, ticket="t"))
    wire.send(JoinQueue(revision=2, ticket="t"))
    assert wire.error() == "stale-intent"


def test_a_wait_ends_whose_ticket_another_socket_cancelled(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    world.store.ask(Cancel(f"{wire.session.session_id}/t"))
    wire.send(Heartbeat(intent=wire.session.reconciler.intent))
    assert wire.take(Snapshot).intent == Idle(2)
    wire.send(Heartbeat(intent=Idle(2)))
    assert world.store.sessions[wire.session.session_id].intent == Idle(2)


def test_another_ticket_replaces_the_first(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t1"))
    wire.send(JoinQueue(revision=2, ticket="t2"))
    assert [ticket.ticket for ticket in world.store.queue.tickets.values()] == [f"{wire.session.session_id}/t2"]


def test_a_join_while_the_store_is_down_may_be_retried(world: World) -> None:
    wire = world.hello()
    world.store.down = True
    wire.send(JoinQueue(revision=1, ticket="t"))
    error = wire.take(ErrorFrame)
    assert (error.code, error.retryable, error.ref) == ("store-unavailable", True, FrameRef("join-queue", ticket="t"))
    world.store.down = False
    wire.send(Heartbeat(intent=wire.session.intent))
    assert wire.take(QueueStatus).ticket == "t"


def test_a_reply_for_an_outdated_ticket_cancels_it(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=1, ticket="t"))
    [ticket] = world.store.queue.tickets.values()
    wire.session.reconciler.intent = Idle(2)
    effects = wire.session.answered(Enqueue(ticket, "m"), Enqueued(1, 1), world.now)
    assert effects == [Ask(Cancel(ticket.ticket))]


def test_a_reply_for_a_ticket_that_led_to_the_match_does_not_cancel_it(world: World) -> None:
    one, _, match_id = world.pair(opened=False)
    [mine] = [ticket for ticket in world.store.queue.matched if ticket.startswith(one.session.session_id)]
    proposal = world.store.queue.matched[mine]
    ticket, _ = proposal.from_side(proposal.side_of(one.session.session_id))
    one.name(match_id)
    assert one.session.answered(Enqueue(ticket, "m"), proposal, world.now) == []


def test_a_match_found_after_leaving_is_aborted_and_the_peer_keeps_its_queue_order(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    world.lose_hints = True
    one.send(JoinQueue(revision=1, ticket="t"))
    two.send(JoinQueue(revision=1, ticket="t"))
    match_id = two.take(MatchFound).match_id
    one.send(LeaveQueue(revision=2, ticket="t"))
    assert world.store.matches[match_id].outcome == "aborted"
    world.lose_hints = False
    world.pass_time(2)
    left = two.take(PeerState)
    assert (left.state, left.reason, left.requeue) == ("left", "stale", True)
    assert [ticket.session_id for ticket in world.store.queue.tickets.values()] == [two.session.session_id]


def test_a_proposal_for_another_ticket_is_refused(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    world.lose_hints = True
    one.send(JoinQueue(revision=1, ticket="t"))
    two.send(JoinQueue(revision=1, ticket="t"))
    [proposal] = world.store.queue.proposals("pod-a")
    one.session.reconciler.intent = Idle(2)
    effects = one.session.proposed(proposal, world.now)
    questions = [effect.question for effect in effects if isinstance(effect, Ask)]
    assert questions[0] == Announced(f"{one.session.session_id}/t", "pod-a")
    assert isinstance(questions[1], EndMatch)
    assert questions[1].only_forming


def test_a_proposal_that_the_client_has_entered_is_only_removed_from_the_mailbox(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    world.lose_hints = True
    one.send(JoinQueue(revision=1, ticket="t"))
    two.send(JoinQueue(revision=1, ticket="t"))
    [proposal] = world.store.queue.proposals("pod-a")
    one.name(proposal.match_id)
    world.read_mail("pod-a")
    assert world.store.queue.proposals("pod-a") == []
    assert world.store.matches[proposal.match_id].outcome == "forming"


def test_cancelling_the_ticket_of_the_current_match_does_not_end_it(world: World) -> None:
    one, _, match_id = world.pair()
    question = Cancel(f"{one.session.session_id}/t-one")
    assert one.session.answered(question, world.store.ask(question), world.now) == []
    assert world.store.matches[match_id].outcome == "open"


def test_a_match_entered_too_late_does_not_cost_the_ticket(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    world.store.ask(EndMatch(match_id, two.session.session_id, "peer-lost", only_forming=True))
    world.perform(one, one.session.hinted(MatchChanged(one.session.session_id, match_id), world.now))
    assert one.take(PeerState).requeue
    one.name(match_id)  # sent before the client received the end
    one.send(Heartbeat(intent=Queued(2, "t-one")))
    assert not one.has(ErrorFrame)
    assert one.take(MatchFound).match_id == two.take(MatchFound).match_id != match_id


def test_a_requeued_ticket_is_removed_when_its_client_had_entered_the_match(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    two.send(Leave(revision=2, match_id=match_id))
    assert list(world.store.queue.tickets) == [f"{one.session.session_id}/t-one"]
    one.name(match_id)
    one.send(Heartbeat(intent=Idle(2)))
    assert not world.store.queue.tickets


def test_a_requeued_ticket_is_removed_by_a_new_socket_too(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    two.send(Leave(revision=2, match_id=match_id))
    again = world.resume(one.take(Welcome).token, 2, Matched(1, match_id))
    again.send(Heartbeat(intent=Idle(2)))
    assert not world.store.queue.tickets


def test_a_new_socket_gives_up_the_previous_intent_even_if_its_first_answer_is_lost(world: World) -> None:
    wire = world.hello()
    token = wire.take(Welcome).token
    wire.send(JoinQueue(revision=1, ticket="t"))
    again = world.socket()
    [ask] = again.session.receive(Resume(token=token, socket_number=2, instance="x", intent=Idle(2)), world.now)
    assert isinstance(ask, Ask)
    world.store.ask(ask.question)
    world.perform(again, again.session.unanswered(ask.question))
    assert world.store.queue.tickets
    again.send(Heartbeat(intent=Idle(2)))
    assert not world.store.queue.tickets


def test_a_hint_about_another_match_does_not_ask_again_for_one_that_is_over(world: World) -> None:
    one, _, match_id = world.pair(opened=False)
    one.name(match_id)
    world.store.ask(EndMatch(match_id, one.session.session_id, "peer-lost", only_forming=True))
    one.send(Heartbeat(intent=one.session.intent))
    assert one.session.match is None
    assert one.session.hinted(MatchChanged(one.session.session_id, "other"), world.now) == []


def test_two_clients_that_enter_an_ended_match_are_each_notified_once(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    world.store.ask(EndMatch(match_id, one.session.session_id, "peer-lost", only_forming=True))
    world.lose_hints = True
    one.name(match_id)
    world.lose_hints = False
    two.name(match_id)
    for wire in (one, two):
        assert [frame for frame in wire.frames if isinstance(frame, messages.PeerState)] == [
            messages.PeerState(match_id=match_id, state="left", reason="peer-lost", requeue=True)
        ]


def test_a_match_that_does_not_form_in_time_requeues_the_client_that_entered_it(world: World) -> None:
    one, two, match_id = world.pair(opened=False)
    one.name(match_id)
    two.drop()
    world.pass_time(12, one)
    left = one.take(PeerState)
    while left.state != "left":
        left = one.take(PeerState)
    assert (left.reason, left.requeue) == ("peer-lost", True)
    one.send(Heartbeat(intent=Queued(2, "t-one")))
    assert one.take(QueueStatus).ticket == "t-one"


# Intents


def test_an_outdated_command_is_rejected_with_the_current_intent(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=2, ticket="t"))
    wire.send(JoinQueue(revision=1, ticket="old"))
    assert wire.error() == "stale-intent"
    assert wire.take(Snapshot).intent == Queued(2, "t")


def test_an_outdated_heartbeat_is_answered_with_the_current_intent(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=2, ticket="t"))
    wire.send(Heartbeat(intent=Idle(1)))
    assert wire.take(Snapshot).intent == Queued(2, "t")
    assert not wire.has(ErrorFrame)


def test_a_newer_intent_of_another_socket_is_adopted(world: World) -> None:
    wire = world.hello()
    token = wire.take(Welcome).token
    wire.send(JoinQueue(revision=5, ticket="t"))
    again = world.resume(token, 2, Idle(1))
    assert again.take(Welcome).intent == Queued(5, "t")

    known = world.store.sessions[again.session.session_id]
    world.store.sessions[again.session.session_id] = SessionRecord(2, known.attach, Idle(9), again.instance, "pod-a")
    again.send(Heartbeat(intent=Queued(5, "t")))
    assert again.take(Snapshot).intent == Idle(9)


def test_a_match_that_another_socket_entered_under_the_same_revision_is_adopted(world: World) -> None:
    wire = world.hello()
    wire.send(JoinQueue(revision=5, ticket="t"))
    known = world.store.sessions[wire.session.session_id]
    entered = Matched(5, "m")
    world.store.sessions[wire.session.session_id] = SessionRecord(1, known.attach, entered, wire.instance, "pod-a")
    wire.send(Heartbeat(intent=Queued(5, "t")))
    assert wire.take(Snapshot).intent == entered


# Ends


def test_leaving_notifies_the_peer(world: World) -> None:
    one, two, match_id = world.pair()
    one.send(Leave(revision=2, match_id=match_id))
    left = two.take(PeerState)
    assert (left.match_id, left.state, left.reason, left.requeue) == (match_id, "left", "user", False)


def test_joining_the_queue_leaves_the_match(world: World) -> None:
    one, two, _ = world.pair()
    one.send(JoinQueue(revision=2, ticket="next"))
    assert one.take(QueueStatus).ticket == "t-one"
    assert one.take(QueueStatus).ticket == "next"
    assert two.take(PeerState).reason == "skip"


def test_a_lost_answer_to_leaving_is_asked_again(world: World) -> None:
    one, two, match_id = world.pair()
    world.store.down = True
    one.send(Leave(revision=2, match_id=match_id))
    world.store.down = False
    one.send(Heartbeat(intent=Idle(2)))
    assert two.take(PeerState).reason == "user"


def test_leaving_by_a_new_socket_notifies_the_peer_too(world: World) -> None:
    one, two, _ = world.pair()
    token = one.take(Welcome).token
    one.drop()
    world.resume(token, 2, Idle(2), pod="pod-c")
    assert two.take(PeerState).state == "left"


def test_leaving_after_a_wipe_of_the_store_is_recorded_by_the_proof(world: World) -> None:
    one, two = world.hello("pod-a"), world.hello("pod-b")
    one.send(JoinQueue(revision=1, ticket="t-one"))
    two.send(JoinQueue(revision=1, ticket="t-two"))
    match_id = one.take(MatchFound).match_id
    two.take(MatchFound)
    for wire in (one, two):
        wire.name(match_id)
    proofs = [wire.take(MatchFound).token for wire in (one, two)]
    for wire, proof in zip((one, two), proofs, strict=True):
        wire.name(match_id, token=proof)
    world.store.wipe()
    one.send(Leave(revision=2, match_id=match_id))
    two.name(match_id, token=proofs[1])
    assert two.take(PeerState).state == "left"


# Presence


def test_a_silent_peer_is_away_and_then_lost(world: World) -> None:
    one, two, match_id = world.pair()
    del world.attached["pod-b", two.session.session_id]
    world.pass_time(16, one)
    assert one.take(PeerState).state == "away"
    world.pass_time(65, one)
    left = one.take(PeerState)
    assert (left.state, left.reason, left.requeue) == ("left", "peer-lost", False)
    assert world.store.matches[match_id].outcome == "ended"


def test_a_closed_socket_is_noticed_sooner_than_a_silent_one(world: World) -> None:
    one, two, _ = world.pair()
    world.pass_time(6, one, two)
    two.drop()
    world.pass_time(4, one)
    assert one.take(PeerState).state == "away"


def test_a_peer_that_returns_is_present(world: World) -> None:
    one, two, match_id = world.pair()
    token = two.take(Welcome).token
    two.drop()
    world.pass_time(4, one)
    assert one.take(PeerState).state == "away"
    world.resume(token, 2, Matched(1, match_id), pod="pod-c", instance=two.instance)
    assert one.take(PeerState).state == "present"


def test_a_peer_that_moves_to_another_pod_before_it_is_away_is_announced(world: World) -> None:
    one, two, match_id = world.pair()
    world.resume(two.take(Welcome).token, 2, Matched(1, match_id), pod="pod-c", instance=two.instance)
    assert one.take(PeerState) == PeerState(match_id=match_id, state="present", instance=two.instance)
    assert not one.has(PeerState)


def test_a_peer_that_reloads_its_page_is_announced_with_its_new_instance(world: World) -> None:
    one, two, match_id = world.pair()
    token = two.take(Welcome).token
    two.drop()
    again = world.resume(token, 2, Matched(1, match_id), pod="pod-c")
    assert one.take(PeerState).instance == again.instance
    assert again.take(MatchFound).peer == one.instance
    one.send(offer(match_id, one, again))
    assert again.has(Offer)


def test_a_silent_store_makes_no_peer_look_away(world: World) -> None:
    one, two, _ = world.pair()
    world.pass_time(6, one, two)
    world.store.down = True
    world.pass_time(90, one, two)
    world.store.down = False
    world.pass_time(6, one)
    assert not one.has(PeerState)
    world.pass_time(6, one, two)
    assert not one.has(PeerState)
    assert not two.has(PeerState)


def test_a_match_is_touched_while_the_session_records_are_unavailable(world: World) -> None:
    one, _, match_id = world.pair()
    one.send(Heartbeat(intent=one.session.intent))
    touch = TouchSession(one.session.session_id, 1, "", one.session.intent, one.instance, "pod-a")
    [ask] = one.session.unanswered(touch)
    assert isinstance(ask, Ask)
    assert isinstance(ask.question, TouchMatch)
    assert (ask.question.match_id, ask.question.version) == (match_id, one.session.reconciler._version)


def test_a_session_that_resumes_while_its_record_is_unavailable_touches_its_match(world: World) -> None:
    one, _, match_id = world.pair()
    socket = world.socket("pod-c")
    world.store.down = True
    socket.send(Resume(token=one.take(Welcome).token, socket_number=2, instance="x", intent=Matched(1, match_id)))
    assert socket.session.match is not None
    assert socket.session.match.match_id == match_id


def test_a_silent_store_changes_nothing_without_a_match(world: World) -> None:
    wire = world.hello()
    assert wire.session.unanswered(ReadMatch("m")) == []


def test_a_hint_about_another_match_reconciles_the_current_intent(world: World) -> None:
    wire = world.hello()
    assert wire.session.hinted(MatchChanged(wire.session.session_id, "other"), world.now) == []


# A store that forgets


def test_a_wiped_store_ends_no_open_match(world: World) -> None:
    one, two, match_id = world.pair()
    world.store.wipe()
    world.pass_time(12, one, two)
    assert world.store.matches[match_id].outcome == "open"
    one.send(offer(match_id, one, two))
    assert two.has(Offer)
    assert not one.has(PeerState)


def test_a_match_read_as_unknown_is_touched_again(world: World) -> None:
    one, two, match_id = world.pair()
    world.store.wipe()
    world.hint("pod-a", MatchChanged(one.session.session_id, match_id))
    assert world.store.matches[match_id].sides(one.session.session_id) is not None
    assert not one.has(PeerState)
    assert not two.has(PeerState)
