"""Jobs in the background of the tests."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.e2e.waiting import until
from tools import run_tests
from tools.run_tests import BackgroundJobs, Job

SLEEPER = ("timeit", "-n", "1", "-r", "1", "-s", "import time", "time.sleep(600)")


@pytest.fixture(autouse=True)
def _logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(run_tests, "PROGRESS_SECONDS", 0.05)


def start(*jobs: Job) -> tuple[BackgroundJobs, list[str]]:
    """Start jobs; return them and the list of the progress lines."""
    lines: list[str] = []
    terminal = SimpleNamespace(write_line=lines.append)
    manager = SimpleNamespace(getplugin={"terminalreporter": terminal}.get)
    background = BackgroundJobs(list(jobs))
    session = SimpleNamespace(config=SimpleNamespace(pluginmanager=manager))
    background.pytest_sessionstart(cast("pytest.Session", session))
    return background, lines


def test_the_next_job_runs_after_a_failed_one() -> None:
    background, _ = start(Job("wrong", ("no_such_module",)), Job("right", ("json.tool", "--help")))
    background.pytest_sessionfinish(pytest.ExitCode.OK)
    assert [job.status for job in background.jobs] == [1, 0]
    assert "No module named no_such_module" in background.jobs[0].printed()
    assert "usage" in background.jobs[1].printed()


def test_interrupted_tests_terminate_the_running_job_and_its_progress_lines() -> None:
    background, lines = start(Job("first", SLEEPER), Job("second", SLEEPER))
    until(lambda: lines and background.jobs[0].process, "it runs")
    background.pytest_sessionfinish(pytest.ExitCode.INTERRUPTED)
    assert [job.status for job in background.jobs] == [-15, None]
    assert all("first" in line for line in lines)
