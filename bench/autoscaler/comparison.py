"""The cost of a trace under each autoscaler: ours, the peers at the pool's target and at equal quality, clairvoyant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.autoscaler.scalers import PEERS, clairvoyant, ours, peer
from bench.autoscaler.simulator import Result, Rules, Trace, run

SEEDS: Final = (1, 2, 5, 6)
"""Seeds of the reported results; the autoscaler's defaults were chosen with other seeds."""
RULES: Final = Rules()
TARGETS: Final = tuple(RULES.target * share / 40 for share in range(40, 9, -3))
"""Targets at which the peers run, the pool's own first: a lower target buys quality with pods."""
FINER: Final = 3
"""The search for the target of equal quality divides each step between two targets into this many."""


@dataclass(frozen=True)
class Cost:
    """Totals over the runs of a trace, one run per seed."""

    pod_hours: float
    overload: int
    """Session-seconds above the pods' target."""
    rejected: int
    dropped: int
    moved: int
    changes: int

    def as_good_as(self, other: "Cost") -> bool:
        """Return whether this has at most as much overload and as many rejections."""
        return self.overload <= other.overload and self.rejected <= other.rejected


@dataclass(frozen=True)
class Compared:
    """The cost of a trace under each autoscaler."""

    trace: str
    ours: Cost
    clairvoyant: Cost
    peers: dict[str, list[Cost]]
    """Each peer at each of TARGETS."""
    equal: dict[str, Cost]
    """Each peer at the highest target at which it is as good as ours, from the finer search; if there is none, at the
    lowest target, which favours the peer."""
    equal_targets: dict[str, float | None]
    """That target per peer; None if there is none."""
    absorbed_s: list[int]
    """For each flash crowd, seconds until there was room for all sessions."""
    hours_without_outage: float | None
    """Our pod-hours on the same trace without its outages; None for a trace without outages."""


def compare(make: Callable[[int], Trace]) -> Compared:
    """Run a trace under each autoscaler."""
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
    """Return a peer's cost at equal quality and its target, between the first good target and the one before."""
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
