"""Events waiting for delivery."""

import pytest

from switchboard_signaling.analytics import outbox
from switchboard_signaling.analytics.outbox import DONE_SECONDS, Event, Outbox


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


def test_an_event_is_leased_and_available_again_afterwards() -> None:
    box = Outbox()
    assert box.put(Event("one", "{}"), 0)
    assert box.put(Event("two", "{}"), 1)
    assert box.take(30, 1, 1) == [Event("one", "{}", 1)]
    assert ids(box.take(30, 5, 1)) == ["two"]
    assert box.take(30, 5, 30) == []
    assert box.take(30, 5, 31) == [Event("one", "{}", 2), Event("two", "{}", 2)]


def test_a_delivered_event_is_not_taken_again_nor_put_again_for_a_while() -> None:
    box = Outbox()
    box.put(Event("one", "{}"), 0)
    assert box.put(Event("one", "other"), 0)
    assert [event.body for event in box.take(30, 5, 0)] == ["{}"]
    box.settle("one", None, 1)
    assert box.put(Event("one", "{}"), 2)
    assert box.take(30, 5, 100) == []
    assert box.put(Event("one", "{}"), 2 + DONE_SECONDS)
    assert ids(box.take(30, 5, 2 + DONE_SECONDS)) == ["one"]


def test_a_failed_event_waits_before_its_next_attempt() -> None:
    box = Outbox()
    box.put(Event("one", "{}"), 0)
    box.take(30, 5, 0)
    box.settle("one", 5, 1)
    box.settle("unknown", 5, 1)
    assert box.take(30, 5, 5) == []
    assert box.take(30, 5, 6) == [Event("one", "{}", 2)]


def test_ids_of_delivered_events_are_forgotten_eventually() -> None:
    box = Outbox()
    for number in range(3):
        box.settle(str(number), None, number * DONE_SECONDS)
    assert list(box._done) == ["2"]


def test_the_number_of_events_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_EVENTS", 1)
    box = Outbox()
    assert box.put(Event("one", "{}"), 0)
    assert not box.put(Event("two", "{}"), 0)
    assert box.put(Event("one", "{}"), 0)
