"""The browser's pure modules by themselves, and the types of all of them."""

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest
from tests.npm import npm_packages

ROOT = Path(__file__).resolve().parents[4]
HERE = Path(__file__).parent
SDK = str(resources.files("switchboard_signaling") / "web" / "sdk")
MODULES = ["ice", "match", "quality", "recovery", "report", "problems", "session", "words", "react"]


@pytest.mark.parametrize("module", MODULES)
def test_the_module_does_what_its_tests_say(module: str) -> None:
    node = shutil.which("node")
    assert node, "node is not on PATH. Remedy: install Node.js 20.19 or newer"
    errors = str(ROOT / "docs" / "reference" / "protocol-errors.md")
    folders = {"SDK": SDK, "ERRORS": errors, "NPM": str(npm_packages())}
    run = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(HERE / f"{module}.test.mjs")],
        env={**os.environ, **folders}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout


def test_the_types_hold() -> None:
    compiler = npm_packages() / "typescript" / "bin" / "tsc"
    node = shutil.which("node")
    assert node
    run = subprocess.run(
        [node, str(compiler), "--project", str(ROOT / "signaling")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
