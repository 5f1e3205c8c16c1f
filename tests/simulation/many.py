"""Many schedules: what they break, and which fault met a client at which step."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.simulation.adversary import FAULTS, PLACES, STEPS, UNREACHABLE, Run, Schedule
from tests.simulation.invariants import ViolationError

ENOUGH = 2000
"""From this many schedules on, every fault must have met a client at every step; fewer must reach half of them."""


@dataclass
class Found:
    """Results of schedules."""

    count: int = 0
    reached: Counter[tuple[str, str]] = field(default_factory=Counter)
    broken: list[tuple[int, ViolationError]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Add other results."""
        self.count += other.count
        self.reached.update(other.reached)
        self.broken += other.broken

    @property
    def missed(self) -> list[tuple[str, str]]:
        """Faults and the steps at which they met no client."""
        return [queue_token for queue_token in PLACES if not self.reached[queue_token]]

    @property
    def covers(self) -> bool:
        """Whether the schedules have reached enough steps for their number."""
        return len(self.missed) <= (0 if self.count >= ENOUGH else len(PLACES) // 2)

    def __str__(self) -> str:
        width = max(map(len, STEPS)) + 1
        lines = [f"{self.count} schedules; how often each fault met a client at each step:"]
        lines.append(" " * 18 + "".join(f"{step:>{width}}" for step in STEPS))
        lines += [
            f"{fault:<18}" + "".join(f"{self._times(fault, step):>{width}}" for step in STEPS) for fault in FAULTS
        ]
        return "\n".join(lines)

    def _times(self, fault: str, step: str) -> str:
        return "-" if (fault, step) in UNREACHABLE else str(self.reached[fault, step])


def explore(seeds: Iterable[int]) -> Found:
    """Run schedules and collect the results."""
    found = Found()
    for seed in seeds:
        run = Run(Schedule(seed))
        found.count += 1
        try:
            run.go()
        except ViolationError as violation:
            found.broken.append((seed, violation))
        found.reached.update(run.reached)
    return found
