"""What a client does not want any more: asked for until the store has confirmed that it is gone."""

from typing import Final, TypeAlias

from switchboard_signaling.session.records import Cancel, EndMatch

MOST: Final = 16
"""Tickets and matches of one session. With each further one the oldest is left to time, which takes it out as well: a
ticket of which nobody speaks, a match that its partner finds empty."""

Unwanted: TypeAlias = tuple[Cancel | EndMatch, ...]
"""The questions that give something up, the oldest first. Most sessions have none, and that costs nothing."""


def added(unwanted: Unwanted, question: Cancel | EndMatch) -> Unwanted:
    """Return what is unwanted with one more; what is among it already stays as it is."""
    if any(_subject(one) == _subject(question) for one in unwanted):
        return unwanted
    return (*unwanted, question)[-MOST:]


def settled(unwanted: Unwanted, question: Cancel | EndMatch) -> Unwanted:
    """Return what is left once the store has answered about a ticket or a match."""
    return tuple(one for one in unwanted if _subject(one) != _subject(question))


def _subject(question: Cancel | EndMatch) -> str:
    return f"match {question.m}" if isinstance(question, EndMatch) else question.ticket
