"""Run the tests that need the cluster, Chromium or real servers, and simulate schedules in the background.

Most of these tests wait, so lanes of them run concurrently (lanes.py). Jobs that only compute run at the same time with
the lowest priority: they use the remaining CPU time, and their results do not depend on time.
"""

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build" / "tests"
TESTS = ("tests/fuzz", "tests/browser", "tests/e2e")
LANES = 1
"""Concurrent lanes. Two pairs of browsers, or one pair and two clusters, are too much for two processors."""
PROGRESS_SECONDS = 50.0


@dataclass
class Job:
    """A command that runs in the background of the tests."""

    name: str
    argv: tuple[str, ...]
    status: int | None = None
    seconds: float = 0.0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """The file with its output."""
        return LOGS / f"{self.name}.log"

    def run(self) -> None:
        """Run the command to its end."""
        began = time.monotonic()
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", *self.argv]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            yield_processors(self.process.pid)
            self.status = self.process.wait()
        self.seconds = time.monotonic() - began

    def printed(self) -> str:
        """Return its output so far."""
        return self.log.read_text(errors="replace").rstrip() if self.process else ""


def yield_processors(pid: int) -> None:
    """Let a process and its future children run only while no other process needs the processor."""
    if sys.platform == "linux":
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, pid, 19)


@dataclass
class BackgroundJobs:
    """A pytest plugin that runs jobs one after another during the tests, and shows their output in the summary."""

    jobs: list[Job]
    _began: float = field(default_factory=time.monotonic)
    _done: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the first job, and the progress lines."""
        LOGS.mkdir(parents=True, exist_ok=True)
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._threads = [threading.Thread(target=self._run), threading.Thread(target=self._report, args=[terminal])]
        for thread in self._threads:
            thread.start()

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Wait for the jobs, so that the summary comes last; terminate them if the tests were interrupted."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._done.set()
            for job in self.jobs:
                if job.process is not None:
                    job.process.terminate()
        work, report = self._threads
        work.join()
        self._done.set()
        report.join()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the result and the output of each job."""
        for job in self.jobs:
            terminalreporter.section(f"{job.name}: {'passed' if job.status == 0 else 'FAILED'} in {job.seconds:.0f} s")
            terminalreporter.write_line(job.printed())

    def _run(self) -> None:
        for job in self.jobs:
            if not self._done.is_set():
                job.run()

    def _report(self, terminal: pytest.TerminalReporter) -> None:
        while not self._done.wait(PROGRESS_SECONDS):
            running = next((job for job in self.jobs if job.status is None), None)
            progress = f"; {running.name}: {running.printed().rpartition(chr(10))[2]}" if running else ""
            terminal.write_line(f"(running for {time.monotonic() - self._began:.0f} s{progress})")


def main() -> int:
    """Return the exit status of the tests and the jobs."""
    background = BackgroundJobs(
        [
            # pytest-timeout counts wall-clock time, which is long for a process with the lowest priority.
            Job("simulation", ("pytest", "--quiet", "--timeout=1800", "tests/simulation")),
            Job("schedules", ("tests.simulation", "--count", "10000")),
        ]
    )
    lanes = ["-n", str(LANES), "--dist", "loadscope", "--no-loadscope-reorder"]
    status = pytest.main(["--verbose", "--durations=40", *lanes, *(sys.argv[1:] or TESTS)], plugins=[background])
    return int(status) or int(any(job.status != 0 for job in background.jobs))


if __name__ == "__main__":
    sys.exit(main())
