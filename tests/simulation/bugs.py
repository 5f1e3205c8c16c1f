"""Bugs to plant in the cores, each of which the simulation must find."""

from collections.abc import Callable
from importlib.resources.abc import Traversable
from typing import Any

import pytest
from msgspec.structs import replace
from tests.simulation import pages

from switchboard_signaling.client import lanes
from switchboard_signaling.client.core import ClientSession
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.effects import Ask
from switchboard_signaling.session.intent import IntentReconciler
from switchboard_signaling.session.presence import PeerSightings
from switchboard_signaling.session.records import Announced
from switchboard_signaling.valkey.scripts import Script
from switchboard_signaling.wire import errors
from switchboard_signaling.wire.intents import Idle
from switchboard_signaling.wire.messages import Ack

Plant = Callable[[pytest.MonkeyPatch], None]
BUGS: dict[str, Plant] = {}


def bug(queue_token: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Replace `place.name` by a function that gets the original as its first argument."""
    right = getattr(queue_token, name)

    def keep(wrong: Callable[..., Any]) -> Callable[..., Any]:
        planted = lambda *given: wrong(right, *given)  # noqa: E731 - becomes a method
        BUGS[wrong.__name__] = lambda patch: patch.setattr(queue_token, name, planted)
        return wrong

    return keep


# Lanes


@bug(ClientSession, "_receive_from_peer")
def lane_without_to(right: Any, client: Any, frame: Any, now: float) -> Any:
    return right(client, frame if isinstance(frame, Ack) else replace(frame, to=client.instance), now)


@bug(ClientSession, "_receive_from_peer")
def no_second_acknowledgement(right: Any, client: Any, frame: Any, now: float) -> Any:
    known = client._match and not isinstance(frame, Ack) and frame.seq <= client._match.receiving._delivered
    return [] if known else right(client, frame, now)


@bug(lanes.ReceiveLane, "receive")
def duplicates_are_delivered(right: Any, lane: Any, frame: Any, now: float) -> Any:
    again = [frame] if frame.seq <= lane._delivered else []
    return again + right(lane, frame, now)


@bug(lanes.SendLane, "obsoletes")
def obsolete_frames_are_delivered(_right: Any, _lane: Any, _frame: Any) -> bool:
    return False


@bug(lanes.SendLane, "restart")
def the_whole_window_is_repeated(_right: Any, lane: Any, now: float) -> Any:
    lane._in_flight, lane._allowed = 0, lanes.WINDOW
    return lane.flush(now)


# Sessions and intents


@bug(ClientSession, "_adopt")
def a_snapshot_overrides_a_newer_intent(right: Any, client: Any, intent: Any) -> Any:
    client.intent = replace(client.intent, revision=min(client.intent.revision, max(intent.revision - 1, 0)))
    return right(client, intent)


@bug(Session, "tick")
def the_memory_of_a_pod_writes(right: Any, session: Any, now: float) -> Any:
    return right(session, now) + ([Ask(session.reconciler.touch())] if session.attached else [])


@bug(Session, "tick")
def a_promised_heartbeat_is_forgotten(right: Any, session: Any, now: float) -> Any:
    if isinstance(session.intent, Idle) and session.attached:
        session._heartbeat_at = max(session._heartbeat_at, session._received_at + session._heartbeat_ms / 1000)
    return right(session, now)


# Matches


@bug(IntentReconciler, "_over")
def an_end_is_reported_forever(right: Any, reconciler: Any, match: Any, record: Any, now: float) -> Any:
    return [*right(reconciler, match, record, now), *reconciler.keep_match(now)]


@bug(PeerSightings, "failed")
def presence_by_the_clock(_right: Any, _observation: Any) -> None:
    """Count the time in which nothing could be read, as stored times would."""


@bug(ClientSession, "_match_found")
def a_match_is_reported_while_forming(right: Any, client: Any, frame: Any, now: float) -> Any:
    return right(client, replace(frame, state="open"), now)


@bug(IntentReconciler, "proposed")
def a_pod_removes_the_proposal_of_another(right: Any, session: Any, proposal: Any, now: float) -> Any:
    _, other = proposal.from_side(proposal.side_of(session.session_id))
    return [*right(session, proposal, now), Ask(Announced(other.ticket, other.pod))]


# The scripts


def script(name: str, lua: str, right: str, wrong: str) -> None:
    """Plant a bug in a script of the store: replace `right` by `wrong`."""
    read = Script.__init__

    def misread(self: Script, folder: Traversable, of: str) -> None:
        read(self, folder, of)
        if of == lua:
            assert right in self.text, f"{lua}.lua no longer has {right!r}"
            self.text = self.text.replace(right, wrong)

    BUGS[name] = lambda patch: patch.setattr(Script, "__init__", misread)


script("a_stale_socket_wins", "touch_session", "tonumber(socket) < known or", "")
script(
    "socket_numbers_are_compared_as_text", "touch_session", "tonumber(socket) < known or", "socket < known_socket or"
)
script(
    "the_reply_is_in_another_order",
    "touch_session",
    "'previous.intent', 'previous.pod')\nend",
    "'previous.pod', 'previous.intent')\nend",
)
script("one_name_opens_a_match", "touch_match", "a_named == '1' and b_named", "a_named == '1' or b_named")
script("the_outcome_is_set_twice", "end_match", "outcome and not open", "false")
script(
    "requeued_at_the_tail",
    "enqueue",
    "  redis.call('HDEL', outcomes, name)\nend",
    "  redis.call('HDEL', outcomes, name)\n  queue_order = 0\nend",
)
script("no_tombstone", "cancel", "redis.call('HSET', outcomes, name, '')", "")
script("no_look_at_the_tombstone", "enqueue", "outcome == ''", "outcome == 'cancelled'")


# The shell


def a_missed_hello_stops_the_client(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(pages, "NEVER", pages.NEVER | {errors.CLOSE_NO_HELLO.code})


BUGS["a_missed_hello_stops_the_client"] = a_missed_hello_stops_the_client

FIRST = {
    "no_tombstone": 117,
    "no_look_at_the_tombstone": 117,
    "a_missed_hello_stops_the_client": 306,
}
"""Schedules to try first for bugs that few schedules reveal; only a hint that saves time."""
