"""Tests in JavaScript, run by Node.js."""

import os
import shutil
import subprocess
from pathlib import Path


def node() -> str:
    """Return the path of Node.js."""
    found = shutil.which("node")
    assert found, "node is not on PATH. Remedy: install Node.js 20.19 or newer"
    return found


def run_tests(tests: Path, **environment: str) -> None:
    """Run a file of tests, with more in its environment; fails with what it printed."""
    run = subprocess.run(
        [node(), "--test", "--test-reporter=tap", str(tests)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout
