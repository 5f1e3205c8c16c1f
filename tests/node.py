"""Tests and type checks in JavaScript, run by Node.js."""

import os
import re
import subprocess
import tarfile
from pathlib import Path

from tools.npm import ROOT, npm_packages, program, tool


def run_tests(tests: Path, **environment: str) -> None:
    """Run a file of tests with additional environment variables; fails with their output."""
    run = subprocess.run(
        [program("node"), "--test", "--test-reporter=tap", str(tests)],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout


def check_types(project: Path) -> None:
    """Check the types of a folder with a tsconfig.json; fails with the compiler's output."""
    tool("typescript", "bin/tsc", "--project", str(project))


def install(package: Path, project: Path) -> Path:
    """Install a packed npm package, and the pinned packages beside it, into a project; return the package's folder."""
    modules = project / "node_modules"
    modules.mkdir(parents=True)
    for pinned in npm_packages().iterdir():
        (modules / pinned.name).symlink_to(pinned)
    with tarfile.open(package) as archive:
        archive.extractall(project, filter="data")
    return (project / "package").rename(modules / "switchboard-webrtc")


def readme_example(language: str) -> str:
    """Return the only example in a language of the SDK's README."""
    [found] = re.findall(rf"```{language}\n(.*?)```", (ROOT / "sdk" / "README.md").read_text(), re.DOTALL)
    return str(found)
