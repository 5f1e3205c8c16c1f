"""A world with a clock of its own: things happen in the order of their virtual time, chosen by one seed."""

import copy
import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.invariants import Watch

from switchboard_signaling.matching.line import Line
from switchboard_signaling.protocol import store as model
from switchboard_signaling.protocol.messages import Timeouts
from switchboard_signaling.protocol.store import (
    Announced,
    Cancel,
    EndMatch,
    Enqueue,
    MatchRecord,
    Question,
    Reply,
    SessionRecord,
    TouchMatch,
    TouchSession,
)
from switchboard_signaling.protocol.tokens import Keyring

TIMEOUTS = Timeouts(heartbeat_ms=5000, idle_heartbeat_ms=10000, resume_window_ms=30000)
"""Shorter than in a pool, in the same order, so that more happens in a schedule."""
WINDOW = TIMEOUTS.resume_window_ms / 1000
ASK_SECONDS = 3.0
KEYS = {"current": b"k" * 16}

Work = Callable[[], None]


class Process:
    """Something that runs: a page or a pod. While it is paused its work waits, when it is dead its work is lost."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.dead = False
        self.paused_until = 0.0

    def pause(self, seconds: float) -> None:
        self.paused_until = max(self.paused_until, self.world.now + seconds)

    @property
    def running(self) -> bool:
        return not self.dead and self.paused_until <= self.world.now


class World:
    """The clock, the network's delays, the store; pods and users are added by those who need them."""

    def __init__(self, seed: str) -> None:
        random.seed(seed)  # the jitter of the lanes
        self.random = random.Random(seed)
        self.now = 1000.0
        self._agenda: list[tuple[float, int, Process | None, Work]] = []
        self._count = 0
        self.watch = Watch(self)
        self.store = Store(self)
        self.hints_lost = self.hints_doubled = 0.0

    def keyring(self, step: Callable[[], float]) -> Keyring:
        """The pool's keys on a machine whose wall clock is wrong by `step` seconds."""
        return Keyring(KEYS, lambda: self.now + step())

    def new_id(self) -> str:
        return f"{self.random.getrandbits(40):010x}"

    def latency(self) -> float:
        return self.random.uniform(0.002, 0.06)

    def at(self, delay: float, process: Process | None, work: Work) -> None:
        """Let a process do something in `delay` seconds; None is nature, which never pauses."""
        self._count += 1
        heapq.heappush(self._agenda, (self.now + delay, self._count, process, work))

    def run(self, until: float) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            when, number, process, work = heapq.heappop(self._agenda)
            self.now = max(self.now, when)
            if process is None or process.running:
                work()
            elif not process.dead:
                heapq.heappush(self._agenda, (process.paused_until, number, process, work))
        self.now = until


@dataclass(frozen=True)
class ReadMail:
    """A pod reads its mailbox, which is its beat as well."""

    pod: str


@dataclass
class State:
    """All that the store knows."""

    sessions: dict[str, SessionRecord] = field(default_factory=dict)
    matches: dict[str, MatchRecord] = field(default_factory=dict)
    line: Line = field(default_factory=Line)


class Store:
    """The store's meaning behind a network that may be slow, away, or lose what it had written last."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.state = State()
        self.away_until = self._held = 0.0
        self.doubling = 0.0
        self.clock_step = 0.0

    def ask(self, pod: Process, name: str, question: Question | ReadMail, then: Callable[[object], None]) -> None:
        """Ask for the pod `name`; `then` gets the reply, or BrokerUnavailableError's stand-in `Unanswered`."""
        self.world.watch.asked(name, question)
        self.world.at(self.world.latency(), None, lambda: self._arrive(pod, name, question, then))

    def _arrive(self, pod: Process, name: str, question: Question | ReadMail, then: Callable[[object], None]) -> None:
        world = self.world
        if self.away_until > world.now:
            if (
                world.random.random() < self._held
            ):  # what a broken connection still held is carried out after the outage
                late = self.away_until - world.now + world.random.uniform(0, 2)
                world.at(late, None, lambda: self._apply(name, question))
            refused = world.random.random() < 0.5
            world.at(world.latency() if refused else ASK_SECONDS, pod, lambda: then(Unanswered))
            return
        if world.random.random() < self.doubling:
            # A client of the store repeats what it got no reply to; the first attempt may still come through, later.
            world.at(world.random.choice((0.0, world.random.uniform(0, 3))), None, lambda: self._apply(name, question))
        reply = self._apply(name, question)
        lost = world.random.random() < self.doubling
        world.at(ASK_SECONDS if lost else world.latency(), pod, lambda: then(Unanswered if lost else reply))

    def _apply(self, pod: str, question: Question | ReadMail) -> object:
        before = self.state.matches.get(question.m) if isinstance(question, TouchMatch | EndMatch) else None
        reply = self._answer(pod, question)
        self.world.watch.stored(question, before, reply)
        return reply

    def _answer(self, pod: str, question: Question | ReadMail) -> object:
        line, now = self.state.line, self.world.now + self.clock_step
        match question:
            case ReadMail():
                line.beat(pod, now)
                return line.proposals(pod)
            case TouchSession():
                answer = model.apply_session(self.state.sessions.get(question.sid), question)
                self.state.sessions[question.sid] = answer.record
                return answer
            case Enqueue():
                return line.enqueue(question.ticket, question.m, question.dead, now)
            case Cancel():
                return line.cancel(question.ticket, now)
            case Announced():
                line.announced(question.pod, question.ticket)
                return None
            case _:
                return self._match(question)

    def _match(self, question: Question) -> Reply:
        known = self.state.matches.get(question.m)
        record = known or MatchRecord(question.m)
        if isinstance(question, TouchMatch):
            record = model.apply_touch(record, question)
        elif isinstance(question, EndMatch):
            record = model.apply_end(record, question)
        if known or record.a or record.b or record.over:
            self.state.matches[question.m] = record
        return record

    # What happens to it

    def wipe(self) -> None:
        self.state = State()
        self.world.watch.forgotten()

    def fail_over(self, tail: float) -> None:
        """Go on as a replica that lacks the writes of the next `tail` seconds."""
        replica = copy.deepcopy(self.state)

        def promote() -> None:
            self.state = replica
            self.world.watch.forgotten()

        self.world.at(tail, None, promote)

    def go_away(self, seconds: float) -> None:
        self.away_until = max(self.away_until, self.world.now + seconds)
        self._held = self.world.random.choice((0.0, 0.3))


class Unanswered:
    """Stands for the lack of a reply."""
