"""What waiting relaxes, and when the client is notified."""

import pytest

from switchboard_signaling.matching.tickets import ANYBODY_AGAIN, EVERYTHING, REQUIRED_ONLY, Ticket
from switchboard_signaling.session.queue_status import RELAX_ALL_SECONDS, RELAX_SECONDS, QueueWait, relaxations
from switchboard_signaling.wire.intents import Queued
from switchboard_signaling.wire.messages import QueueStatus

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
def test_an_intent_is_relaxed_by_how_long_the_socket_has_known_it(
    preferred: dict[str, str], waited: float, relaxed: int
) -> None:
    assert QueueWait("t", 100).relaxed(Queued(1, "t", preferred=preferred), 100 + waited) == relaxed


@pytest.mark.parametrize(
    ("preferred", "relaxed", "expected"),
    [
        (CHOOSY, EVERYTHING, []),
        (CHOOSY, REQUIRED_ONLY, ["preferred"]),
        (CHOOSY, ANYBODY_AGAIN, ["preferred", "recent"]),
        ({}, ANYBODY_AGAIN, ["recent"]),
    ],
)
def test_only_existing_terms_are_reported_as_relaxed(
    preferred: dict[str, str], relaxed: int, expected: list[str]
) -> None:
    assert relaxations(ticket(relaxed, preferred)) == expected


def test_the_client_is_sent_what_it_does_not_know() -> None:
    wait, intent = QueueWait("t", 0), Queued(1, "t", queue_token="token")
    first = QueueStatus(ticket="t", queue_token="token", position=3)
    assert wait.status(intent, ticket(), 3, "token") == first
    assert wait.status(intent, ticket(), 3, "token") is None
    assert wait.status(intent, ticket(), 2, "token") == QueueStatus(ticket="t", queue_token="token", position=2)
    relaxed = wait.status(intent, ticket(REQUIRED_ONLY), 2, "token")
    assert relaxed == QueueStatus(ticket="t", queue_token="token", position=2, relaxed=["preferred"])


def test_the_token_is_sent_until_the_client_has_it_and_the_status_again_after_a_failed_match() -> None:
    wait = QueueWait("t", 0)
    assert [wait.status(Queued(1, "t"), ticket(), 1, "token") for _ in range(2)] == [
        QueueStatus(ticket="t", queue_token="token", position=1)
    ] * 2
    intent = Queued(2, "t", queue_token="token")
    assert wait.status(intent, ticket(), 1, "token") is None
    wait.interrupt()
    assert wait.status(intent, ticket(), 1, "token") is not None


def test_an_unknown_position_is_omitted() -> None:
    status = QueueWait("t", 0).status(Queued(1, "t"), ticket(), 0, "token")
    assert status == QueueStatus(ticket="t", queue_token="token")
