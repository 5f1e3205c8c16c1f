"""The autoscalers: ours, the peers' own code, and a clairvoyant one that sees the whole trace."""

import math
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from bench.autoscaler.simulator import TICK_S, Rules, Scaler, Trace
from switchboard_operator.pools.autoscaling.decide import LoadHistory
from switchboard_operator.pools.autoscaling.lines import answer

BINARIES = Path("build/bench/autoscaler")
PEERS = ("hpa", "kpa")


def ours() -> Scaler:
    """Return the operator's autoscaler, through the line format of `switchboard-operator decide`."""
    history = LoadHistory()

    def scale(observation: dict[str, Any]) -> int:
        nonlocal history
        history, line = answer(history, orjson.dumps(observation))
        return int(orjson.loads(line)["desired"])

    return scale


@contextmanager
def peer(name: str, target: float, rules: Rules) -> Iterator[Scaler]:
    """Run a peer's controller with this target of sessions per pod, in virtual time."""
    program = BINARIES / name
    pipe = subprocess.PIPE
    command = [str(program), "-test.timeout=0"]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines, answers = process.stdin, process.stdout
        lines.write(orjson.dumps({"target": target, "min": rules.min_pods, "max": rules.max_pods}) + b"\n")

        def scale(observation: dict[str, Any]) -> int:
            lines.write(orjson.dumps(observation) + b"\n")
            lines.flush()
            return int(orjson.loads(answers.readline())["desired"])

        yield scale
        lines.close()


def clairvoyant(trace: Trace, rules: Rules) -> Scaler:
    """Return the fewest pods that suffice at each time, requested ahead by the longest start delay."""
    change = [0] * (trace.seconds + 1)
    for arrival, duration in trace.sessions:
        begin, end = int(arrival), max(int(arrival) + 1, math.ceil(arrival + duration))
        if begin < trace.seconds:
            change[begin] += 1
            change[min(end, trace.seconds)] -= 1
    need, present = [], 0
    for second in range(trace.seconds):
        present += change[second]
        need.append(min(rules.max_pods, max(rules.min_pods, math.ceil(present / rules.target))))
    ahead = math.ceil(trace.start_delay[1]) + TICK_S + 1

    def scale(observation: dict[str, Any]) -> int:
        now = observation["t"]
        return max(need[now : now + ahead])

    return scale
