"""Replies of the store's scripts as records."""

import msgspec
from msgspec.structs import replace

from switchboard_signaling.broker.records import match_record, proposal, session_record, waits
from switchboard_signaling.matching.queue import Enqueued
from switchboard_signaling.matching.tickets import Ticket
from switchboard_signaling.session.records import MatchRecord, Predecessor, SessionRecord, SideRecord
from switchboard_signaling.wire.intents import Idle, Queued

BIG = 2**53 - 1


def test_a_session_keeps_its_counters_exactly() -> None:
    fields = [str(BIG), "x", f'{{"state":"queued","revision":{BIG},"ticket":"t"}}', "inst", "pod"]
    record = SessionRecord(BIG, "x", Queued(BIG, "t"), "inst", "pod")
    assert session_record([*fields, None, None]) == record
    left = replace(record, predecessor=Predecessor(Idle(1), "pod-b"))
    assert session_record([*fields, '{"state":"idle","revision":1}', "pod-b"]) == left
    assert session_record([None] * 7) is None


def test_a_match_is_read_from_pairs_and_from_a_mapping() -> None:
    fields = {"a.session": "s", "a.socket": "1", "a.version": "2", "a.instance": "i", "a.pod": "p", "a.named": "1"}
    record = MatchRecord("m", a=SideRecord("s", 1, 2, "i", "p", named=True))
    assert match_record("m", fields) == record
    assert match_record("m", [part for pair in fields.items() for part in pair]) == record
    ended = match_record("m", {"outcome": "ended", "by": "b", "reason": "user"})
    assert (ended.outcome, ended.by, ended.reason) == ("ended", "b", "user")
    assert match_record("m", []) == MatchRecord("m")


def test_a_proposal_has_its_sides_by_session_id() -> None:
    one, other = Ticket("b/t", "b", "b", "i", "p"), Ticket("a/t", "a", "a", "i", "p")
    texts = [msgspec.json.encode(ticket).decode() for ticket in (one, other)]
    found = proposal(msgspec.json.encode(["m", texts[0], "2", texts[1], "1"]).decode())
    assert (found.match_id, found.a.session_id, found.a.queue_order, found.b.session_id, found.b.queue_order) == (
        "m",
        "a",
        1,
        "b",
        2,
    )


def test_a_waiting_ticket_has_its_queue_order_and_position() -> None:
    assert waits("7", 3) == Enqueued(7, 3)
