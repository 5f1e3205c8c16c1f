"""What a trace costs under everyone: ours, the peers at the pool's target and at equal quality, and the clairvoyant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.autoscaler.scalers import PEERS, clairvoyant, ours, peer
from bench.autoscaler.simulator import Result, Rules, Trace, run

SEEDS: Final = (1, 2, 5, 6)
"""What is reported; the defaults were chosen on others."""
RULES: Final = Rules()
TARGETS: Final = tuple(RULES.target * share / 40 for share in range(40, 9, -3))
"""What the peers are swept over, the pool's own target first: a lower one buys quality with pods."""
FINER: Final = 3
"""The target of equal quality is searched in so many times smaller steps."""


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
    peers: dict[str, list[Cost]]
    """Each peer at each of the targets."""
    equal: dict[str, Cost]
    """Each peer at the highest target at which it is as good as ours, searched more finely; if it never is, at the
    lowest, which flatters it."""
    equal_targets: dict[str, float | None]
    """That target; None if it never is."""
    absorbed_s: list[int]
    """For each flash crowd, seconds until there was room for everybody for good."""
    hours_without_outage: float | None
    """Ours on the same trace without its outages."""


def compare(make: Callable[[int], Trace]) -> Compared:
    """Run a trace under everyone."""
    made = [make(seed) for seed in SEEDS]
    results = [run(trace, ours(), RULES) for trace in made]
    mine = _cost(results)
    without = [run(trace.without_outages(), ours(), RULES) for trace in made if trace.outages]
    peers = {name: [_peer_cost(name, target, made) for target in TARGETS] for name in PEERS}
    equal = {name: _equal(name, made, mine, costs) for name, costs in peers.items()}
    return Compared(
        made[0].name,
        mine,
        _cost([run(trace, clairvoyant(trace, RULES), RULES) for trace in made]),
        peers,
        {name: cost for name, (cost, _) in equal.items()},
        {name: target for name, (_, target) in equal.items()},
        [second for result in results for second in result.absorbed_s],
        _cost(without).pod_hours if without else None,
    )


def _equal(name: str, made: Sequence[Trace], mine: Cost, costs: Sequence[Cost]) -> tuple[Cost, float | None]:
    """Search between the first target that is good enough and the one before it."""
    first = next((index for index, cost in enumerate(costs) if cost.as_good_as(mine)), None)
    if first is None:
        return costs[-1], None
    for share in range(FINER - 1, 0, -1) if first else ():
        target = TARGETS[first] + (TARGETS[first - 1] - TARGETS[first]) * share / FINER
        if (cost := _peer_cost(name, target, made)).as_good_as(mine):
            return cost, target
    return costs[first], TARGETS[first]


def _peer_cost(name: str, target: float, made: Sequence[Trace]) -> Cost:
    return _cost([_peer_run(name, target, trace) for trace in made])


def _peer_run(name: str, target: float, trace: Trace) -> Result:
    with peer(name, target, RULES) as scaler:
        return run(trace, scaler, RULES)


def _cost(results: Sequence[Result]) -> Cost:
    def total(field: str) -> int:
        return sum(getattr(result, field) for result in results)

    hours = round(total("pod_seconds") / 3600, 3)
    return Cost(hours, *(total(field) for field in ("overload", "rejected", "dropped", "moved", "changes")))
