"""What a client wants, and which of two wants holds."""

import pytest

from switchboard_signaling.wire.intents import (
    Idle,
    Intent,
    Matched,
    Queued,
    intent_rank,
    newer_intent,
    reuse_intent,
    supersedes,
)


def test_a_want_that_is_said_again_takes_no_further_memory() -> None:
    def said(revision: int, queue_token: str | None = None, **attributes: str) -> Queued:
        return Queued(revision, "t", attributes, {"a": "b"}, queue_token)

    known = said(1)
    assert reuse_intent(known, said(1)) is known
    placed = reuse_intent(known, said(1, "place"))
    assert isinstance(placed, Queued)
    assert placed == said(1, "place")
    assert placed.required is known.required
    other = said(2, colour="red")
    assert reuse_intent(known, other) is other
    assert reuse_intent(Idle(1), Idle(2)) == Idle(2)


@pytest.mark.parametrize(
    ("known", "said", "holds"),
    [
        (Idle(1), Queued(2, "t"), "said"),
        (Queued(2, "t"), Idle(1), "known"),
        (Queued(2, "t"), Matched(2, "m"), "said"),
        (Matched(2, "m"), Queued(2, "t"), "known"),
        (Queued(2, "t"), Queued(2, "t", queue_token="p"), "said"),
    ],
)
def test_the_newer_want_holds_and_among_equals_the_further(known: object, said: object, holds: str) -> None:
    assert newer_intent(known, said) is (said if holds == "said" else known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "further"),
    [
        (Idle(2), Matched(1, "m"), True),
        (Matched(1, "m"), Idle(2), False),
        (Matched(2, "m"), Queued(2, "t"), True),
        (Queued(2, "t"), Queued(2, "u"), False),
    ],
)
def test_a_want_is_further_by_its_number_and_then_by_how_far_it_has_come(
    one: Intent, other: Intent, further: bool
) -> None:
    assert supersedes(one, other) is further


def test_a_match_is_further_than_a_queue_and_that_than_nothing() -> None:
    assert [intent_rank(intent) for intent in (Idle(1), Queued(1, "t"), Matched(1, "m"))] == [0, 1, 2]
