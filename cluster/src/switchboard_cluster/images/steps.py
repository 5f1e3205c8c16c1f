"""Long-running commands, with their output in a log and their progress on the terminal."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.progress import Progress

TIMEOUT = 1200.0
"""Seconds after which a step counts as hung: ten times the slowest step on two cores."""


def run(
    argv: Sequence[str | Path],
    title: str,
    log: Path,
    progress: Progress,
    *,
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Run a command and append its output to `log`. `timeout` is in seconds.

    Raises `ClusterError("image-step-failed")` with the last line of the output if it fails or times out.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("ab") as output:
        output.write(f"== {title}\n".encode())  # not the arguments: the URL of a proxy may contain a password
        output.flush()
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=cwd) as process:
            try:
                while _runs(process) and time.monotonic() - began < timeout:
                    progress.tick(f"{title}: {time.monotonic() - began:.0f} s")
            finally:
                process.kill()
    if process.returncode != 0:
        raise ClusterError(
            "image-step-failed",
            f"{title} failed ({process.returncode}): {_last_line(log)}",
            "read the log; builds need network access and disk space",
            log,
        )


def _runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][-300:]
