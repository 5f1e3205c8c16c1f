"""Repeated and interrupted starts and stops, next to another cluster."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from tests.e2e.cluster.leftovers import FIXED_PLACES, leftovers
from tests.e2e.embedded import Embedded
from tests.e2e.kubectl import all_ready

from switchboard_cluster import slots
from switchboard_cluster.cluster import need
from switchboard_cluster.layout import Paths, Slot

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

TIMES = 5
KILLS = 6
SEED = 20261


@pytest.fixture(scope="module")
def second(cluster: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A second cluster with a home of its own, which is not started yet."""
    found = Embedded(Paths(tmp_path_factory.mktemp("second")))
    yield found
    found.run("down")


def slot_of(cluster: Embedded) -> Slot:
    return need(cluster.paths).slot


def problems(cluster: Embedded) -> list[str]:
    """Return the problems of a cluster: stopped components, nodes that are not Ready, missing mounts."""
    status = cluster.run("status")
    found = [f"{name} does not run" for name, runs in status["components"].items() if not runs]
    found += [f"{node['name']} is not Ready" for node in status["nodes"] if node["ready"] != "True"]
    for node in status["nodes"]:
        seen = cluster.exec(node["name"], "cat", "/proc/self/mountinfo").stdout
        points = {line.split()[4] for line in seen.splitlines()}
        found += [f"{node['name']} lost its {place}" for place in FIXED_PLACES if place not in points]
    return found


def test_clusters_start_and_stop_independently(cluster: Embedded, second: Embedded) -> None:
    for _ in range(TIMES):
        assert second.run("up", "--nodes", "1")["started"]
        slot = slot_of(second)
        assert slot != slot_of(cluster)
        assert problems(second) == []
        assert second.run("down") == {"left": []}
        assert leftovers(slot, second.paths) == []
    assert second.run("down") == {"left": []}, "down is idempotent"
    assert problems(cluster) == [], "the second cluster has not affected the first"


def killed(second: Embedded, argv: tuple[str, ...], after: float) -> None:
    """Start a command, and kill it with its process group, which excludes the cluster's processes."""
    process = second.start(*argv)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def moments(count: int, duration: float) -> list[float]:
    """Return moments spread over a duration, the same ones in every run."""
    rng = random.Random(SEED)
    return [duration * (number + rng.random()) / count for number in range(count)]


def timed(action: Callable[[], object]) -> float:
    start = time.monotonic()
    action()
    return time.monotonic() - start


def test_down_removes_everything_that_an_interrupted_start_left(second: Embedded) -> None:
    up = ("up", "--nodes", "1")
    duration = timed(lambda: second.run(*up))
    slot = slot_of(second)
    assert not second.run(*up)["started"], "up is idempotent"
    second.run("down")
    for number, moment in enumerate(moments(KILLS, duration)):
        killed(second, up, moment)
        if number % 2:
            second.run(*up)
            assert slot_of(second) == slot
            second.kubectl.wait_for("nodes", all_ready(1), "a start after an interrupted one is complete", 60)
        else:
            assert second.run("down") == {"left": []}
            assert leftovers(slot, second.paths) == [], f"killed after {moment:.2f} s"
    assert second.run("down") == {"left": []}
    assert leftovers(slot, second.paths) == []


def test_the_next_down_completes_an_interrupted_one(cluster: Embedded, second: Embedded) -> None:
    second.run("up", "--nodes", "1")
    slot = slot_of(second)
    for moment in moments(3, 1.5):
        killed(second, ("down",), moment)
    assert second.run("down") == {"left": []}
    assert leftovers(slot, second.paths) == []
    assert slots.of(second.paths.root) is None
    assert problems(cluster) == [], "the second cluster has not affected the first"
