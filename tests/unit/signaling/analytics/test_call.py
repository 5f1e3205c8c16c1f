"""The record and the counts of one side of a call."""

import pytest
from msgspec import convert, to_builtins
from msgspec.structs import fields

from switchboard_signaling.analytics.call import Call, CallRecord, known
from switchboard_signaling.analytics.totals import Counts
from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import ConnectionState, Stats


@pytest.fixture
def call() -> Call:
    return Call("m", "a", 100.0, whole=True)


def state(what: str, setup_ms: float | None = None, **more: str) -> ConnectionState:
    return ConnectionState(match_id="m", state=what, setup_ms=setup_ms, **more)  # type: ignore[arg-type]


def test_a_connection_counts_once_with_its_path_and_setup_time(call: Call) -> None:
    assert call.connection_changed(state("connected", 420.0, path="relay")) == "connected"
    assert call.connection_changed(state("connected", 420.0, path="relay")) is None
    assert call.counts == {"connected": 1, "relay": 1, "setup_ms/500": 1}
    assert (call.verdict, call.setup_ms, call.path) == ("connected", 420.0, "relay")


def test_an_unreported_path_is_unknown(call: Call) -> None:
    call.connection_changed(state("connected"))
    assert call.counts == {"connected": 1, "unknown-path": 1, "setup_ms/50": 1}


def test_a_failure_before_the_first_connection_differs_from_one_after_it(call: Call) -> None:
    other = Call("m", "b", 100.0, whole=True)
    assert call.connection_changed(state("failed", reason="ice-failed")) == "failed"
    assert call.connection_changed(state("connected", 1.0)) is None
    other.connection_changed(state("connected", 9.0, path="direct"))
    assert other.connection_changed(state("failed", 9.0, reason="my own words")) == "dropped"
    assert other.connection_changed(state("closed", 9.0)) is None
    assert call.counts == {"failed": 1, "failed.ice-failed": 1}
    assert other.counts["dropped.other"] == 1
    assert (call.reason, other.reason) == ("ice-failed", "other")
    assert known(None) == "other"


def test_a_failure_after_an_instant_connection_is_a_drop(call: Call) -> None:
    call.connection_changed(state("connected", 0.0))
    assert call.connection_changed(state("failed", 0.0, reason="media-lost")) == "dropped"


def test_reports_determine_the_score_and_the_distributions(call: Call) -> None:
    call.report(Stats(match_id="m", path="direct", rtt_ms=80.0, jitter_ms=0.0, loss=0.0, freezes=2))
    call.report(Stats(match_id="m", loss=0.05))
    call.report(Stats(match_id="m"))
    assert (call.reports, call.freezes, call.path, call.worst) == (3, 2, "direct", 50)
    assert call.score == pytest.approx(99 + (50 - 99) * 0.8)
    assert call.counts == {
        "freezes": 2, "score/100": 1, "score/50": 1, "rtt_ms/100": 1, "jitter_ms/1": 1, "loss/0.0": 1, "loss/0.05": 1,
    }  # fmt: skip


def test_the_record_omits_what_is_unknown(call: Call) -> None:
    assert call.fields("sid", "", "pod") == {"session": "sid", "pod": "pod"}
    call.connection_changed(state("connected", 420.04, path="direct"))
    call.report(Stats(match_id="m", rtt_ms=81.0, freezes=1))
    assert call.fields("sid", "eu", "pod") == {
        "session": "sid", "region": "eu", "pod": "pod", "verdict": "connected", "setupMs": 420.0, "path": "direct",
        "score": 99.0, "worstScore": 99.0, "reports": 1, "freezes": 1,
    }  # fmt: skip


def test_the_end_is_recorded_and_its_length_counted(call: Call) -> None:
    ended = call.ended(MatchRecord("m", outcome="ended", by="a", reason="skip"), 142.04)
    assert ended == {"seconds": 42.0, "outcome": "ended", "reason": "skip"}
    assert call.counts == Counts({"call_seconds/60": 1})
    assert call.ended(MatchRecord("m", outcome="aborted"), 100.0)["reason"] == ""


def test_the_record_has_all_fields_of_a_side(call: Call) -> None:
    call.connection_changed(state("connected", 420.0, path="direct"))
    call.connection_changed(state("failed", 420.0, reason="media-lost"))
    call.report(Stats(match_id="m", rtt_ms=81.0, freezes=1))
    left = {**call.fields("sid", "eu", "pod"), **call.ended(MatchRecord("m", outcome="ended", reason="skip"), 142.0)}
    assert to_builtins(convert(left, CallRecord)) == left
    assert set(left) == {field.encode_name for field in fields(CallRecord)}
