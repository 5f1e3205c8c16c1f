"""The command line and the report of the benchmarks that use real browsers."""

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

Report = dict[str, Any]


def report(figures: Mapping[str, float], targets: Mapping[str, float], rounds: int) -> Report:
    """Return the report's common part: the figures, whether they meet their targets, and the machine.

    `targets` are upper bounds.
    """
    return {
        "figures": figures,
        "met": {name: figures[name] <= limit for name, limit in targets.items()},
        "rounds": rounds,
        "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
    }


def main(
    name: str,
    rounds: int,
    measure: Callable[[Path, int], Coroutine[Any, Any, Report]],
    beside: Callable[[Report, str], str],
) -> None:
    """Run a benchmark in a temporary folder, write its report, and print each figure followed by `beside`'s text."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{name}")
    parser.add_argument("--out", type=Path, default=Path(f"build/bench/{name}.json"))
    parser.add_argument("--rounds", type=int, default=rounds)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f"{name}-", dir=options.out.parent) as folder:
        found = asyncio.run(measure(Path(folder), options.rounds))
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    for figure, value in found["figures"].items():
        print(f"{figure:22}{value:8}{beside(found, figure)}")
