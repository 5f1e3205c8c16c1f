"""What a wait relaxes, and when a client hears of it."""

import pytest

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, EVERYTHING, REQUIRED_ONLY, Ticket
from switchboard_signaling.session.queue_status import RELAX_ALL_SECONDS, RELAX_SECONDS, Wait, relaxations
from switchboard_signaling.wire.intents import Queued
from switchboard_signaling.wire.messages import InQueue

CHOOSY = {"lang": "de"}


def ticket(relaxed: int = EVERYTHING, preferred: dict[str, str] = CHOOSY) -> Ticket:
    return Ticket("s/t", "s", "s", "i", "pod", preferred=preferred, relaxed=relaxed)


@pytest.mark.parametrize(
    ("preferred", "waited", "relaxed"),
    [
        (CHOOSY, RELAX_SECONDS - 1, EVERYTHING),
        (CHOOSY, RELAX_SECONDS, REQUIRED_ONLY),
        ({}, RELAX_SECONDS, EVERYTHING),
        (CHOOSY, RELAX_ALL_SECONDS, ANYBODY_AGAIN),
        ({}, RELAX_ALL_SECONDS, ANYBODY_AGAIN),
    ],
)
def test_a_want_is_relaxed_by_how_long_the_socket_has_known_it(
    preferred: dict[str, str], waited: float, relaxed: int
) -> None:
    assert Wait("t", 100).relaxed(Queued(1, "t", preferred=preferred), 100 + waited) == relaxed


@pytest.mark.parametrize(
    ("preferred", "relaxed", "said"),
    [
        (CHOOSY, EVERYTHING, []),
        (CHOOSY, REQUIRED_ONLY, ["preferred"]),
        (CHOOSY, ANYBODY_AGAIN, ["preferred", "recent"]),
        ({}, ANYBODY_AGAIN, ["recent"]),
    ],
)
def test_only_what_there_is_to_relax_is_said(preferred: dict[str, str], relaxed: int, said: list[str]) -> None:
    assert relaxations(ticket(relaxed, preferred)) == said


def test_the_client_is_told_what_it_does_not_know() -> None:
    wait, want = Wait("t", 0), Queued(1, "t", place="place")
    first = InQueue(ticket="t", place="place", position=3)
    assert wait.news(want, ticket(), 3, "place") == first
    assert wait.news(want, ticket(), 3, "place") is None
    assert wait.news(want, ticket(), 2, "place") == InQueue(ticket="t", place="place", position=2)
    relaxed = wait.news(want, ticket(REQUIRED_ONLY), 2, "place")
    assert relaxed == InQueue(ticket="t", place="place", position=2, relaxed=["preferred"])


def test_a_client_is_told_its_place_until_it_knows_it_and_all_anew_after_a_match_that_failed() -> None:
    wait = Wait("t", 0)
    assert [wait.news(Queued(1, "t"), ticket(), 1, "place") for _ in range(2)] == [
        InQueue(ticket="t", place="place", position=1)
    ] * 2
    want = Queued(2, "t", place="place")
    assert wait.news(want, ticket(), 1, "place") is None
    wait.interrupt()
    assert wait.news(want, ticket(), 1, "place") is not None


def test_a_position_that_is_not_known_is_left_out() -> None:
    told = Wait("t", 0).news(Queued(1, "t"), ticket(), 0, "place")
    assert told == InQueue(ticket="t", place="place")
