"""What runs below the tests."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tests.e2e.waiting import until
from tools import run_tests
from tools.run_tests import Below, Job

SLEEPER = ("timeit", "-n", "1", "-r", "1", "-s", "import time", "time.sleep(600)")


@pytest.fixture(autouse=True)
def _logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_tests, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(run_tests, "SAY_SECONDS", 0.05)


def begun(*jobs: Job) -> tuple[Below, list[str]]:
    """Return jobs that have begun, and what is written of them."""
    lines: list[str] = []
    terminal = SimpleNamespace(write_line=lines.append)
    manager = SimpleNamespace(getplugin={"terminalreporter": terminal}.get)
    below = Below(list(jobs))
    below.pytest_sessionstart(cast("pytest.Session", SimpleNamespace(config=SimpleNamespace(pluginmanager=manager))))
    return below, lines


def test_a_job_that_fails_is_noted_and_the_next_one_runs() -> None:
    below, _ = begun(Job("wrong", ("no_such_module",)), Job("right", ("json.tool", "--help")))
    below.pytest_sessionfinish(pytest.ExitCode.OK)
    assert [job.status for job in below.jobs] == [1, 0]
    assert "No module named no_such_module" in below.jobs[0].printed()
    assert "usage" in below.jobs[1].printed()


def test_jobs_end_with_tests_that_are_broken_off_and_say_until_then_that_they_run() -> None:
    below, lines = begun(Job("first", SLEEPER), Job("second", SLEEPER))
    until(lambda: lines and below.jobs[0].process, "it runs")
    below.pytest_sessionfinish(pytest.ExitCode.INTERRUPTED)
    assert [job.status for job in below.jobs] == [-15, None]
    assert all("first" in line for line in lines)
