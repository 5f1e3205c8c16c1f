"""Runs commands of the operating system."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from switchboard_cluster.errors import ClusterError


def in_netns(netns: str | None, argv: Sequence[str | Path]) -> list[str]:
    """Return `argv` wrapped to run in a network namespace.

    It uses `nsenter`, because `ip netns exec` remounts /sys and hides the cgroups from a container runtime.
    """
    entered = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
    return [*entered, *map(str, argv)]


def run(
    argv: Sequence[str | Path],
    *,
    netns: str | None = None,
    check: bool = True,
    timeout: float = 60.0,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command and return its result with its output. `timeout` is in seconds.

    Raises `ClusterError`: `missing-program`, `command-timed-out`, and with `check` `command-failed`, which contains the
    end of the output.
    """
    full = in_netns(netns, argv)
    try:
        done = subprocess.run(
            full, check=False, capture_output=True, text=True, timeout=timeout, input=stdin, env=env, errors="replace"
        )
    except FileNotFoundError as missing:
        raise ClusterError("missing-program", f"{full[0]} is not installed", f"install {full[0]}") from missing
    except subprocess.TimeoutExpired as late:
        raise ClusterError(
            "command-timed-out", f"`{' '.join(full)}` did not finish within {timeout:g} s", "run it manually to see why"
        ) from late
    if check and done.returncode != 0:
        printed = (done.stderr or done.stdout).strip()[-2000:]
        raise ClusterError(
            "command-failed", f"`{' '.join(full)}` failed ({done.returncode}): {printed}", "see the message above"
        )
    return done
