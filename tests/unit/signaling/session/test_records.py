"""The records that pods share: every write is a maximum or set once."""

from switchboard_signaling.session.records import (
    EndMatch,
    MatchRecord,
    Predecessor,
    SessionRecord,
    SideRecord,
    TouchMatch,
    TouchSession,
    apply_end,
    apply_session,
    apply_touch,
)
from switchboard_signaling.wire.intents import Idle, Matched, Queued


def touch(socket_number: int, intent: Idle | Queued | Matched, attach: str = "x", pod: str = "pod") -> TouchSession:
    return TouchSession("sid", socket_number, attach, intent, "inst", pod)


def test_the_first_touch_creates_the_record() -> None:
    answer = apply_session(None, touch(1, Idle()))
    assert not answer.stale
    assert answer.record == SessionRecord(1, "x", Idle(), "inst", "pod")


def test_an_older_socket_and_another_with_the_same_number_are_stale() -> None:
    record = SessionRecord(2, "x", Idle(), "inst", "pod")
    for late in (touch(1, Idle(9)), touch(2, Idle(9), attach="y")):
        answer = apply_session(record, late)
        assert (answer.stale, answer.record) == (True, record)
    assert not apply_session(record, touch(2, Idle(9))).stale


def test_a_newer_socket_with_an_older_intent_does_not_revert_it() -> None:
    record = SessionRecord(1, "x", Idle(5), "inst", "pod")
    answer = apply_session(record, touch(2, Queued(4, "t"), attach="y", pod="pod-b"))
    assert answer.record == SessionRecord(2, "y", Idle(5), "inst", "pod-b", Predecessor(Idle(5), "pod"))


def test_the_previous_socket_is_reported_to_every_touch_of_the_new_one() -> None:
    record = SessionRecord(1, "x", Queued(5, "t"), "inst", "pod")
    first = apply_session(record, touch(2, Idle(6), attach="y", pod="pod-b"))
    assert first.record.predecessor == Predecessor(Queued(5, "t"), "pod")
    assert apply_session(first.record, touch(2, Idle(6), attach="y", pod="pod-b")) == first


def side(session_id: str, socket_number: int = 1, version: int = 1, *, named: bool = False) -> SideRecord:
    return SideRecord(session_id, socket_number, version, "inst", "pod", named)


def join(
    session_id: str,
    letter: str | None,
    socket_number: int = 1,
    version: int = 1,
    *,
    named: bool = False,
    proven: bool = False,
) -> TouchMatch:
    return TouchMatch("m", session_id, socket_number, version, "inst", "pod", named, letter, proven)  # type: ignore[arg-type]


def test_a_match_opens_once_both_sides_have_named_it() -> None:
    record = apply_touch(MatchRecord("m"), join("a", "a", named=True))
    assert record.outcome == "forming"
    record = apply_touch(record, join("b", "b"))
    assert record.outcome == "forming"
    record = apply_touch(record, join("b", None, version=2, named=True))
    assert record.outcome == "open"
    assert not record.over


def test_a_side_once_named_stays_named() -> None:
    record = apply_touch(MatchRecord("m", a=side("a", named=True)), join("a", "a", version=2))
    assert record.a == side("a", version=2, named=True)


def test_an_older_touch_decreases_no_counter_but_its_naming_counts() -> None:
    record = apply_touch(
        MatchRecord("m", a=side("a", socket_number=2, version=5)),
        join("a", "a", socket_number=1, version=9, named=True),
    )
    assert record.a == side("a", socket_number=2, version=5, named=True)


def test_a_session_without_a_side_changes_nothing() -> None:
    record = MatchRecord("m", a=side("a"), b=side("b"))
    assert apply_touch(record, join("x", None)) is record
    assert apply_touch(record, join("x", "a")) is record
    assert record.sides("x") is None


def test_each_side_finds_its_own_record_and_the_peers() -> None:
    record = MatchRecord("m", a=side("a"))
    assert record.sides("a") == ("a", side("a"), None)
    record = MatchRecord("m", a=side("a"), b=side("b"))
    assert record.sides("b") == ("b", side("b"), side("a"))


def test_a_proof_restores_an_open_match() -> None:
    assert apply_touch(MatchRecord("m"), join("b", "b", named=True, proven=True)).outcome == "open"
    ended = MatchRecord("m", a=side("a"), outcome="ended")
    assert apply_touch(ended, join("a", "a", named=True, proven=True)).outcome == "ended"


def test_an_end_is_set_once() -> None:
    record = MatchRecord("m", a=side("a"), b=side("b"), outcome="open")
    ended = apply_end(record, EndMatch("m", "a", "user"))
    assert (ended.outcome, ended.by, ended.reason) == ("ended", "a", "user")
    assert ended.over
    assert apply_end(ended, EndMatch("m", "b", "skip")) is ended


def test_a_match_that_never_opened_is_aborted() -> None:
    aborted = apply_end(MatchRecord("m", a=side("a")), EndMatch("m", "a", "stale"))
    assert aborted.outcome == "aborted"
    assert aborted.over


def test_only_forming_leaves_an_open_match_alone() -> None:
    record = MatchRecord("m", a=side("a"), b=side("b"), outcome="open")
    assert apply_end(record, EndMatch("m", "b", "stale", only_forming=True)) is record


def test_a_peer_that_has_moved_is_not_lost() -> None:
    record = MatchRecord("m", a=side("a"), b=side("b", socket_number=1, version=8), outcome="open")
    assert apply_end(record, EndMatch("m", "a", "peer-lost", unseen=(1, 7))) is record
    assert apply_end(record, EndMatch("m", "a", "peer-lost", unseen=(1, 8))).outcome == "ended"
    assert apply_end(MatchRecord("m", a=side("a")), EndMatch("m", "a", "peer-lost", unseen=(1, 8))).over


def test_only_a_session_of_the_match_ends_it_and_a_proven_end_is_recorded() -> None:
    record = MatchRecord("m", a=side("a"), b=side("b"), outcome="open")
    assert apply_end(record, EndMatch("m", "x", "user")) is record
    assert apply_end(MatchRecord("m"), EndMatch("m", "a", "user", side="a")).outcome == "aborted"
