"""The cleanup has each question once until it is settled, and is bounded."""

from switchboard_signaling.session.cleanup import MAX_QUESTIONS, Cleanup, added, settled
from switchboard_signaling.session.records import Cancel, EndMatch

TICKET, MATCH = Cancel("s/t", "text"), EndMatch("m", "s", "user")


def test_a_question_is_added_once() -> None:
    cleanup = added(added((), TICKET), MATCH)
    assert cleanup == (TICKET, MATCH)
    assert added(cleanup, EndMatch("m", "s", "stale", only_forming=True)) == cleanup


def test_an_answer_settles_its_ticket_or_match_and_no_other() -> None:
    assert settled((TICKET, MATCH), Cancel("s/t")) == (MATCH,)
    assert settled((TICKET, MATCH), EndMatch("m", "s", "?")) == (TICKET,)
    assert settled((TICKET,), EndMatch("s/t", "s", "?")) == (TICKET,)


def test_the_oldest_is_forgotten_beyond_the_bound() -> None:
    cleanup: Cleanup = ()
    for number in range(MAX_QUESTIONS + 2):
        cleanup = added(cleanup, Cancel(f"s/{number}"))
    assert [one.ticket for one in cleanup if isinstance(one, Cancel)] == [
        f"s/{socket_number}" for socket_number in range(2, MAX_QUESTIONS + 2)
    ]
