"""Intents, and which of two intents wins."""

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


def test_a_repeated_intent_takes_no_further_memory() -> None:
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
def test_the_newer_intent_wins_and_within_a_revision_the_higher_rank(known: object, said: object, holds: str) -> None:
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
def test_an_intent_supersedes_by_revision_and_then_by_rank(one: Intent, other: Intent, further: bool) -> None:
    assert supersedes(one, other) is further


def test_a_match_ranks_above_the_queue_and_that_above_idle() -> None:
    assert [intent_rank(intent) for intent in (Idle(1), Queued(1, "t"), Matched(1, "m"))] == [0, 1, 2]
