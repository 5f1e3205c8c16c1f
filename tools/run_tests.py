"""Run the tests that need the cluster, Chromium or real servers, and simulate schedules below them.

Most of these tests wait, so that lanes of them run side by side (lanes.py). What only computes runs meanwhile, at
the lowest priority: it takes what processor time the others leave, and none of its results depends on time.
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
"""At a time. Two pairs of browsers, or a pair beside two clusters, are more than two processors carry."""
SAY_SECONDS = 50.0


@dataclass
class Job:
    """A command that runs below the tests."""

    name: str
    argv: tuple[str, ...]
    status: int | None = None
    seconds: float = 0.0
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """Where its output is kept."""
        return LOGS / f"{self.name}.log"

    def run(self) -> None:
        """Run it to its end."""
        began = time.monotonic()
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", *self.argv]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
            yield_processors(self.process.pid)
            self.status = self.process.wait()
        self.seconds = time.monotonic() - began

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(errors="replace").rstrip() if self.process else ""


def yield_processors(pid: int) -> None:
    """Let a process, and those that it will start, run only while nobody else wants to."""
    if sys.platform == "linux":
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.setpriority(os.PRIO_PROCESS, pid, 19)


@dataclass
class Below:
    """A pytest plugin: runs jobs one after another while tests run, and shows their output above the closing line."""

    jobs: list[Job]
    _began: float = field(default_factory=time.monotonic)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Begin."""
        LOGS.mkdir(parents=True, exist_ok=True)
        terminal = session.config.pluginmanager.getplugin("terminalreporter")
        self._threads = [threading.Thread(target=self._run), threading.Thread(target=self._say, args=[terminal])]
        for thread in self._threads:
            thread.start()

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Wait for the jobs, so that the closing line comes last; if the tests were broken off, so are the jobs."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._over.set()
            for job in self.jobs:
                if job.process is not None:
                    job.process.terminate()
        work, say = self._threads
        work.join()
        self._over.set()
        say.join()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show what each job printed."""
        for job in self.jobs:
            terminalreporter.section(f"{job.name}: {'passed' if job.status == 0 else 'FAILED'} in {job.seconds:.0f} s")
            terminalreporter.write_line(job.printed())

    def _run(self) -> None:
        for job in self.jobs:
            if not self._over.is_set():
                job.run()

    def _say(self, terminal: pytest.TerminalReporter) -> None:
        while not self._over.wait(SAY_SECONDS):
            running = next((job for job in self.jobs if job.status is None), None)
            beside = f"; {running.name}: {running.printed().rpartition(chr(10))[2]}" if running else ""
            terminal.write_line(f"(running for {time.monotonic() - self._began:.0f} s{beside})")


def main() -> int:
    """Return the exit status for the tests and for the jobs."""
    below = Below(
        [
            # Its clock is the wall's, and says nothing of a process that runs when nobody else does.
            Job("simulation", ("pytest", "--quiet", "--timeout=1800", "tests/simulation")),
            Job("schedules", ("tests.simulation", "--count", "10000")),
        ]
    )
    lanes = ["-n", str(LANES), "--dist", "loadscope", "--no-loadscope-reorder"]
    status = pytest.main(["--verbose", "--durations=40", *lanes, *(sys.argv[1:] or TESTS)], plugins=[below])
    return int(status) or int(any(job.status != 0 for job in below.jobs))


if __name__ == "__main__":
    sys.exit(main())
