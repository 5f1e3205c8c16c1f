"""What is unwanted is asked for once, until it is settled, and it is bounded."""

from switchboard_signaling.session.cleanup import MOST, Unwanted, added, settled
from switchboard_signaling.session.records import Cancel, EndMatch

TICKET, MATCH = Cancel("s/t", "text"), EndMatch("m", "s", "user")


def test_what_is_unwanted_already_stays_as_it_is() -> None:
    unwanted = added(added((), TICKET), MATCH)
    assert unwanted == (TICKET, MATCH)
    assert added(unwanted, EndMatch("m", "s", "stale", only_forming=True)) == unwanted


def test_an_answer_settles_its_ticket_or_match_and_no_other() -> None:
    assert settled((TICKET, MATCH), Cancel("s/t")) == (MATCH,)
    assert settled((TICKET, MATCH), EndMatch("m", "s", "?")) == (TICKET,)
    assert settled((TICKET,), EndMatch("s/t", "s", "?")) == (TICKET,)


def test_the_oldest_is_forgotten_beyond_the_bound() -> None:
    unwanted: Unwanted = ()
    for number in range(MOST + 2):
        unwanted = added(unwanted, Cancel(f"s/{number}"))
    assert [one.ticket for one in unwanted if isinstance(one, Cancel)] == [f"s/{n}" for n in range(2, MOST + 2)]
