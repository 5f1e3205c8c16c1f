"""What a client wants, and which of two wants holds."""

import pytest

from switchboard_signaling.wire.intents import (
    Idle,
    Matched,
    Queued,
    Want,
    further_want,
    newer_want,
    same_want,
    want_rank,
)


def test_a_want_that_is_said_again_takes_no_further_memory() -> None:
    def said(c: int, place: str | None = None, **attributes: str) -> Queued:
        return Queued(c, "t", attributes, {"a": "b"}, place)

    known = said(1)
    assert same_want(known, said(1)) is known
    placed = same_want(known, said(1, "place"))
    assert isinstance(placed, Queued)
    assert placed == said(1, "place")
    assert placed.required is known.required
    other = said(2, colour="red")
    assert same_want(known, other) is other
    assert same_want(Idle(1), Idle(2)) == Idle(2)


@pytest.mark.parametrize(
    ("known", "said", "holds"),
    [
        (Idle(1), Queued(2, "t"), "said"),
        (Queued(2, "t"), Idle(1), "known"),
        (Queued(2, "t"), Matched(2, "m"), "said"),
        (Matched(2, "m"), Queued(2, "t"), "known"),
        (Queued(2, "t"), Queued(2, "t", place="p"), "said"),
    ],
)
def test_the_newer_want_holds_and_among_equals_the_further(known: object, said: object, holds: str) -> None:
    assert newer_want(known, said) is (said if holds == "said" else known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "further"),
    [
        (Idle(2), Matched(1, "m"), True),
        (Matched(1, "m"), Idle(2), False),
        (Matched(2, "m"), Queued(2, "t"), True),
        (Queued(2, "t"), Queued(2, "u"), False),
    ],
)
def test_a_want_is_further_by_its_number_and_then_by_how_far_it_has_come(one: Want, other: Want, further: bool) -> None:
    assert further_want(one, other) is further


def test_a_match_is_further_than_a_queue_and_that_than_nothing() -> None:
    assert [want_rank(want) for want in (Idle(1), Queued(1, "t"), Matched(1, "m"))] == [0, 1, 2]
