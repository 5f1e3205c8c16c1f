"""Locks between processes."""

import threading
from pathlib import Path

import pytest

from switchboard_cluster import locks
from switchboard_cluster.progress import Progress


class Recorder(Progress):
    """A progress that records its lines, and sets `waits` when a process waits."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []
        self.waits = threading.Event()

    def say(self, text: str) -> None:
        self.lines.append(text)

    def tick(self, text: str) -> None:
        self.waits.set()


def test_a_free_lock_is_acquired_without_output(tmp_path: Path) -> None:
    progress = Recorder()
    with locks.hold(tmp_path / "new" / "lock", "tests", progress):
        assert progress.lines == []


def test_a_second_process_waits_and_reports_the_holder(tmp_path: Path) -> None:
    file, progress = tmp_path / "lock", Recorder()
    order: list[str] = []

    def second() -> None:
        with locks.hold(file, "comes second", progress):
            order.append("second")

    with locks.hold(file, "builds the binaries", Recorder()):
        thread = threading.Thread(target=second)
        thread.start()
        assert progress.waits.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]
    [line] = progress.lines
    assert line.startswith("waiting for process ")
    assert line.endswith("which builds the binaries")


def test_a_lock_is_released_after_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with pytest.raises(RuntimeError), locks.hold(file, "fails", Recorder()):
        raise RuntimeError
    progress = Recorder()
    with locks.hold(file, "continues", progress):
        assert progress.lines == []
