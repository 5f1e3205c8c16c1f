"""One side of a match as its pod sees it: what the client reported, and what is kept of it. Pure."""

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from switchboard_signaling.analytics.quality import score_of, smoothed
from switchboard_signaling.analytics.totals import Counts, observe
from switchboard_signaling.session.records import MatchRecord
from switchboard_signaling.wire.messages import ConnectionState, Stats

REASONS: Final = frozenset(
    {"ice-failed", "dtls-failed", "timeout", "no-candidates", "media-lost", "signaling-lost", "attempts-spent"}
)
"""Why connections fail, as far as it is told apart in totals; a client that says something else is `other`."""

Verdict: TypeAlias = Literal["connected", "failed", "dropped"]
Field: TypeAlias = str | int | float
Fields: TypeAlias = dict[str, Field]


def known(reason: str | None) -> str:
    """Return a reason as totals and metrics name it: a client cannot make up new names there."""
    return reason if reason in REASONS else "other"


@dataclass(slots=True)
class Call:
    """One side of match `m`, seen by this pod since `since` (monotonic seconds).

    `whole`: from its beginning; a session that moves between pods leaves a part on each.
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
    """What is to be added to the pool's totals; whoever adds it takes it away."""

    def report(self, stats: Stats) -> None:
        """Take up a report of the client."""
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

    def told(self, state: ConnectionState) -> Verdict | None:
        """Take up what became of the connection; return it if it is the first time that it is said.

        `failed` before a connection is a failed call, after one a `dropped` one.
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
        """Return what is kept of this side; parts of one side from several pods are joined, the last one holds."""
        found = {
            "session": session_id, "region": region or None, "pod": pod,
            "verdict": self.verdict, "setupMs": self.setup_ms, "path": self.path, "failure": self.reason,
            "score": self.score, "worstScore": self.worst,
            "reports": self.reports or None, "freezes": self.freezes or None,
        }  # fmt: skip
        return {name: _short(value) for name, value in found.items() if value is not None}

    def ended(self, record: MatchRecord, now: float) -> Fields:
        """Return what is kept of the end, besides `fields`."""
        seconds = round(now - self.since, 1)
        observe(self.counts, "call_seconds", seconds)
        return {"seconds": seconds, "outcome": record.outcome, "ending": record.reason or ""}


def _short(value: Field) -> Field:
    return round(value, 1) if isinstance(value, float) else value
