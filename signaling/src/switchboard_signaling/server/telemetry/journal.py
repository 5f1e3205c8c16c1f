"""What sessions and calls come to: a log line for each, and numbers for Prometheus and for the pool's totals.

The lines are canonical: one a session that leaves this pod, with how it left, and one a match, written by the pod whose
session ended it. They name sessions and matches by their ids only.
"""

import time
from dataclasses import dataclass
from typing import Literal

import structlog

from switchboard_signaling.analytics.call import Call, Fields
from switchboard_signaling.analytics.totals import Counts
from switchboard_signaling.server.telemetry.meters import Meters
from switchboard_signaling.server.telemetry.tally import Tally
from switchboard_signaling.session.core import Session
from switchboard_signaling.session.events import Fact, Opened, Over, Welcomed
from switchboard_signaling.wire.messages import ConnectionState, Stats

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Stay:
    """A session's time on this pod."""

    session: Session | None
    """Of the newest socket, while it is open: who may come back for a minute should not keep it all that long."""
    since: float
    resumed: bool
    sockets: int = 0
    frames: int = 0
    matches: int = 0
    code: int | None = None
    call: Call | None = None


class Journal:
    """Takes note of sessions (a Witness of the hub)."""

    def __init__(self, region: str, pod: str, meters: Meters, tally: Tally) -> None:
        self._region, self._pod = region, pod
        self._meters = meters
        self._tally = tally
        self._stays: dict[str, _Stay] = {}

    def note(self, session: Session, fact: Fact) -> None:
        """Take note of what a session says of itself."""
        if isinstance(fact, Welcomed):
            self._welcomed(session, fact)
            return
        stay = self._stays.get(session.sid)
        if stay is None:
            return
        match fact:
            case Opened():
                self._opened(stay, fact)
            case Over():
                self._over(session.sid, stay, fact)
            case Stats() | ConnectionState():
                self._reported(session.sid, stay, fact)

    def closed(self, session: Session, code: int | None) -> None:
        """Count what the socket carried."""
        stay = self._stays.get(session.sid)
        if stay is not None:
            stay.frames += session.frames
            if stay.session is session:
                stay.session, stay.code = None, code

    def gone(self, sid: str, how: Literal["left", "moved", "expired", "stopped"]) -> None:
        """Write the session's line."""
        stay = self._stays.pop(sid, None)
        if stay is None:
            return
        if stay.call is not None:
            self._tally.add(stay.call.counts)
        log.info(
            "session", session=sid, left=how, seconds=round(time.monotonic() - stay.since, 1), resumed=stay.resumed,
            sockets=stay.sockets, frames=stay.frames, matches=stay.matches, close_code=stay.code,
        )  # fmt: skip

    def stop(self) -> None:
        """Write the lines of the sessions that are still here, at the end of the pod."""
        for sid in list(self._stays):
            self.gone(sid, "stopped")

    def _welcomed(self, session: Session, fact: Welcomed) -> None:
        stay = self._stays.get(session.sid)
        if stay is None:
            stay = self._stays[session.sid] = _Stay(session, time.monotonic(), fact.resumed)
        stay.session, stay.code = session, None
        stay.sockets += 1

    def _opened(self, stay: _Stay, fact: Opened) -> None:
        if stay.call is None or stay.call.m != fact.m:
            stay.call = Call(fact.m, fact.side, time.monotonic(), fact.first)
            stay.matches += 1
        if fact.first and fact.side == "a":
            self._tally.add(Counts(matches=1))
            self._meters.matches.inc()

    def _reported(self, sid: str, stay: _Stay, fact: Stats | ConnectionState) -> None:
        call = stay.call
        if call is None or call.m != fact.m:
            return
        if isinstance(fact, Stats):
            call.report(fact)
            self._meters.reported(fact, call.score)
        elif verdict := call.connection_changed(fact):
            self._meters.connection_changed(verdict, call.path, call.reason, call.setup_ms)
            self._tally.keep(call.m, call.side, call.fields(sid, self._region, self._pod))
        self._tally.add(call.counts)

    def _over(self, sid: str, stay: _Stay, fact: Over) -> None:
        record, call = fact.record, stay.call
        stay.call = None if call and call.m == record.m else call
        call = call if call and call.m == record.m else None
        ended: Fields = {}
        if call is not None:
            ended = call.ended(record, time.monotonic())
            self._tally.add(call.counts)
            self._tally.keep(call.m, call.side, {**call.fields(sid, self._region, self._pod), **ended})
        if not fact.mine:
            return
        name = f"ended.{record.reason}" if record.outcome == "ended" else "aborted"
        self._tally.add(Counts({name: 1}))
        self._meters.match_ended(record, ended.get("seconds"))
        sides = {side: one for side, one in (("a", record.a), ("b", record.b)) if one}
        log.info(
            "match", match=record.m, sessions=[one.sid for one in sides.values()],
            pods=[one.pod for one in sides.values()], outcome=record.outcome, reason=record.reason, by=sid,
            **_told(call, ended),
        )  # fmt: skip


def _told(call: Call | None, ended: Fields) -> dict[str, object]:
    """Return what this side knows of the call; `seconds` since this pod was told of it."""
    if call is None:
        return {}
    return {
        "seconds": ended["seconds"], "whole": call.whole, "verdict": call.verdict, "path": call.path,
        "setup_ms": call.setup_ms and round(call.setup_ms), "failure": call.reason,
        "score": call.score and round(call.score), "reports": call.reports,
    }  # fmt: skip
