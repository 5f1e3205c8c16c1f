"""Run all traces and write the results: build/bench/autoscaler.json, and the plot and table of the docs."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Final

import orjson

from bench.autoscaler import plot, table, traces
from bench.autoscaler.comparison import RULES, SEEDS, Compared, Cost, compare
from bench.autoscaler.scalers import BINARIES, PEERS
from bench.autoscaler.simulator import Trace

RESULTS: Final = Path("build/bench/autoscaler.json")
PLOT: Final = Path("docs/images/autoscaling.svg")
PAGE: Final = Path("docs/internals/scaling.md")


def figures(found: Sequence[Compared]) -> dict[str, float]:
    """Return the summary over all traces."""
    by_name = {item.trace: item for item in found}

    def ratio(of: Sequence[Compared], other: Callable[[Compared], Cost]) -> float:
        return round(sum(item.ours.pod_hours for item in of) / sum(other(item).pod_hours for item in of), 3)

    def against_clairvoyant(makers: Sequence[Callable[[int], Trace]]) -> float:
        return ratio([by_name[make(SEEDS[0]).name] for make in makers], lambda item: item.clairvoyant)

    return {
        "pod_hours_vs_hpa_equal_quality": ratio(found, lambda item: item.equal["hpa"]),
        "pod_hours_vs_kpa_equal_quality": ratio(found, lambda item: item.equal["kpa"]),
        "pod_hours_vs_clairvoyant_fast": against_clairvoyant(traces.FAST),
        "pod_hours_vs_clairvoyant_slow": against_clairvoyant(traces.SLOW),
        "flash_absorbed_s": max(second for item in found for second in item.absorbed_s),
        "dropped_sessions": sum(item.ours.dropped for item in found),
    }


def main() -> None:
    """Run all traces."""
    if missing := [name for name in PEERS if not (BINARIES / name).exists()]:
        sys.exit(f"{BINARIES / missing[0]} does not exist. Remedy: run make bench-autoscaler, which builds it")
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(compare, (*traces.FAST, *traces.SLOW, *traces.OTHERS)))
    summary = figures(found)
    by_trace = {item.trace: asdict(item) for item in found}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_bytes(orjson.dumps({"figures": summary, "traces": by_trace}, option=orjson.OPT_INDENT_2))
    PLOT.write_text(plot.draw(RULES, found))
    page = PAGE.read_text()
    PAGE.write_text(table.insert(page, table.lines(found, summary)))
    print("\n".join(table.lines(found, summary)))


if __name__ == "__main__":
    main()
