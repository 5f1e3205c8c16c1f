"""The broker of a single pod: the reference model itself, in memory. Sessions end with the process."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from switchboard_signaling.matching.line import Line
from switchboard_signaling.matching.tickets import Proposal
from switchboard_signaling.protocol.effects import Hint
from switchboard_signaling.protocol.store import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    ReadMatch,
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

R = TypeVar("R", SessionRecord, MatchRecord)


class _Records(Generic[R]):
    """Records by id; those untouched for RECORD_SECONDS are forgotten, oldest first."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, tuple[float, R]] = {}

    def get(self, key: str) -> R | None:
        found = self._records.get(key)
        return found[1] if found else None

    def put(self, key: str, record: R) -> None:
        self._records.pop(key, None)
        self._records[key] = (self._clock(), record)
        oldest = next(iter(self._records))
        if self._records[oldest][0] < self._clock() - RECORD_SECONDS:
            del self._records[oldest]


class MemoryBroker:
    """Shared state for one pod; every method runs to its end within one step of the loop, hence atomically."""

    durable = False
    deaf = False

    def __init__(self, pod: str, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._pod = pod
        self._clock = clock
        self._sessions: _Records[SessionRecord] = _Records(clock)
        self._matches: _Records[MatchRecord] = _Records(clock)
        self._line = Line()

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
            case TouchMatch() | EndMatch() | ReadMatch():
                return self._match(question)
            case Enqueue():
                return self._line.enqueue(question.ticket, question.m, question.dead, self._clock())
            case Cancel():
                return self._line.cancel(question.ticket, self._clock())
            case Announced():
                self._line.announced(question.pod, question.ticket)
        return None

    async def proposals(self) -> list[Proposal]:
        """Return the mailbox of the one pod."""
        self._line.beat(self._pod, self._clock())
        return self._line.proposals(self._pod)

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
