"""The queue proposes matches, and repeating a question changes nothing."""

from msgspec.structs import replace

from switchboard_signaling.matching.queue import (
    MEMORY,
    POD_LEASE,
    QUEUES,
    RECENT_SECONDS,
    SCAN,
    TICKET_TTL,
    Cancelled,
    Enqueued,
    MatchQueue,
    queue_of,
)
from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, REQUIRED_ONLY, Proposal, Ticket


def ticket(session_id: str, pod: str = "pod", queue_order: int = 0, **required: str) -> Ticket:
    return Ticket(f"{session_id}/t", session_id, session_id, "inst", pod, queue_order, required=required)


def matched(queue: MatchQueue, one: Ticket, other: Ticket, match_id: str = "m1") -> Proposal:
    queue.enqueue(one, "unused", None, 0)
    proposal = queue.enqueue(other, match_id, None, 0)
    assert isinstance(proposal, Proposal)
    return proposal


def test_the_first_waits_and_the_second_is_matched_with_it() -> None:
    queue = MatchQueue()
    assert queue.enqueue(ticket("a"), "m0", None, 0) == Enqueued(1, 1)
    proposal = queue.enqueue(ticket("b"), "m1", None, 0)
    assert isinstance(proposal, Proposal)
    assert (proposal.match_id, proposal.a.session_id, proposal.a.queue_order, proposal.b.queue_order) == (
        "m1",
        "a",
        1,
        2,
    )
    assert queue.tickets == {}


def test_enqueueing_again_changes_nothing() -> None:
    queue = MatchQueue()
    assert [queue.enqueue(ticket("a", lang="x"), f"m{time}", None, time) for time in range(3)] == [Enqueued(1, 1)] * 3
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    for waiting in (ticket("a"), ticket("b")):
        assert queue.enqueue(waiting, "another", None, 1) == proposal


def test_the_compatible_ticket_that_has_waited_longest_is_chosen() -> None:
    queue = MatchQueue()
    for session_id in ("a", "b", "c"):
        queue.enqueue(ticket(session_id, lang="x" if session_id == "a" else "y"), session_id, None, 0)
    found = queue.enqueue(Ticket("d/t", "d", "d", "i", "pod", attributes={"lang": "y"}), "m", None, 0)
    assert isinstance(found, Proposal)
    assert found.a.session_id == "b"


def test_a_position_counts_the_tickets_of_the_same_mode_with_a_longer_wait() -> None:
    queue = MatchQueue()
    waits = [
        replace(ticket(session_id, lang="x"), mode="text" if session_id == "other" else "")
        for session_id in ("a", "other", "b", "c")
    ]
    asked = [queue.enqueue(one, "m", None, 0) for one in waits]
    assert asked == [Enqueued(1, 1), Enqueued(2, 1), Enqueued(3, 2), Enqueued(4, 3)]
    queue.cancel("a/t", 1)
    assert [queue.enqueue(one, "m", None, 2) for one in waits[1:]] == [Enqueued(2, 1), Enqueued(3, 1), Enqueued(4, 2)]


def test_a_ticket_returns_to_the_queue_order_that_it_proves() -> None:
    queue = MatchQueue()
    assert queue.enqueue(ticket("a", queue_order=7), "m", None, 0) == Enqueued(7, 1)
    assert queue.enqueue(ticket("b", lang="x"), "m", "d", 0) == Enqueued(8, 2)


def test_a_ticket_of_a_dead_match_returns_to_its_queue_order() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    assert queue.enqueue(ticket("a"), "m2", "another match", 1) == proposal
    assert queue.enqueue(ticket("a", queue_order=1), "m2", proposal.match_id, 1) == Enqueued(1, 1)


def test_both_pods_find_the_match_in_their_mailboxes_until_they_have_announced_it() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a", pod="one"), ticket("b", pod="two"))
    assert queue.proposals("one") == queue.proposals("two") == [proposal]
    queue.announced("one", "a/t")
    assert queue.proposals("one") == []
    assert queue.proposals("two") == [proposal]
    assert queue.proposals("three") == []
    queue.announced("three", "a/t")


def test_a_pod_with_both_tickets_reads_the_match_once_and_removes_each_proposal() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    queue.announced("pod", "a/t")
    assert queue.proposals("pod") == [proposal]


def test_a_cancelled_ticket_does_not_return() -> None:
    queue = MatchQueue()
    queue.enqueue(ticket("a"), "m", None, 0)
    assert queue.cancel("a/t", 0) == Cancelled()
    assert queue.enqueue(ticket("a"), "m", None, 1) == Cancelled()
    assert queue.enqueue(ticket("b"), "m", None, 1) == Enqueued(2, 1)


def test_a_matched_ticket_cannot_be_cancelled() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    assert queue.cancel("a/t", 0) == proposal


def test_an_abandoned_ticket_does_not_return_when_its_match_fails() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    assert queue.cancel("a/t", 0) == proposal
    assert queue.enqueue(ticket("a"), "m2", proposal.match_id, 1) == Cancelled()
    assert queue.enqueue(ticket("a"), "m2", None, 2) == Cancelled()
    assert queue.enqueue(ticket("b"), "m2", proposal.match_id, 3) == Enqueued(3, 1)


def test_tickets_of_a_dead_pod_are_not_matched_and_return_with_a_heartbeat() -> None:
    queue = MatchQueue()
    queue.enqueue(ticket("a", pod="dead"), "m", None, 0)
    assert queue.enqueue(ticket("b", pod="alive"), "m", None, POD_LEASE) == Enqueued(2, 1)
    assert "a/t" not in queue.tickets
    found = queue.enqueue(ticket("a", pod="alive", queue_order=1), "m", None, POD_LEASE + 1)
    assert isinstance(found, Proposal)


def test_a_beat_keeps_a_pods_tickets() -> None:
    queue = MatchQueue()
    queue.enqueue(ticket("a", pod="idle"), "m", None, 0)
    queue.beat("idle", POD_LEASE)
    assert isinstance(queue.enqueue(ticket("b"), "m", None, POD_LEASE + 1), Proposal)


def test_cancelled_and_matched_tickets_are_forgotten_after_a_while() -> None:
    queue = MatchQueue()
    matched(queue, ticket("a"), ticket("b"))
    queue.cancel("c/t", 0)
    assert queue.enqueue(ticket("c"), "m", None, MEMORY) == Enqueued(3, 1)
    assert queue.matched == {}


def test_the_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    queue = MatchQueue(memory_bound=2)
    for name in ("a/t", "b/t", "c/t"):
        queue.cancel(name, 0)
    assert queue.enqueue(ticket("b"), "m", None, 0) == Cancelled()
    assert queue.enqueue(ticket("a"), "m", None, 0) == Enqueued(1, 1)


def test_a_ticket_that_is_cancelled_again_is_remembered_from_then_on() -> None:
    queue = MatchQueue(memory_bound=2)
    for name in ("a/t", "b/t", "a/t", "c/t"):
        queue.cancel(name, 0)
    assert queue.enqueue(ticket("a"), "m", None, 0) == Cancelled()


def crowd(queue: MatchQueue, count: int) -> None:
    """Enqueue this many tickets without needs, by subjects that `z` has met recently."""
    for number in range(count):
        waiting = Ticket(f"s{number}/t", f"s{number}", f"s{number}", "i", "pod", blocked=["z", *OTHERS])
        queue.enqueue(waiting, "m", None, 0)


OTHERS = [f"s{number}" for number in range(2 * SCAN)]


def test_tickets_that_are_hard_to_match_do_not_slow_down_others() -> None:
    queue = MatchQueue()
    for number in range(10 * SCAN):
        queue.enqueue(ticket(f"s{number}", number=str(number)), "m", None, 0)
    queue.enqueue(ticket("z"), "m", None, 0)
    found = queue.enqueue(ticket("y"), "m", None, 0)
    assert isinstance(found, Proposal)
    assert {found.a.session_id, found.b.session_id} == {"y", "z"}


def test_the_index_key_is_the_need_with_the_fewest_waiting_tickets() -> None:
    queue = MatchQueue()
    for number in range(10 * SCAN):
        queue.enqueue(ticket(f"s{number}", lang="de", number=str(number)), "m", None, 0)
    queue.enqueue(ticket("z", lang="de"), "m", None, 0)
    found = queue.enqueue(Ticket("y/t", "y", "y", "i", "pod", attributes={"lang": "de"}), "m", None, 0)
    assert isinstance(found, Proposal)
    assert found.b.session_id == "z"


def test_a_search_is_bounded_and_the_next_heartbeat_continues_it() -> None:
    queue = MatchQueue()
    crowd(queue, 2 * SCAN)
    late = Ticket("z/t", "z", "z", "i", "pod")
    assert queue.enqueue(late, "m", None, 0) == Enqueued(2 * SCAN + 1, 2 * SCAN + 1)
    fitting = Ticket("x/t", "x", "x", "i", "pod", queue_order=2 * SCAN - 1, blocked=OTHERS)
    assert queue.enqueue(fitting, "m", None, 0) == Enqueued(2 * SCAN - 1, 2 * SCAN)
    answers = [queue.enqueue(late, "m", None, 0) for _ in range(4)]
    assert [type(answer) for answer in answers[:2]] == [Enqueued, Proposal]


def test_a_ticket_that_has_seen_all_others_does_not_search_again() -> None:
    queue = MatchQueue()
    crowd(queue, 3)
    late = Ticket("z/t", "z", "z", "i", "pod")
    for _ in range(2):
        assert queue.enqueue(late, "m", None, 0) == Enqueued(4, 4)


def test_a_ticket_without_heartbeats_is_removed_and_a_heartbeat_restores_its_queue_order() -> None:
    queue = MatchQueue()
    gone, alive = ticket("a", lang="x"), ticket("b", lang="x")
    for waiting in (gone, alive):
        queue.enqueue(waiting, "m", None, 0)
    queue.enqueue(alive, "m", None, TICKET_TTL - 1)
    queue.enqueue(ticket("c", lang="x"), "m", None, TICKET_TTL)
    assert list(queue.tickets) == ["b/t", "c/t"]
    assert queue.enqueue(replace(gone, queue_order=1), "m", None, TICKET_TTL) == Enqueued(1, 1)


def test_modes_share_the_other_queues() -> None:
    assert queue_of("") == 0
    assert {queue_of(f"mode{number}") for number in range(500)} == set(range(1, QUEUES))
    assert queue_of("text") == 10  # all pods of all versions must agree


def test_tickets_of_different_modes_are_not_matched() -> None:
    queue = MatchQueue()
    queue.enqueue(Ticket("a/t", "a", "a", "i", "pod", mode="text"), "m", None, 0)
    assert queue.enqueue(ticket("b"), "m", None, 0) == Enqueued(2, 1)
    assert isinstance(queue.enqueue(Ticket("c/t", "c", "c", "i", "pod", mode="text"), "m", None, 0), Proposal)


def test_preferred_attributes_count_until_they_are_relaxed() -> None:
    queue = MatchQueue()
    choosy = Ticket("a/t", "a", "a", "i", "pod", preferred={"lang": "de"})
    queue.enqueue(choosy, "m", None, 0)
    assert queue.enqueue(ticket("b"), "m", None, 0) == Enqueued(2, 2)
    assert isinstance(queue.enqueue(replace(choosy, relaxed=REQUIRED_ONLY), "m", None, 0), Proposal)


def test_recent_peers_are_matched_again_only_if_both_have_waited_long() -> None:
    queue = MatchQueue()
    matched(queue, ticket("a"), ticket("b"))
    one, other = (Ticket(f"{session_id}/t2", session_id, session_id, "i", "pod") for session_id in ("a", "b"))
    patient, too = (replace(one, relaxed=ANYBODY_AGAIN), replace(other, relaxed=ANYBODY_AGAIN))
    asked = [one, other, patient, other]
    assert [type(queue.enqueue(each, "m2", None, 1)) for each in asked] == [Enqueued] * 4
    assert isinstance(queue.enqueue(too, "m2", None, 1), Proposal)


def test_recent_peers_are_forgotten_after_a_while_and_beyond_the_bound() -> None:
    for queue, now in ((MatchQueue(), RECENT_SECONDS), (MatchQueue(memory_bound=0), 1.0)):
        matched(queue, ticket("a"), ticket("b"))
        queue.enqueue(Ticket("a/t2", "a", "a", "i", "pod"), "m2", None, now)
        assert isinstance(queue.enqueue(Ticket("b/t2", "b", "b", "i", "pod"), "m2", None, now), Proposal)


def test_a_failed_match_does_not_make_recent_peers() -> None:
    queue = MatchQueue()
    proposal = matched(queue, ticket("a"), ticket("b"))
    for waiting, answer in ((ticket("a", queue_order=1), Enqueued), (ticket("b", queue_order=2), Proposal)):
        assert isinstance(queue.enqueue(waiting, "m2", proposal.match_id, 1), answer)
