"""What a client no longer wants: the store is asked to remove it until it has confirmed that."""

from typing import Final, TypeAlias

from switchboard_signaling.session.records import Cancel, EndMatch

MAX_QUESTIONS: Final = 16
"""Tickets and matches per session. Beyond, the oldest is left to expire: a ticket that nobody refreshes, a match whose
peer finds it empty."""

Cleanup: TypeAlias = tuple[Cancel | EndMatch, ...]
"""The questions that remove something, oldest first. An empty tuple, which most sessions have, takes no memory."""


def added(cleanup: Cleanup, question: Cancel | EndMatch) -> Cleanup:
    """Return the cleanup with one more question, unless it already has one about the same ticket or match."""
    if any(_subject(one) == _subject(question) for one in cleanup):
        return cleanup
    return (*cleanup, question)[-MAX_QUESTIONS:]


def settled(cleanup: Cleanup, question: Cancel | EndMatch) -> Cleanup:
    """Return what remains once the store has answered about a ticket or a match."""
    return tuple(one for one in cleanup if _subject(one) != _subject(question))


def _subject(question: Cancel | EndMatch) -> str:
    return f"match {question.match_id}" if isinstance(question, EndMatch) else question.ticket
