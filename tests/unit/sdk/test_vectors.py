"""The JavaScript client passes the shared vectors."""

import os
import subprocess
import sys
from pathlib import Path

from tools.npm import program

ROOT = Path(__file__).resolve().parents[3]


def test_the_javascript_client_passes_the_vectors() -> None:
    client = [program("node"), str(Path(__file__).with_name("vectors_client.mjs"))]
    run = subprocess.run(
        [sys.executable, "-m", "switchboard_signaling.wire.vectors", "--", *client],
        env={**os.environ, "SDK": str(ROOT / "sdk" / "src")}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\nok 1 - " in run.stdout
