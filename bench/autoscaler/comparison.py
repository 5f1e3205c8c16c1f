"""What a trace costs under everyone: ours, the peers at the pool's target and at equal quality, and the clairvoyant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.autoscaler.scalers import PEERS, clairvoyant, ours, peer
from bench.autoscaler.simulator import Result, Rules, Trace, run

SEEDS: Final = (1, 2)
"""What is reported; the defaults were chosen on others."""
RULES: Final = Rules()
TARGETS: Final = tuple(RULES.target * share / 40 for share in range(40, 7, -1))
"""What the peers are swept over, the pool's own target first: a lower one buys quality with pods."""


@dataclass(frozen=True)
class Cost:
    """What the runs of a trace, one a seed, came to."""

    pod_hours: float
    overload: int
    """Session-seconds above the pods' target."""
    rejected: int
    dropped: int
    moved: int
    changes: int

    def as_good_as(self, other: "Cost") -> bool:
        """Whether it has no more overload and rejections."""
        return self.overload <= other.overload and self.rejected <= other.rejected


@dataclass(frozen=True)
class Compared:
    """A trace under everyone."""

    trace: str
    ours: Cost
    clairvoyant: Cost
    defaults: dict[str, Cost]
    """Each peer with the pool's own target."""
    equal: dict[str, Cost]
    """Each peer with the highest target at which it is as good as ours; with the lowest one if it never is."""
    targets: dict[str, float | None]
    """That target; None if it never is."""
    absorbed_s: list[int]
    hours_without_outage: float | None
    """Ours on the same trace without its outages."""


def compare(make: Callable[[int], Trace]) -> Compared:
    """Run a trace under everyone."""
    made = [make(seed) for seed in SEEDS]
    results = [run(trace, ours(), RULES) for trace in made]
    mine = _cost(results)
    known = _cost([run(trace, clairvoyant(trace, RULES), RULES) for trace in made])
    defaults, equal, targets = {}, {}, {}
    for name in PEERS:
        defaults[name], equal[name], targets[name] = _sweep(name, made, mine)
    without = [run(trace.without_outages(), ours(), RULES) for trace in made if trace.outages]
    return Compared(
        made[0].name,
        mine,
        known,
        defaults,
        equal,
        targets,
        [second for result in results for second in result.absorbed_s],
        _cost(without).pod_hours if without else None,
    )


def _sweep(name: str, made: Sequence[Trace], mine: Cost) -> tuple[Cost, Cost, float | None]:
    """Search the highest target at which a peer is as good as ours, halving, for quality only falls with it."""
    known: dict[int, Cost] = {}

    def cost(index: int) -> Cost:
        if index not in known:
            known[index] = _cost([_peer_run(name, TARGETS[index], trace) for trace in made])
        return known[index]

    low, high = 0, len(TARGETS) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if cost(middle).as_good_as(mine) else (middle + 1, high)
    return cost(0), cost(low), TARGETS[low] if cost(low).as_good_as(mine) else None


def _peer_run(name: str, target: float, trace: Trace) -> Result:
    with peer(name, target, RULES) as scaler:
        return run(trace, scaler, RULES)


def _cost(results: Sequence[Result]) -> Cost:
    def total(field: str) -> int:
        return sum(getattr(result, field) for result in results)

    hours = round(total("pod_seconds") / 3600, 3)
    return Cost(hours, *(total(field) for field in ("overload", "rejected", "dropped", "moved", "changes")))
