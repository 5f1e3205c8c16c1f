"""The broker of a single pod."""

from msgspec.structs import replace

from switchboard_signaling.broker.memory import RECORD_SECONDS, MemoryBroker
from switchboard_signaling.matching.tickets import Proposal, Ticket
from switchboard_signaling.session.hints import Proposed
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    ReadMatch,
    SessionAnswer,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.wire.intents import Idle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_records_are_kept_until_untouched_for_long() -> None:
    clock = Clock()
    broker = MemoryBroker("pod", clock)
    first = TouchSession("old", 1, "x", Idle(), "i", "pod")
    await broker.ask(first)
    clock.now = RECORD_SECONDS
    again = await broker.ask(TouchSession("old", 2, "y", Idle(), "i", "pod"))
    assert isinstance(again, SessionAnswer)
    assert again.record.predecessor is not None
    clock.now = 2 * RECORD_SECONDS + 1
    await broker.ask(TouchSession("new", 1, "x", Idle(), "i", "pod"))
    forgotten = await broker.ask(first)
    assert isinstance(forgotten, SessionAnswer)
    assert forgotten.record.socket_number == 1


async def test_the_number_of_records_is_bounded_and_the_least_recently_touched_go_first() -> None:
    broker = MemoryBroker("pod", Clock(), records=2)
    touches = {
        session_id: TouchSession(session_id, 1, "x", Idle(), "i", "pod") for session_id in ("live", "gone", "new")
    }
    for session_id in ("live", "gone", "live", "new"):
        await broker.ask(touches[session_id])
    for session_id, known in (("live", True), ("new", True), ("gone", False)):
        answer = await broker.ask(replace(touches[session_id], socket_number=2, attach="y"))
        assert isinstance(answer, SessionAnswer)
        assert (answer.record.predecessor is not None) is known


async def test_two_tickets_are_proposed_to_the_pod_until_announced() -> None:
    broker = MemoryBroker("pod", Clock())
    tickets = [Ticket(f"{session_id}/t", session_id, session_id, "i", "pod") for session_id in "ab"]
    await broker.ask(Enqueue(tickets[0], "m"))
    proposal = await broker.ask(Enqueue(tickets[1], "m"))
    assert isinstance(proposal, Proposal)
    assert await broker.proposals() == [proposal]
    assert await broker.ask(Cancel("a/t")) == proposal
    for ticket in tickets:
        await broker.ask(Announced(ticket.ticket, "pod"))
    assert await broker.proposals() == []


async def test_matches_are_touched_read_and_ended_and_reading_leaves_no_trace() -> None:
    broker = MemoryBroker("pod", Clock())
    assert await broker.ask(ReadMatch("m")) == MatchRecord("m")
    touched = await broker.ask(TouchMatch("m", "a", 1, 1, "i", "pod", named=True, side="a"))
    assert await broker.ask(ReadMatch("m")) == touched
    ended = await broker.ask(EndMatch("m", "a", "user"))
    assert isinstance(ended, MatchRecord)
    assert ended.outcome == "aborted"


async def test_it_needs_no_start_and_drops_hints_for_other_pods() -> None:
    broker = MemoryBroker("pod", Clock())
    await broker.start(lambda _hint: None)
    broker.send_hint("earlier run", Proposed())
    await broker.close()
    assert not broker.durable
    assert not broker.deaf
