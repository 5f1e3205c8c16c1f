"""Run one schedule again, or many: python -m tests.simulation [--seed 7 [--only 0,3,9]] [--count 10000]."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.adversary import Run, Schedule, broken, report
from tests.simulation.invariants import ViolationError


def main() -> int:
    parser = argparse.ArgumentParser(description="Simulate the signaling protocol")
    parser.add_argument("--seed", type=int, help="the one schedule to run")
    parser.add_argument("--only", help="numbers of the acts to keep, with commas")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    if options.seed is not None:
        keep = tuple(map(int, options.only.split(","))) if options.only else None
        schedule = Schedule(options.seed, keep)
        violation = broken(schedule)
        print(f"{violation}" if violation and keep else report(schedule, violation) if violation else "nothing broke")
        return violation is not None
    return _many(options.first, options.count)


def _many(first: int, count: int) -> int:
    rules: Counter[str] = Counter()
    started = time.process_time()
    for seed in range(first, first + count):
        try:
            Run(Schedule(seed)).go()
        except ViolationError as violation:
            rules[violation.rule] += 1
            if rules[violation.rule] == 1:
                print(f"seed {seed}: {report(Schedule(seed), violation)}\n", flush=True)
    print(f"{count} schedules, {time.process_time() - started:.0f} s, broken: {dict(rules)}")
    return bool(rules)


if __name__ == "__main__":
    sys.exit(main())
