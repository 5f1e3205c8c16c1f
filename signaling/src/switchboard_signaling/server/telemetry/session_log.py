"""One log line per session and per match, and their numbers for Prometheus and for the pool's totals.

A session's line is written when it leaves the pod; a match's line is written by the pod whose session ended it. They
contain ids only.
"""

import time
from dataclasses import dataclass
from typing import Literal

import structlog

from switchboard_signaling.analytics.call import Call, Fields
from switchboard_signaling.analytics.totals import Counts
from switchboard_signaling.server.telemetry.call_metrics import CallMetrics
from switchboard_signaling.server.telemetry.stats_flusher import StatsFlusher
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact, MatchEnded, MatchOpened, Welcomed
from switchboard_signaling.wire.messages import ConnectionState, Stats

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Stay:
    """A session's time on this pod."""

    session: Session | None
    """The newest socket's, while it is open: a session that waits to be resumed should not keep it in memory."""
    since: float
    resumed: bool
    sockets: int = 0
    frames: int = 0
    matches: int = 0
    code: int | None = None
    call: Call | None = None


class SessionLog:
    """Logs and counts sessions and matches; a SessionListener of the hub."""

    def __init__(self, region: str, pod: str, call_metrics: CallMetrics, stats: StatsFlusher) -> None:
        self._region, self._pod = region, pod
        self._metrics = call_metrics
        self._stats = stats
        self._stays: dict[str, _Stay] = {}

    def record(self, session: Session, fact: Fact) -> None:
        """Receive a fact about a session."""
        if isinstance(fact, Welcomed):
            self._welcomed(session, fact)
            return
        stay = self._stays.get(session.session_id)
        if stay is None:
            return
        match fact:
            case MatchOpened():
                self._opened(stay, fact)
            case MatchEnded():
                self._match_ended(session.session_id, stay, fact)
            case Stats() | ConnectionState():
                self._reported(session.session_id, stay, fact)

    def closed(self, session: Session, code: int | None) -> None:
        """Add the socket's frames to its session."""
        stay = self._stays.get(session.session_id)
        if stay is not None:
            stay.frames += session.frames
            if stay.session is session:
                stay.session, stay.code = None, code

    def gone(self, session_id: str, how: Literal["left", "moved", "expired", "stopped"]) -> None:
        """Write the session's log line."""
        stay = self._stays.pop(session_id, None)
        if stay is None:
            return
        if stay.call is not None:
            self._stats.add(stay.call.counts)
        log.info(
            "session", session=session_id, left=how, seconds=round(time.monotonic() - stay.since, 1),
            resumed=stay.resumed, sockets=stay.sockets, frames=stay.frames, matches=stay.matches, close_code=stay.code,
        )  # fmt: skip

    def stop(self) -> None:
        """Write the log lines of the remaining sessions, when the pod stops."""
        for session_id in list(self._stays):
            self.gone(session_id, "stopped")

    def _welcomed(self, session: Session, fact: Welcomed) -> None:
        stay = self._stays.get(session.session_id)
        if stay is None:
            stay = self._stays[session.session_id] = _Stay(session, time.monotonic(), fact.resumed)
        stay.session, stay.code = session, None
        stay.sockets += 1

    def _opened(self, stay: _Stay, fact: MatchOpened) -> None:
        if stay.call is None or stay.call.match_id != fact.match_id:
            stay.call = Call(fact.match_id, fact.side, time.monotonic(), fact.first)
            stay.matches += 1
        if fact.first and fact.side == "a":
            self._stats.add(Counts(matches=1))
            self._metrics.matches.inc()

    def _reported(self, session_id: str, stay: _Stay, fact: Stats | ConnectionState) -> None:
        call = stay.call
        if call is None or call.match_id != fact.match_id:
            return
        if isinstance(fact, Stats):
            call.report(fact)
            self._metrics.reported(fact, call.score)
        elif verdict := call.connection_changed(fact):
            self._metrics.connection_changed(verdict, call.path, call.reason, call.setup_ms)
            self._stats.keep(call.match_id, call.side, call.fields(session_id, self._region, self._pod))
        self._stats.add(call.counts)

    def _match_ended(self, session_id: str, stay: _Stay, fact: MatchEnded) -> None:
        record, call = fact.record, stay.call
        stay.call = None if call and call.match_id == record.match_id else call
        call = call if call and call.match_id == record.match_id else None
        ended: Fields = {}
        if call is not None:
            ended = call.ended(record, time.monotonic())
            self._stats.add(call.counts)
            self._stats.keep(call.match_id, call.side, {**call.fields(session_id, self._region, self._pod), **ended})
        if not fact.mine:
            return
        name = f"ended.{record.reason}" if record.outcome == "ended" else "aborted"
        self._stats.add(Counts({name: 1}))
        self._metrics.match_ended(record, ended.get("seconds"))
        sides = {side: one for side, one in (("a", record.a), ("b", record.b)) if one}
        log.info(
            "match", match=record.match_id, sessions=[one.session_id for one in sides.values()],
            pods=[one.pod for one in sides.values()], outcome=record.outcome, reason=record.reason, by=session_id,
            **_summary(call, ended),
        )  # fmt: skip


def _summary(call: Call | None, ended: Fields) -> dict[str, object]:
    """Return this side's facts about the call; `seconds` since this pod observed it."""
    if call is None:
        return {}
    return {
        "seconds": ended["seconds"], "whole": call.whole, "verdict": call.verdict, "path": call.path,
        "setup_ms": call.setup_ms and round(call.setup_ms), "failure": call.reason,
        "score": call.score and round(call.score), "reports": call.reports,
    }  # fmt: skip
