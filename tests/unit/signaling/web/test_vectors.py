"""The JavaScript client does what the shared vectors say."""

import os
import shutil
import subprocess
from importlib import resources
from pathlib import Path

PACKAGE = resources.files("switchboard_signaling")
TESTS = Path(__file__).with_name("vectors.test.mjs")


def test_the_javascript_client_obeys_the_vectors() -> None:
    node = shutil.which("node")
    assert node, "node is not on PATH. Remedy: install Node.js 20.19 or newer"
    folders = {"SDK": str(PACKAGE / "web" / "sdk"), "VECTORS": str(PACKAGE / "wire" / "vectors")}
    run = subprocess.run(
        [node, "--test", "--test-reporter=tap", str(TESTS)],
        env={**os.environ, **folders}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "# pass 0" not in run.stdout
