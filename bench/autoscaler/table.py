"""The table of the documentation, written between two marks."""

from collections.abc import Mapping, Sequence
from typing import Final

from bench.autoscaler.comparison import Compared, Cost
from bench.autoscaler.scalers import PEERS

BEGIN: Final = "<!-- written by make bench-autoscaler -->"
END: Final = "<!-- end -->"


def lines(found: Sequence[Compared], figures: Mapping[str, float]) -> list[str]:
    """Return the tables: the figures, and each trace's costs over the clairvoyant's."""
    rows = ["| Figure | |", "|---|---|", *(f"| `{name}` | {value:g} |" for name, value in figures.items()), ""]
    rows += [
        "| Trace | ours | overload | rejected | HPA | overload | as good as ours | KPA | overload | as good as ours |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for item in found:
        cells = [item.trace, _ratio(item.ours, item), f"{item.ours.overload:,}", f"{item.ours.rejected:,}"]
        for name in PEERS:
            target = item.targets[name]
            equal = f"{_ratio(item.equal[name], item)} at {target:g}" if target else "never"
            cells += [_ratio(item.defaults[name], item), f"{item.defaults[name].overload:,}", equal]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def _ratio(cost: Cost, item: Compared) -> str:
    return f"{cost.pod_hours / item.clairvoyant.pod_hours:.2f}"


def put(page: str, rows: Sequence[str]) -> str:
    """Return the page with the rows between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, *rows, END + after])
