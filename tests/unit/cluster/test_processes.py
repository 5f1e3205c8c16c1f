"""Long-running processes, with real ones, in a slot that no cluster uses."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from switchboard_cluster import layout, processes
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.layout import Slot
from switchboard_cluster.processes import Found, Unit

SLOT = Slot(97)


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    processes.kill(lambda: processes.find(SLOT))


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_unit_is_found_by_its_name_while_it_runs(tmp_path: Path) -> None:
    pid = processes.start(SLOT, Unit("sleeper", ["sleep", "60"]), tmp_path / "sleeper.log")
    until(lambda: processes.units(SLOT) == {"sleeper": pid})
    assert processes.find(SLOT) == [Found(pid, "sleeper", "sleep 60")]
    assert processes.alive(pid)
    processes.kill(lambda: processes.find(SLOT))
    assert processes.find(SLOT) == []
    assert not processes.alive(pid)


def test_a_child_of_a_unit_is_found_as_its_helper(tmp_path: Path) -> None:
    parent = processes.start(SLOT, Unit("parent", ["sh", "-c", "sleep 60; true"]), tmp_path / "log")
    until(lambda: len(processes.find(SLOT)) == 2)
    helper = next(found for found in processes.find(SLOT) if found.pid != parent)
    assert (helper.unit, helper.command) == ("", "sleep 60")


def test_a_helper_that_outlives_its_unit_is_found(tmp_path: Path) -> None:
    parent = processes.start(SLOT, Unit("parent", ["sh", "-c", "sleep 60; true"]), tmp_path / "log")
    until(lambda: len(processes.find(SLOT)) == 2)
    os.kill(parent, signal.SIGKILL)
    until(lambda: not processes.alive(parent))
    assert [found.command for found in processes.find(SLOT)] == ["sleep 60"]


def test_processes_of_another_slot_are_not_found(tmp_path: Path) -> None:
    other = Slot(98)
    processes.start(other, Unit("other", ["sleep", "60"]), tmp_path / "log")
    until(lambda: processes.units(other))
    assert processes.find(SLOT) == []
    processes.kill(lambda: processes.find(other))


def test_a_unit_has_its_environment_and_writes_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "unit.log"
    unit = Unit("speaker", ["sh", "-c", f'echo "$GREETING $PWD ${layout.UNIT_MARKER}"; echo trouble >&2'])
    pid = processes.start(SLOT, Unit(unit.name, unit.argv, env={"GREETING": "hello"}), log)
    until(lambda: not processes.alive(pid))
    assert log.read_text() == "hello / speaker\ntrouble\n"
    pid = processes.start(SLOT, unit, log)
    until(lambda: not processes.alive(pid))
    assert log.read_text().count("trouble") == 2, "a restart appends to the log"


def test_a_zombie_is_not_alive() -> None:
    with subprocess.Popen(["true"]) as child:
        until(lambda: not processes.alive(child.pid))


def test_a_process_is_alive_while_it_executes_another_program(tmp_path: Path) -> None:
    loop = 'i=$1; [ "$i" -eq 0 ] && exec sleep 60; exec sh -c "$0" "$0" $((i - 1))'
    pid = processes.start(SLOT, Unit("changing", ["sh", "-c", loop, loop, "200"]), tmp_path / "log")
    seen = []
    while not processes.is_sleeping(pid) and "sleep 60" not in {found.command for found in processes.find(SLOT)}:
        seen.append(processes.alive(pid))
    assert all(seen)


def test_a_holder_is_set_up_when_it_sleeps(tmp_path: Path) -> None:
    pid = processes.start(SLOT, Unit("holder", ["sh", "-c", "exec sleep infinity"]), tmp_path / "log")
    until(lambda: processes.is_sleeping(pid))


def test_a_unit_cannot_enter_a_stopped_unit(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="holder is not running") as caught:
        processes.start(SLOT, Unit("etcd", ["sleep", "60"], inside="holder"), tmp_path / "log")
    assert caught.value.code == "unit-missing"


@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_a_listening_port_is_detected(family: socket.AddressFamily, address: str) -> None:
    with socket.socket(family) as server:
        server.bind((address, 0))
        port = server.getsockname()[1]
        assert not processes.listens(os.getpid(), port), "it is bound only"
        server.listen()
        assert processes.listens(os.getpid(), port)
    assert not processes.listens(os.getpid(), port)


def test_a_process_that_survives_the_kill_raises_an_error() -> None:
    # No signal reaches a process that has exited, so it seems to survive.
    gone = Found(2**22 + 1, "etcd", "etcd --data-dir=/data")
    with pytest.raises(ClusterError, match="etcd --data-dir=/data") as caught:
        processes.kill(lambda: [gone], timeout=0.05)
    assert caught.value.code == "cannot-kill"


def test_a_process_does_not_kill_itself() -> None:
    processes.kill(lambda: [Found(os.getpid(), "", "pytest")])


def test_an_empty_file_of_an_interrupted_start_does_not_count_as_a_namespace(tmp_path: Path) -> None:
    leftover = tmp_path / "sb97-node-1"
    leftover.touch()
    assert not processes._is_namespace(leftover)
    assert not processes._is_namespace(tmp_path / "none")
    assert processes._is_namespace(Path("/proc")), "something is mounted there"
