"""`make bench-broker`: messages between pods per second of the pods' CPU time, compared with redis-py's publish()."""

import argparse
import asyncio
import json
import os
import platform
import struct
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import uvloop
from tests.e2e.signaling import store

from bench.processes import LOAD_CORE, cpu_seconds, running, stolen

OURS, THEIRS = "switchboard", "redis_py"
MANY: Final = 200
"""Messages in flight: 100 pairs that send in both directions."""
FEW: Final = 8
TARGET: Final = 4.0
MOST_STOLEN: Final = 0.05
"""A round in which the hypervisor took more than this share of the machine is discarded."""


async def measure(way: str, port: int, folder: Path, in_flight: int, seconds: float) -> dict[str, float]:
    """Run two pods that exchange messages; return their number, the CPU time, and the rate per second of CPU time."""
    counters = [folder / name for name in ("one", "two")]
    for counter in counters:
        counter.write_bytes(bytes(8))
    pods = []
    async with AsyncExitStack() as stack:
        # The second pod begins the exchange; the first one listens by then.
        for name, other, counter, start in (("one", "two", counters[0], 0), ("two", "one", counters[1], in_flight)):
            command = ["-m", "bench.broker.pod", way, name, other, str(port), str(counter), str(start)]
            pods.append(await stack.enter_async_context(running([sys.executable, *command])))
        await asyncio.sleep(1.0)  # until all is warm

        def now() -> tuple[int, float]:
            received = sum(struct.unpack("<Q", counter.read_bytes())[0] for counter in counters)
            return received, sum(cpu_seconds(pod.pid) for pod in pods)

        taken, all_ticks = stolen()
        received, cpu = now()
        await asyncio.sleep(seconds)
        received_then, cpu_then = now()
        taken_then, all_ticks_then = stolen()
    messages, used = received_then - received, cpu_then - cpu
    return {
        "per_cpu_second": messages / used,
        "messages": messages,
        "cpu_seconds": used,
        "stolen": (taken_then - taken) / max(all_ticks_then - all_ticks, 1),
    }


async def compare(rounds: int, seconds: float, folder: Path) -> dict[str, Any]:
    """Measure both in turn; return what build/bench/broker.json holds."""
    runs: list[dict[str, Any]] = []
    ratios: dict[int, list[float]] = {MANY: [], FEW: []}
    async with store.single(folder / "store") as [(_, port)]:
        for turn in range(rounds):
            for in_flight in (MANY, FEW):
                order = (OURS, THEIRS) if turn % 2 else (THEIRS, OURS)
                found = {way: await measure(way, port, folder, in_flight, seconds) for way in order}
                runs += [{"round": turn, "way": way, "in_flight": in_flight} | found[way] for way in order]
                quiet = all(one["stolen"] <= MOST_STOLEN for one in found.values())
                if quiet:
                    ratios[in_flight].append(found[OURS]["per_cpu_second"] / found[THEIRS]["per_cpu_second"])
                row = "  ".join(f"{way} {found[way]['per_cpu_second']:7.0f}" for way in (OURS, THEIRS))
                discarded = "" if quiet else "  (discarded: other guests used the processor)"
                print(f"round {turn + 1}, {in_flight:3} in flight: {row}{discarded}", flush=True)
    return {
        "ratios": {"redis_py_publish": round(median(ratios[MANY]), 2)},
        "few_in_flight": {"redis_py_publish": round(median(ratios[FEW]), 2)},
        "machine": {"cores": os.cpu_count(), "kernel": platform.release(), "python": platform.python_version()},
        "runs": runs,
    }


def main() -> None:
    """Print the medians and write the file."""
    parser = argparse.ArgumentParser(prog="python -m bench.broker")
    parser.add_argument("--out", type=Path, default=Path("build/bench/broker.json"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    os.sched_setaffinity(0, {LOAD_CORE})
    with TemporaryDirectory() as folder:
        report = uvloop.run(compare(options.rounds, options.seconds, Path(folder)))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print("messages per CPU-second: the broker, one awaited publish() of redis-py per message, median of the ratios")
    for title, key, in_flight in ((f"{MANY} in flight", "ratios", MANY), (f"{FEW} in flight", "few_in_flight", FEW)):
        rates = [
            median(
                one["per_cpu_second"] for one in report["runs"] if (one["way"], one["in_flight"]) == (way, in_flight)
            )
            for way in (OURS, THEIRS)
        ]
        ratio = report[key]["redis_py_publish"]
        print(
            f"{title:16}{rates[0]:>10.0f}{rates[1]:>10.0f}{ratio:>8.2f}   target {TARGET if key == 'ratios' else '-'}"
        )


if __name__ == "__main__":
    main()
