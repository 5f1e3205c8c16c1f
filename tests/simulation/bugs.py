"""Bugs to plant in the cores, each of which the simulation must find."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulation import pages

from switchboard_signaling.matching.line import Line
from switchboard_signaling.protocol import lanes, store
from switchboard_signaling.protocol.client import ClientSession
from switchboard_signaling.protocol.effects import Ask
from switchboard_signaling.protocol.messages import Ack
from switchboard_signaling.protocol.presence import Observation
from switchboard_signaling.protocol.session import Session
from switchboard_signaling.protocol.store import Announced

Plant = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, Plant] = {}


def bug(place: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function stand in for `place.name`; it gets what it replaces as its first argument."""
    right = getattr(place, name)

    def keep(wrong: Callable[..., Any]) -> Callable[..., Any]:
        planted = lambda *given: wrong(right, *given)  # noqa: E731 - becomes a method
        BUGS[wrong.__name__] = lambda patch: patch.setattr(place, name, planted)
        return wrong

    return keep


# Lanes


@bug(ClientSession, "_hear")
def lane_without_to(right: Any, client: Any, frame: Any, now: float) -> Any:
    return right(client, frame if isinstance(frame, Ack) else replace(frame, to=client.inst), now)


@bug(ClientSession, "_hear")
def no_second_acknowledgement(right: Any, client: Any, frame: Any, now: float) -> Any:
    known = client._match and not isinstance(frame, Ack) and frame.k <= client._match.receiving._shown
    return [] if known else right(client, frame, now)


@bug(lanes.ReceiveLane, "receive")
def duplicates_are_shown(right: Any, lane: Any, frame: Any) -> Any:
    again = [frame] if frame.k <= lane._shown else []
    ready, ack = right(lane, frame)
    return again + ready, ack


@bug(lanes.SendLane, "restart")
def the_whole_window_is_repeated(_right: Any, lane: Any, now: float) -> Any:
    lane._under_way, lane._allowed = 0, lanes.WINDOW
    return lane.flush(now)


# Sessions and wants


@bug(store, "apply_session")
def a_stale_socket_wins(right: Any, record: Any, touch: Any) -> Any:
    return right(record and replace(record, n=min(record.n, touch.n), attach=touch.attach), touch)


@bug(ClientSession, "_adopt")
def a_snapshot_overrides_a_newer_want(right: Any, client: Any, want: Any) -> Any:
    client.want = replace(client.want, c=min(client.want.c, max(want.c - 1, 0)))
    return right(client, want)


@bug(Session, "tick")
def the_memory_of_a_pod_writes(right: Any, session: Any, now: float) -> Any:
    return right(session, now) + ([Ask(session._touch())] if session.attached else [])


# Matches


@bug(Observation, "failed")
def presence_by_the_clock(_right: Any, _observation: Any) -> None:
    """Count the time in which nothing could be read, as stored times would."""


@bug(store, "apply_end")
def the_outcome_is_set_twice(right: Any, record: Any, end: Any) -> Any:
    undone = {"aborted": "forming", "ended": "open"}.get(record.outcome, record.outcome)
    return right(replace(record, outcome=undone), end)


@bug(ClientSession, "_match_found")
def a_match_is_shown_while_forming(right: Any, client: Any, frame: Any, now: float) -> Any:
    return right(client, replace(frame, state="open"), now)


# The line


@bug(Session, "proposed")
def a_pod_removes_the_proposal_of_another(right: Any, session: Any, proposal: Any, now: float) -> Any:
    _, other = proposal.from_side(proposal.side_of(session.sid))
    return [*right(session, proposal, now), Ask(Announced(other.ticket, other.pod))]


@bug(Line, "enqueue")
def requeued_at_the_tail(right: Any, line: Any, ticket: Any, m: str, dead: str | None, now: float) -> Any:
    again = ticket.ticket in line.matched and line.matched[ticket.ticket].m == dead
    return right(line, replace(ticket, seq=0) if again else ticket, m, dead, now)


@bug(Line, "cancel")
def no_tombstone(right: Any, line: Any, ticket: str, now: float) -> Any:
    reply = right(line, ticket, now)
    line.cancelled.discard(ticket)
    return reply


# The shell


def who_missed_the_hello_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages, "NEVER", pages.NEVER | {4401})


BUGS["who_missed_the_hello_stops"] = who_missed_the_hello_stops

SEEDS = {
    "lane_without_to": 7814,
    "no_second_acknowledgement": 32,
    "duplicates_are_shown": 24,
    "the_whole_window_is_repeated": 12,
    "a_stale_socket_wins": 9,
    "a_snapshot_overrides_a_newer_want": 0,
    "the_memory_of_a_pod_writes": 0,
    "presence_by_the_clock": 792,
    "the_outcome_is_set_twice": 1,
    "a_match_is_shown_while_forming": 0,
    "a_pod_removes_the_proposal_of_another": 0,
    "requeued_at_the_tail": 1,
    "no_tombstone": 5491,
    "who_missed_the_hello_stops": 185,
}
"""The first schedule that was found to show each; most show up within a few dozen."""
