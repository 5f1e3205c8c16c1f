"""Long commands."""

import sys
from pathlib import Path

import pytest

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import steps
from switchboard_cluster.progress import Progress

QUIET = Progress(quiet=True)


def test_the_log_contains_the_output_without_the_arguments(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    steps.run([sys.executable, "-c", "print('said', 6 * 7)"], "counting", log, QUIET, cwd=tmp_path)
    assert log.read_text() == "== counting\nsaid 42\n"


def test_a_failure_has_the_step_its_last_line_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with pytest.raises(ClusterError, match=r"^counting failed \(3\): no numbers$") as caught:
        steps.run([sys.executable, "-c", "import sys; print('no numbers\\n'); sys.exit(3)"], "counting", log, QUIET)
    assert (caught.value.code, caught.value.log) == ("image-step-failed", log)


def test_a_hanging_step_is_killed(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="waiting failed"):
        steps.run(
            [sys.executable, "-c", "import signal; signal.pause()"], "waiting", tmp_path / "a.log", QUIET, timeout=0.1
        )
