"""Bugs to plant in the cores, each of which the simulation must find."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulation import pages

from switchboard_signaling.client import lanes
from switchboard_signaling.client.core import ClientSession
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Ask
from switchboard_signaling.session.intent import Pursuit
from switchboard_signaling.session.presence import PeerSightings
from switchboard_signaling.session.records import Announced
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.wire.messages import Ack

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


@bug(ClientSession, "_adopt")
def a_snapshot_overrides_a_newer_want(right: Any, client: Any, want: Any) -> Any:
    client.want = replace(client.want, c=min(client.want.c, max(want.c - 1, 0)))
    return right(client, want)


@bug(Session, "tick")
def the_memory_of_a_pod_writes(right: Any, session: Any, now: float) -> Any:
    return right(session, now) + ([Ask(session.pursuit.touch())] if session.attached else [])


# Matches


@bug(Pursuit, "_over")
def an_end_is_told_for_ever(right: Any, pursuit: Any, match: Any, record: Any, now: float) -> Any:
    return [*right(pursuit, match, record, now), *pursuit.keep_match(now)]


@bug(PeerSightings, "failed")
def presence_by_the_clock(_right: Any, _observation: Any) -> None:
    """Count the time in which nothing could be read, as stored times would."""


@bug(ClientSession, "_match_found")
def a_match_is_shown_while_forming(right: Any, client: Any, frame: Any, now: float) -> Any:
    return right(client, replace(frame, state="open"), now)


@bug(Pursuit, "proposed")
def a_pod_removes_the_proposal_of_another(right: Any, session: Any, proposal: Any, now: float) -> Any:
    _, other = proposal.from_side(proposal.side_of(session.sid))
    return [*right(session, proposal, now), Ask(Announced(other.ticket, other.pod))]


# The scripts


def script(name: str, lua: str, right: str, wrong: str) -> None:
    """Let a script of the store say `wrong` where it says `right`."""
    read = Script.__init__

    def misread(self: Script, of: str) -> None:
        read(self, of)
        if of == lua:
            assert right in self.text, f"{lua}.lua does not say {right!r} any more"
            self.text = self.text.replace(right, wrong)

    BUGS[name] = lambda patch: patch.setattr(Script, "__init__", misread)


script("a_stale_socket_wins", "touch_session", "tonumber(n) < known or", "")
script("socket_numbers_are_compared_as_text", "touch_session", "tonumber(n) < known or", "n < known_n or")
script(
    "the_reply_is_in_another_order", "touch_session", "'left.want', 'left.pod')\nend", "'left.pod', 'left.want')\nend"
)
script("one_name_opens_a_match", "touch_match", "a_named == '1' and b_named", "a_named == '1' or b_named")
script("the_outcome_is_set_twice", "end_match", "outcome and not open", "false")
script(
    "requeued_at_the_tail",
    "enqueue",
    "  redis.call('HDEL', fates, name)\nend",
    "  redis.call('HDEL', fates, name)\n  seq = 0\nend",
)
script("no_tombstone", "cancel", "redis.call('HSET', fates, name, '')", "")
script("no_look_at_the_tombstone", "enqueue", "fate == ''", "fate == 'cancelled'")


# The shell


def who_missed_the_hello_stops(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages, "NEVER", pages.NEVER | {4401})


BUGS["who_missed_the_hello_stops"] = who_missed_the_hello_stops

FIRST = {
    "no_tombstone": 117,
    "no_look_at_the_tombstone": 117,
    "who_missed_the_hello_stops": 306,
}
"""Where to look first for bugs that few schedules show: it saves time, and is no more than a hint."""
