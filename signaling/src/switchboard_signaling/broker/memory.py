"""The broker of a single pod: the reference model itself, in memory. Sessions end with the process."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from switchboard_signaling.broker.ledger import Ledger, MemoryLedger
from switchboard_signaling.matching.line import LINES, MatchQueue, line_of
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.session.hints import Hint
from switchboard_signaling.session.records import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    ReadMatch,
    ReadSession,
    Reply,
    SessionRecord,
    TouchMatch,
    TouchSession,
    apply_end,
    apply_session,
    apply_touch,
)

RECORD_SECONDS: Final = 3600.0
"""How long an untouched record is kept: longer than any resume window, and than a place token is valid."""

RECORDS: Final = 20_000
"""How many records of each kind are kept at most: four for each session of a pod's usual capacity.

A pod alone must not grow with every client that it ever had. Those untouched longest go first; sessions and matches in
use are touched by each heartbeat. What is forgotten too early is like what a store loses: a heartbeat makes it anew.
"""

R = TypeVar("R", SessionRecord, MatchRecord)


class _Records(Generic[R]):
    """At most `bound` records by id; those untouched for RECORD_SECONDS are forgotten, oldest first."""

    def __init__(self, clock: Callable[[], float], bound: int) -> None:
        self._clock = clock
        self._bound = bound
        self._records: dict[str, tuple[float, R]] = {}

    def get(self, key: str) -> R | None:
        found = self._records.get(key)
        return found[1] if found else None

    def put(self, key: str, record: R) -> None:
        self._records.pop(key, None)
        now = self._clock()
        self._records[key] = (now, record)
        while len(self._records) > self._bound or next(iter(self._records.values()))[0] < now - RECORD_SECONDS:
            del self._records[next(iter(self._records))]


class MemoryBroker:
    """Shared state for one pod; every method runs to its end within one step of the loop, hence atomically."""

    durable = False
    deaf = False

    def __init__(self, pod: str, clock: Callable[[], float], records: int = RECORDS) -> None:
        """`clock` gives monotonic seconds; `records` bounds each kind of record."""
        self._pod = pod
        self._clock = clock
        self._sessions: _Records[SessionRecord] = _Records(clock, records)
        self._matches: _Records[MatchRecord] = _Records(clock, records)
        self._lines = [MatchQueue(memory_bound=records) for _ in range(LINES)]
        self.ledger: Ledger = MemoryLedger(pod, clock)

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Need nothing: a pod alone gets no hints from others."""

    async def close(self) -> None:
        """Hold nothing that must be let go."""

    async def ask(self, question: Question) -> Reply:
        """Answer at once."""
        match question:
            case TouchSession():
                answer = apply_session(self._sessions.get(question.sid), question)
                self._sessions.put(question.sid, answer.record)
                return answer
            case ReadSession():
                return self._sessions.get(question.sid)
            case TouchMatch() | EndMatch() | ReadMatch():
                return self._match(question)
            case Enqueue():
                line = self._lines[line_of(question.ticket.mode)]
                return line.enqueue(question.ticket, question.m, question.dead, self._clock())
            case Cancel():
                return self._lines[line_of(question.mode)].cancel(question.ticket, self._clock())
            case Announced():
                self._lines[line_of(question.mode)].announced(question.pod, question.ticket)
        return None

    async def proposals(self) -> list[Proposal]:
        """Return the mailbox of the one pod."""
        now = self._clock()
        for line in self._lines:
            line.beat(self._pod, now)
        return [proposal for line in self._lines for proposal in line.proposals(self._pod)]

    def tell(self, pod: str, hint: Hint) -> None:
        """Drop the hint: its pod was an earlier run of this one."""

    def _match(self, question: TouchMatch | EndMatch | ReadMatch) -> MatchRecord:
        known = self._matches.get(question.m)
        record = known or MatchRecord(question.m)
        match question:
            case TouchMatch():
                record = apply_touch(record, question)
            case EndMatch():
                record = apply_end(record, question)
        if known or record.a or record.b or record.over:
            self._matches.put(question.m, record)
        return record
