"""Facts that sessions record."""

from collections.abc import Iterator

import pytest
from tests.unit.signaling.world import ClientSocket, World

from switchboard_signaling.session.effects import Effect, Record
from switchboard_signaling.session.events import Fact, MatchEnded, MatchOpened, Welcomed
from switchboard_signaling.wire import messages
from switchboard_signaling.wire.intents import Idle, Matched, Queued


class Noting(World):
    """A world that keeps the recorded facts, by session."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[tuple[str, Fact]] = []

    def perform(self, wire: ClientSocket, effects: "Iterator[Effect] | list[Effect]") -> None:  # type: ignore[override]
        effects = list(effects)
        self.noted += [(wire.session.session_id, one.fact) for one in effects if isinstance(one, Record)]
        super().perform(wire, effects)

    def of(self, kind: type[Fact]) -> list[tuple[str, Fact]]:
        return [(session_id, fact) for session_id, fact in self.noted if isinstance(fact, kind)]


@pytest.fixture
def world() -> Noting:
    return Noting()


def test_a_welcome_records_whether_the_session_was_resumed(world: Noting) -> None:
    wire = world.hello()
    token = wire.take(messages.Welcome).token
    world.resume(token, 2, Idle())
    assert world.noted == [(wire.session.session_id, Welcomed(False)), (wire.session.session_id, Welcomed(True))]
    assert wire.session.subject == wire.session.session_id


def test_both_sides_record_an_open_match_that_they_saw_form(world: Noting) -> None:
    one, two, match_id = world.pair()
    noted = dict(world.of(MatchOpened))
    sides = sorted([one.session.session_id, two.session.session_id])
    assert noted == {
        sides[0]: MatchOpened(match_id, "a", True, sides[1], sides[1]),
        sides[1]: MatchOpened(match_id, "b", True, sides[0], sides[0]),
    }


def test_a_resumed_session_records_an_open_match_as_not_first(world: Noting) -> None:
    one, _, match_id = world.pair()
    token = one.take(messages.Welcome).token
    world.noted.clear()
    world.resume(token, 2, Matched(1, match_id), instance="new")
    [(_, fact)] = world.of(MatchOpened)
    assert isinstance(fact, MatchOpened)
    assert (fact.first, fact.peer_sub) == (False, None)


@pytest.mark.parametrize("opened", [True, False])
def test_both_sides_record_the_end_of_a_match_and_one_as_its_own(world: Noting, opened: bool) -> None:
    one, two, match_id = world.pair(opened=opened)
    if not opened:
        one.name(match_id)
    one.send(messages.Leave(revision=2, match_id=match_id, reason="skip"))
    world.pass_time(3, two)
    over = [
        (session_id, fact.record.outcome, fact.mine)
        for session_id, fact in world.of(MatchEnded)
        if isinstance(fact, MatchEnded)
    ]
    outcome = "ended" if opened else "aborted"
    assert sorted(over) == sorted([(one.session.session_id, outcome, True), (two.session.session_id, outcome, False)])


def test_the_end_of_a_match_without_its_peer_is_the_remaining_sides_own(world: Noting) -> None:
    one, two, _ = world.pair()
    two.drop()
    world.pass_time(80, one)
    [(session_id, fact)] = [
        (session_id, fact) for session_id, fact in world.of(MatchEnded) if isinstance(fact, MatchEnded) and fact.mine
    ]
    assert isinstance(fact, MatchEnded)
    assert (session_id, fact.record.reason) == (one.session.session_id, "peer-lost")


def test_a_match_that_another_socket_was_in_is_over_once(world: Noting) -> None:
    """A page that returns with another intent ends the match in the store without having seen it."""
    one, _, _ = world.pair()
    token = one.take(messages.Welcome).token
    world.noted.clear()
    again = world.resume(token, 2, Queued(5, "t-next"), instance="new")
    over = [fact for session_id, fact in world.of(MatchEnded) if session_id == again.session.session_id]
    assert [fact.mine for fact in over if isinstance(fact, MatchEnded)] == [True]
