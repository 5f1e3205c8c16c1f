"""A world with a virtual clock: events happen in the order of their time, all chosen by one seed."""

import heapq
import random
from collections.abc import Callable

from tests.simulation.invariants import ViolationError, Watch
from tests.simulation.store import Store

from switchboard_signaling.wire.messages import Timeouts
from switchboard_signaling.wire.tokens import Keyring

TIMEOUTS = Timeouts(heartbeat_ms=5000, idle_heartbeat_ms=10000, resume_window_ms=30000)
"""Shorter than in a pool, in the same proportions, so that more happens in a schedule."""
WINDOW = TIMEOUTS.resume_window_ms / 1000
MOST_AT_ONCE = 10_000
"""Number of events at one time that indicates a loop without a wait."""
KEYS = {"current": b"k" * 16}

Work = Callable[[], None]


class Process:
    """A page or a pod. While it is paused its work waits; when it is dead its work is dropped."""

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
    """The clock, the network's delays and the store."""

    def __init__(self, seed: str, alone: bool = False) -> None:
        """`alone`: pods have only their memory, no store."""
        random.seed(seed)  # the jitter of the lanes
        self.random = random.Random(seed)
        self.now = 1000.0
        self._agenda: list[tuple[float, int, Process | None, Work]] = []
        self._count = 0
        self.watch = Watch(self)
        self.store = Store(self, alone)
        self.after: Work | None = None
        """Called after each event."""

    def keyring(self, step: Callable[[], float]) -> Keyring:
        """Return the pool's keys on a machine whose wall clock is off by `step` seconds."""
        return Keyring(KEYS, lambda: self.now + step())

    def new_id(self) -> str:
        return f"{self.random.getrandbits(40):010x}"

    def latency(self) -> float:
        return self.random.uniform(0.002, 0.06)

    def at(self, delay: float, process: Process | None, work: Work) -> None:
        """Schedule a process's work in `delay` seconds; None stands for the environment, which never pauses."""
        self._count += 1
        heapq.heappush(self._agenda, (self.now + delay, self._count, process, work))

    def run(self, until: float) -> None:
        busy = 0
        while self._agenda and self._agenda[0][0] <= until:
            when, number, process, work = heapq.heappop(self._agenda)
            busy = 0 if when > self.now else busy + 1
            if busy > MOST_AT_ONCE:
                raise ViolationError("0 endless", f"more than {MOST_AT_ONCE} events happen at once")
            self.now = max(self.now, when)
            if process is None or (not process.dead and process.paused_until <= self.now):
                work()
                if self.after is not None:
                    self.after()
            elif not process.dead:
                heapq.heappush(self._agenda, (process.paused_until, number, process, work))
        self.now = until
