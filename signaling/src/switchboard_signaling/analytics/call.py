"""One side of a match as its pod sees it: the client's reports, and the record that is stored of the call. Pure."""

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from switchboard_signaling.analytics.quality import score_of, smoothed
from switchboard_signaling.analytics.totals import Counts, observe
from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import ConnectionState, Stats

REASONS: Final = frozenset(
    {"ice-failed", "dtls-failed", "timeout", "no-candidates", "media-lost", "signaling-lost", "attempts-spent"}
)
"""Reasons of failed connections that totals distinguish; any other reason counts as `other`."""

Verdict: TypeAlias = Literal["connected", "failed", "dropped"]
Field: TypeAlias = str | int | float
Fields: TypeAlias = dict[str, Field]
"""Some fields of a CallRecord, by their names in JSON."""


class CallRecord(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The stored record of one side of a call; fields that are not known yet are absent."""

    session: Annotated[str | None, Meta(description="Id of the session.")] = None
    region: Annotated[str | None, Meta(description="Region of the session's pod.")] = None
    pod: Annotated[str | None, Meta(description="Pod that the session was attached to last.")] = None
    verdict: Annotated[Verdict | None, Meta(description="Outcome of the media connection.")] = None
    setup_ms: Annotated[
        float | None, Meta(description="Milliseconds from the opening of the match to the first connection.")
    ] = None
    path: Annotated[str | None, Meta(description="`direct`, or `relay` for a connection through TURN.")] = None
    failure: Annotated[str | None, Meta(description="Why the connection failed or dropped.")] = None
    score: Annotated[float | None, Meta(description="Smoothed call quality, 0 (worst) to 100.")] = None
    worst_score: Annotated[float | None, Meta(description="Lowest call quality of a single report, 0 to 100.")] = None
    reports: Annotated[int | None, Meta(description="Number of the client's statistics reports.")] = None
    freezes: Annotated[int | None, Meta(description="Number of freezes of received video.")] = None
    seconds: Annotated[
        float | None, Meta(description="Length of the match in seconds, as far as its last pod saw it.")
    ] = None
    outcome: Annotated[str | None, Meta(description="`ended`, or `aborted` for a match that never opened.")] = None
    reason: Annotated[str | None, Meta(description="Why the match ended; empty if unknown.")] = None


def known(reason: str | None) -> str:
    """Return a reason as totals and metrics name it, so that clients cannot add new names there."""
    return reason if reason in REASONS else "other"


@dataclass(slots=True)
class Call:
    """One side of match `m`, observed by this pod since `since` (monotonic seconds).

    `whole`: observed from its beginning. A session that moves between pods leaves one part on each.
    """

    match_id: str
    side: str
    since: float
    whole: bool
    verdict: Verdict | None = None
    setup_ms: float | None = None
    path: str | None = None
    reason: str | None = None
    score: float | None = None
    worst: float | None = None
    reports: int = 0
    freezes: int = 0
    counts: Counts = field(default_factory=Counts)
    """Counts to add to the pool's totals; adding them clears this."""

    def report(self, stats: Stats) -> None:
        """Add a statistics report of the client."""
        self.reports += 1
        self.freezes += stats.freezes or 0
        self.path = stats.path or self.path
        if stats.freezes:
            self.counts["freezes"] += stats.freezes
        score = score_of(stats)
        if score is not None:
            self.score = smoothed(self.score, score)
            self.worst = score if self.worst is None else min(self.worst, score)
            observe(self.counts, "score", score)
        for name in ("rtt_ms", "jitter_ms", "loss"):
            value = getattr(stats, name)
            if value is not None:
                observe(self.counts, name, value)

    def connection_changed(self, state: ConnectionState) -> Verdict | None:
        """Add a state of the media connection; return the verdict if it is new.

        `failed` means a failed call before the first connection, and a dropped one after it.
        """
        self.path = state.path or self.path
        if state.state == "closed":
            return None
        verdict: Verdict = (
            "connected" if state.state == "connected" else "failed" if state.setup_ms is None else "dropped"
        )
        if verdict == self.verdict or (self.verdict and verdict == "connected"):
            return None
        self.verdict, self.setup_ms = verdict, state.setup_ms
        self.counts[verdict] += 1
        if verdict == "connected":
            self.counts[self.path or "unknown-path"] += 1
            observe(self.counts, "setup_ms", state.setup_ms or 0.0)
        else:
            self.reason = known(state.reason)
            self.counts[f"{verdict}.{self.reason}"] += 1
        return verdict

    def fields(self, session_id: str, region: str, pod: str) -> Fields:
        """Return the record of this side. The records of several pods are merged; the newest value wins."""
        found = {
            "session": session_id, "region": region or None, "pod": pod, "verdict": self.verdict,
            "setupMs": self.setup_ms,
            "path": self.path, "failure": self.reason, "score": self.score, "worstScore": self.worst,
            "reports": self.reports or None, "freezes": self.freezes or None,
        }  # fmt: skip
        return {name: _short(value) for name, value in found.items() if value is not None}

    def ended(self, record: MatchRecord, now: float) -> Fields:
        """Return what the end of the match adds to the record."""
        seconds = round(now - self.since, 1)
        observe(self.counts, "call_seconds", seconds)
        return {"seconds": seconds, "outcome": record.outcome, "reason": record.reason or ""}


def _short(value: Field) -> Field:
    return round(value, 1) if isinstance(value, float) else value
