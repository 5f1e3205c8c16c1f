"""The broker of a single pod: the reference model, in memory. Sessions end with the process."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from switchboard_signaling.broker.shared_stats import MemorySharedStats, SharedStats
from switchboard_signaling.matching.queue import QUEUES, MatchQueue, queue_of
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
"""How long an untouched record is kept: longer than any resume window, and as long as a queue token is valid."""

RECORDS: Final = 20_000
"""Maximum number of records of each kind: four for each session of a pod's usual capacity.

The memory of a single pod must not grow with every client it ever had. The least recently touched records go first;
heartbeats touch the records in use. A record that is dropped too early is created again by the next heartbeat.
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
    """Shared state for one pod. Every method completes within one step of the event loop, hence atomically."""

    durable = False
    deaf = False

    def __init__(self, pod: str, clock: Callable[[], float], records: int = RECORDS) -> None:
        """`clock` gives monotonic seconds; `records` bounds each kind of record."""
        self._pod = pod
        self._clock = clock
        self._sessions: _Records[SessionRecord] = _Records(clock, records)
        self._matches: _Records[MatchRecord] = _Records(clock, records)
        self._queues = [MatchQueue(memory_bound=records) for _ in range(QUEUES)]
        self.shared_stats: SharedStats = MemorySharedStats(pod, clock)

    async def start(self, on_hint: Callable[[Hint], None]) -> None:
        """Do nothing: there is no other pod to send hints."""

    async def close(self) -> None:
        """Do nothing: there is no connection to close."""

    async def ask(self, question: Question) -> Reply:
        """Answer from memory."""
        match question:
            case TouchSession():
                answer = apply_session(self._sessions.get(question.session_id), question)
                self._sessions.put(question.session_id, answer.record)
                return answer
            case ReadSession():
                return self._sessions.get(question.session_id)
            case TouchMatch() | EndMatch() | ReadMatch():
                return self._match(question)
            case Enqueue():
                queue = self._queues[queue_of(question.ticket.mode)]
                return queue.enqueue(question.ticket, question.match_id, question.dead, self._clock())
            case Cancel():
                return self._queues[queue_of(question.mode)].cancel(question.ticket, self._clock())
            case Announced():
                self._queues[queue_of(question.mode)].announced(question.pod, question.ticket)
        return None

    async def proposals(self) -> list[Proposal]:
        """Return the mailbox of the one pod."""
        now = self._clock()
        for queue in self._queues:
            queue.beat(self._pod, now)
        return [proposal for queue in self._queues for proposal in queue.proposals(self._pod)]

    def send_hint(self, pod: str, hint: Hint) -> None:
        """Drop the hint: it is for an earlier run of this pod."""

    def _match(self, question: TouchMatch | EndMatch | ReadMatch) -> MatchRecord:
        known = self._matches.get(question.match_id)
        record = known or MatchRecord(question.match_id)
        match question:
            case TouchMatch():
                record = apply_touch(record, question)
            case EndMatch():
                record = apply_end(record, question)
        if known or record.a or record.b or record.over:
            self._matches.put(question.match_id, record)
        return record
