"""What a trace costs under everyone: ours, the peers at the pool's target and at equal quality, and the clairvoyant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.autoscaler.scalers import PEERS, clairvoyant, ours, peer
from bench.autoscaler.simulator import Result, Rules, Trace, run

SEEDS: Final = (1, 2)
"""What is reported; the defaults were chosen on others."""
RULES: Final = Rules()
TARGETS: Final = tuple(RULES.target * share / 40 for share in range(40, 9, -3))
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
    peers: dict[str, list[Cost]]
    """Each peer at each of the targets."""
    absorbed_s: list[int]
    """For each flash crowd, seconds until there was room for everybody for good."""
    hours_without_outage: float | None
    """Ours on the same trace without its outages."""

    def equal(self, name: str) -> int | None:
        """Return which is the first, highest target at which a peer is as good as ours; None if it never is."""
        good = (index for index, cost in enumerate(self.peers[name]) if cost.as_good_as(self.ours))
        return next(good, None)


def compare(make: Callable[[int], Trace]) -> Compared:
    """Run a trace under everyone."""
    made = [make(seed) for seed in SEEDS]
    results = [run(trace, ours(), RULES) for trace in made]
    without = [run(trace.without_outages(), ours(), RULES) for trace in made if trace.outages]
    return Compared(
        made[0].name,
        _cost(results),
        _cost([run(trace, clairvoyant(trace, RULES), RULES) for trace in made]),
        {name: [_cost([_peer_run(name, target, trace) for trace in made]) for target in TARGETS] for name in PEERS},
        [second for result in results for second in result.absorbed_s],
        _cost(without).pod_hours if without else None,
    )


def _peer_run(name: str, target: float, trace: Trace) -> Result:
    with peer(name, target, RULES) as scaler:
        return run(trace, scaler, RULES)


def _cost(results: Sequence[Result]) -> Cost:
    def total(field: str) -> int:
        return sum(getattr(result, field) for result in results)

    hours = round(total("pod_seconds") / 3600, 3)
    return Cost(hours, *(total(field) for field in ("overload", "rejected", "dropped", "moved", "changes")))
