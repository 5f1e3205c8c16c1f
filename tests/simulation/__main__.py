"""Run one schedule again, or many: python -m tests.simulation [--seed 7 [--only 0,3,9]] [--count 10000 [--jobs 2]]."""

import argparse
import gc
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait

from tests.simulation.adversary import Schedule, broken, report
from tests.simulation.many import Found, explore

CHUNK = 50
"""Schedules per task of a process."""
REPORT_SECONDS = 15.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the signaling protocol")
    parser.add_argument("--seed", type=int, help="the one schedule to run")
    parser.add_argument("--only", help="numbers of the acts to keep, with commas")
    parser.add_argument("--first", type=int, default=0, help="the first of many seeds")
    parser.add_argument("--count", type=int, default=1000, help="how many")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    options = parser.parse_args()
    if options.seed is None:
        return _many(range(options.first, options.first + options.count), options.jobs)
    keep = tuple(map(int, options.only.split(","))) if options.only else None
    schedule = Schedule(options.seed, keep)
    violation = broken(schedule)
    print(f"{violation}" if violation and keep else report(schedule, violation) if violation else "nothing broke")
    return violation is not None


def _many(seeds: range, jobs: int) -> int:
    found, reported, rules = Found(), 0.0, set[str]()
    started = time.monotonic()
    for more in _parallel(seeds, jobs):
        found.add(more)
        for seed, violation in more.broken:
            # Show one schedule per rule in full; others that break the same rule are only named.
            first = violation.rule not in rules
            rules.add(violation.rule)
            print(f"seed {seed}: {report(Schedule(seed), violation) if first else violation}", flush=True)
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            print(f"simulated {found.count} of {len(seeds)} schedules, {reported - started:.0f} s", flush=True)
    print(found)
    if not found.covers:
        print(f"not reached: {', '.join(f'{fault} at {step}' for fault, step in found.missed)}")
    failed = f"{len(found.broken)} failed, " if found.broken else ""
    print(f"{failed}{found.count - len(found.broken)} passed in {time.monotonic() - started:.2f}s", flush=True)
    return bool(found.broken) or not found.covers


def _parallel(seeds: range, jobs: int) -> Iterator[Found]:
    """Yield the results of chunks of schedules as they complete."""
    # Imported objects stay: no process needs to search them for garbage.
    with ProcessPoolExecutor(jobs, initializer=gc.freeze) as pool:
        waiting = {pool.submit(explore, seeds[start : start + CHUNK]) for start in range(0, len(seeds), CHUNK)}
        while waiting:
            done, waiting = wait(waiting, timeout=REPORT_SECONDS, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
            if not done:
                yield Found()


if __name__ == "__main__":
    sys.exit(main())
