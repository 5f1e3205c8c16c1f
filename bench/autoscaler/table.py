"""The tables of the documentation, written between two markers."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.autoscaler.comparison import Compared, Cost
from bench.autoscaler.scalers import PEERS

BEGIN: Final = "<!-- written by make bench-autoscaler -->"
END: Final = "<!-- end -->"


def lines(found: Sequence[Compared], figures: Mapping[str, float]) -> list[str]:
    """Return the figures, and the pod-hours of each trace relative to the clairvoyant's, as rows of Markdown."""
    rows = ["| Figure | |", "|---|---|", *(f"| `{name}` | {value:g} |" for name, value in figures.items()), ""]
    head = ["Trace", "ours", "overload", "rejected"]
    for name in PEERS:
        head += [f"{name.upper()} at 100", "overload", "rejected", "as good as ours"]
    rows += [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for item in found:
        cells = [item.trace, *_cells(item.ours, item)]
        for name, costs in item.peers.items():
            target = item.equal_targets[name]
            equal = f"{_ratio(item.equal[name], item)} at {target:g}" if target else "never"
            cells += [*_cells(costs[0], item), equal]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _cells(cost: Cost, item: Compared) -> list[str]:
    return [_ratio(cost, item), f"{cost.overload:,}", f"{cost.rejected:,}"]


def _ratio(cost: Cost, item: Compared) -> str:
    return f"{cost.pod_hours / item.clairvoyant.pod_hours:.2f}"


def insert(page: str, rows: Sequence[str]) -> str:
    """Return the page with these rows between its markers."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, *rows, END + after])
