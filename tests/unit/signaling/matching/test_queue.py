"""The waiting line: it proposes, and repeating a question changes nothing."""

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


def matched(line: MatchQueue, one: Ticket, other: Ticket, match_id: str = "m1") -> Proposal:
    line.enqueue(one, "unused", None, 0)
    proposal = line.enqueue(other, match_id, None, 0)
    assert isinstance(proposal, Proposal)
    return proposal


def test_the_first_waits_and_the_second_is_matched_with_it() -> None:
    line = MatchQueue()
    assert line.enqueue(ticket("a"), "m0", None, 0) == Enqueued(1, 1)
    proposal = line.enqueue(ticket("b"), "m1", None, 0)
    assert isinstance(proposal, Proposal)
    assert (proposal.match_id, proposal.a.session_id, proposal.a.queue_order, proposal.b.queue_order) == (
        "m1",
        "a",
        1,
        2,
    )
    assert line.tickets == {}


def test_asking_again_changes_nothing() -> None:
    line = MatchQueue()
    assert [line.enqueue(ticket("a", lang="x"), f"m{time}", None, time) for time in range(3)] == [Enqueued(1, 1)] * 3
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    for waiting in (ticket("a"), ticket("b")):
        assert line.enqueue(waiting, "another", None, 1) == proposal


def test_the_longest_waiting_one_that_fits_is_chosen() -> None:
    line = MatchQueue()
    for session_id in ("a", "b", "c"):
        line.enqueue(ticket(session_id, lang="x" if session_id == "a" else "y"), session_id, None, 0)
    found = line.enqueue(Ticket("d/t", "d", "d", "i", "pod", attributes={"lang": "y"}), "m", None, 0)
    assert isinstance(found, Proposal)
    assert found.a.session_id == "b"


def test_a_position_counts_those_of_the_same_mode_who_have_waited_longer() -> None:
    line = MatchQueue()
    waits = [
        replace(ticket(session_id, lang="x"), mode="text" if session_id == "other" else "")
        for session_id in ("a", "other", "b", "c")
    ]
    asked = [line.enqueue(one, "m", None, 0) for one in waits]
    assert asked == [Enqueued(1, 1), Enqueued(2, 1), Enqueued(3, 2), Enqueued(4, 3)]
    line.cancel("a/t", 1)
    assert [line.enqueue(one, "m", None, 2) for one in waits[1:]] == [Enqueued(2, 1), Enqueued(3, 1), Enqueued(4, 2)]


def test_a_ticket_comes_back_to_the_place_that_it_proves() -> None:
    line = MatchQueue()
    assert line.enqueue(ticket("a", queue_order=7), "m", None, 0) == Enqueued(7, 1)
    assert line.enqueue(ticket("b", lang="x"), "m", "d", 0) == Enqueued(8, 2)


def test_a_ticket_of_a_dead_match_goes_back_to_its_place() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    assert line.enqueue(ticket("a"), "m2", "another match", 1) == proposal
    assert line.enqueue(ticket("a", queue_order=1), "m2", proposal.match_id, 1) == Enqueued(1, 1)


def test_both_pods_find_the_match_in_their_mailboxes_until_they_have_announced_it() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a", pod="one"), ticket("b", pod="two"))
    assert line.proposals("one") == line.proposals("two") == [proposal]
    line.announced("one", "a/t")
    assert line.proposals("one") == []
    assert line.proposals("two") == [proposal]
    assert line.proposals("three") == []
    line.announced("three", "a/t")


def test_a_pod_with_both_tickets_reads_the_match_once_and_crosses_off_each() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    line.announced("pod", "a/t")
    assert line.proposals("pod") == [proposal]


def test_a_cancelled_ticket_does_not_return() -> None:
    line = MatchQueue()
    line.enqueue(ticket("a"), "m", None, 0)
    assert line.cancel("a/t", 0) == Cancelled()
    assert line.enqueue(ticket("a"), "m", None, 1) == Cancelled()
    assert line.enqueue(ticket("b"), "m", None, 1) == Enqueued(2, 1)


def test_a_matched_ticket_cannot_be_cancelled() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    assert line.cancel("a/t", 0) == proposal


def test_a_matched_ticket_that_was_given_up_does_not_return_when_the_match_fails() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    assert line.cancel("a/t", 0) == proposal
    assert line.enqueue(ticket("a"), "m2", proposal.match_id, 1) == Cancelled()
    assert line.enqueue(ticket("a"), "m2", None, 2) == Cancelled()
    assert line.enqueue(ticket("b"), "m2", proposal.match_id, 3) == Enqueued(3, 1)


def test_tickets_of_a_pod_that_has_died_are_not_matched_and_come_back_by_a_heartbeat() -> None:
    line = MatchQueue()
    line.enqueue(ticket("a", pod="dead"), "m", None, 0)
    assert line.enqueue(ticket("b", pod="alive"), "m", None, POD_LEASE) == Enqueued(2, 1)
    assert "a/t" not in line.tickets
    found = line.enqueue(ticket("a", pod="alive", queue_order=1), "m", None, POD_LEASE + 1)
    assert isinstance(found, Proposal)


def test_a_beat_keeps_a_pods_tickets() -> None:
    line = MatchQueue()
    line.enqueue(ticket("a", pod="idle"), "m", None, 0)
    line.beat("idle", POD_LEASE)
    assert isinstance(line.enqueue(ticket("b"), "m", None, POD_LEASE + 1), Proposal)


def test_what_is_over_is_forgotten_after_a_while() -> None:
    line = MatchQueue()
    matched(line, ticket("a"), ticket("b"))
    line.cancel("c/t", 0)
    assert line.enqueue(ticket("c"), "m", None, MEMORY) == Enqueued(3, 1)
    assert line.matched == {}


def test_no_more_is_remembered_than_the_bound_and_the_oldest_is_forgotten_first() -> None:
    line = MatchQueue(memory_bound=2)
    for name in ("a/t", "b/t", "c/t"):
        line.cancel(name, 0)
    assert line.enqueue(ticket("b"), "m", None, 0) == Cancelled()
    assert line.enqueue(ticket("a"), "m", None, 0) == Enqueued(1, 1)


def test_what_is_cancelled_again_is_remembered_from_then_on() -> None:
    line = MatchQueue(memory_bound=2)
    for name in ("a/t", "b/t", "a/t", "c/t"):
        line.cancel(name, 0)
    assert line.enqueue(ticket("a"), "m", None, 0) == Cancelled()


def crowd(line: MatchQueue, count: int) -> None:
    """Let so many wait under no need that the subject `z` does not meet."""
    for number in range(count):
        waiting = Ticket(f"s{number}/t", f"s{number}", f"s{number}", "i", "pod", blocked=["z", *OTHERS])
        line.enqueue(waiting, "m", None, 0)


OTHERS = [f"s{number}" for number in range(2 * SCAN)]


def test_those_who_are_hard_to_match_stand_in_nobody_s_way() -> None:
    line = MatchQueue()
    for number in range(10 * SCAN):
        line.enqueue(ticket(f"s{number}", number=str(number)), "m", None, 0)
    line.enqueue(ticket("z"), "m", None, 0)
    found = line.enqueue(ticket("y"), "m", None, 0)
    assert isinstance(found, Proposal)
    assert {found.a.session_id, found.b.session_id} == {"y", "z"}


def test_of_several_needs_a_ticket_is_kept_under_the_one_that_the_fewest_have() -> None:
    line = MatchQueue()
    for number in range(10 * SCAN):
        line.enqueue(ticket(f"s{number}", lang="de", number=str(number)), "m", None, 0)
    line.enqueue(ticket("z", lang="de"), "m", None, 0)
    found = line.enqueue(Ticket("y/t", "y", "y", "i", "pod", attributes={"lang": "de"}), "m", None, 0)
    assert isinstance(found, Proposal)
    assert found.b.session_id == "z"


def test_a_search_looks_at_a_few_and_the_next_heartbeat_goes_on_where_it_stopped() -> None:
    line = MatchQueue()
    crowd(line, 2 * SCAN)
    late = Ticket("z/t", "z", "z", "i", "pod")
    assert line.enqueue(late, "m", None, 0) == Enqueued(2 * SCAN + 1, 2 * SCAN + 1)
    fitting = Ticket("x/t", "x", "x", "i", "pod", queue_order=2 * SCAN - 1, blocked=OTHERS)
    assert line.enqueue(fitting, "m", None, 0) == Enqueued(2 * SCAN - 1, 2 * SCAN)
    answers = [line.enqueue(late, "m", None, 0) for _ in range(4)]
    assert [type(answer) for answer in answers[:2]] == [Enqueued, Proposal]


def test_a_ticket_that_has_seen_all_does_not_search_again() -> None:
    line = MatchQueue()
    crowd(line, 3)
    late = Ticket("z/t", "z", "z", "i", "pod")
    for _ in range(2):
        assert line.enqueue(late, "m", None, 0) == Enqueued(4, 4)


def test_a_ticket_that_is_not_heard_of_any_more_leaves_the_line_and_a_heartbeat_brings_it_back_to_its_place() -> None:
    line = MatchQueue()
    gone, alive = ticket("a", lang="x"), ticket("b", lang="x")
    for waiting in (gone, alive):
        line.enqueue(waiting, "m", None, 0)
    line.enqueue(alive, "m", None, TICKET_TTL - 1)
    line.enqueue(ticket("c", lang="x"), "m", None, TICKET_TTL)
    assert list(line.tickets) == ["b/t", "c/t"]
    assert line.enqueue(replace(gone, queue_order=1), "m", None, TICKET_TTL) == Enqueued(1, 1)


def test_modes_share_the_lines_that_tickets_without_a_mode_leave_them() -> None:
    assert queue_of("") == 0
    assert {queue_of(f"mode{number}") for number in range(500)} == set(range(1, QUEUES))
    assert queue_of("text") == 10  # all pods of all versions must agree


def test_modes_do_not_meet() -> None:
    line = MatchQueue()
    line.enqueue(Ticket("a/t", "a", "a", "i", "pod", mode="text"), "m", None, 0)
    assert line.enqueue(ticket("b"), "m", None, 0) == Enqueued(2, 1)
    assert isinstance(line.enqueue(Ticket("c/t", "c", "c", "i", "pod", mode="text"), "m", None, 0), Proposal)


def test_what_is_preferred_counts_until_it_is_relaxed() -> None:
    line = MatchQueue()
    choosy = Ticket("a/t", "a", "a", "i", "pod", preferred={"lang": "de"})
    line.enqueue(choosy, "m", None, 0)
    assert line.enqueue(ticket("b"), "m", None, 0) == Enqueued(2, 2)
    assert isinstance(line.enqueue(replace(choosy, relaxed=REQUIRED_ONLY), "m", None, 0), Proposal)


def test_who_met_lately_meets_again_only_if_both_have_waited_long() -> None:
    line = MatchQueue()
    matched(line, ticket("a"), ticket("b"))
    one, other = (Ticket(f"{session_id}/t2", session_id, session_id, "i", "pod") for session_id in ("a", "b"))
    patient, too = (replace(one, relaxed=ANYBODY_AGAIN), replace(other, relaxed=ANYBODY_AGAIN))
    asked = [one, other, patient, other]
    assert [type(line.enqueue(each, "m2", None, 1)) for each in asked] == [Enqueued] * 4
    assert isinstance(line.enqueue(too, "m2", None, 1), Proposal)


def test_a_meeting_is_forgotten_after_a_while_and_beyond_the_bound() -> None:
    for line, now in ((MatchQueue(), RECENT_SECONDS), (MatchQueue(memory_bound=0), 1.0)):
        matched(line, ticket("a"), ticket("b"))
        line.enqueue(Ticket("a/t2", "a", "a", "i", "pod"), "m2", None, now)
        assert isinstance(line.enqueue(Ticket("b/t2", "b", "b", "i", "pod"), "m2", None, now), Proposal)


def test_a_match_that_failed_was_no_meeting() -> None:
    line = MatchQueue()
    proposal = matched(line, ticket("a"), ticket("b"))
    for waiting, answer in ((ticket("a", queue_order=1), Enqueued), (ticket("b", queue_order=2), Proposal)):
        assert isinstance(line.enqueue(waiting, "m2", proposal.match_id, 1), answer)
