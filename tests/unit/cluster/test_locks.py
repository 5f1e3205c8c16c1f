"""One holder at a time, with its purpose."""

import threading
from pathlib import Path

import pytest

from switchboard_cluster import locks
from switchboard_cluster.progress import Progress


class Recorder(Progress):
    """A progress that keeps its lines, and signals when a process waits."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.said: list[str] = []
        self.waits = threading.Event()

    def say(self, text: str) -> None:
        self.said.append(text)

    def tick(self, text: str) -> None:
        self.waits.set()


def test_a_free_lock_is_taken_in_silence(tmp_path: Path) -> None:
    progress = Recorder()
    with locks.hold(tmp_path / "new" / "lock", "tests", progress):
        assert progress.said == []


def test_a_second_holder_waits_and_says_for_whom(tmp_path: Path) -> None:
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
    [said] = progress.said
    assert said.startswith("waiting for process ")
    assert said.endswith("which builds the binaries")


def test_a_lock_is_free_again_after_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with pytest.raises(RuntimeError), locks.hold(file, "fails", Recorder()):
        raise RuntimeError
    progress = Recorder()
    with locks.hold(file, "goes on", progress):
        assert progress.said == []
