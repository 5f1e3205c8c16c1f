"""Run commands of the operating system: the only module that starts them and waits for them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from switchboard_cluster.errors import ClusterError


def in_netns(netns: str | None, argv: Sequence[str | Path]) -> list[str]:
    """Return the command that runs `argv` in a network namespace; `argv` itself if that is None.

    It uses `nsenter`, since `ip netns exec` remounts /sys, which hides the cgroups from a container runtime.
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
    """Run a command within `timeout` seconds, and return its result.

    Raises `ClusterError`: "missing-program", "command-timed-out", and with `check`, "command-failed" with the end of
    the output for an exit status other than 0.
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
            "command-timed-out", f"`{' '.join(full)}` did not exit within {timeout:g} s", "run it by hand to see why"
        ) from late
    if check and done.returncode != 0:
        output = (done.stderr or done.stdout).strip()[-2000:]
        raise ClusterError(
            "command-failed", f"`{' '.join(full)}` failed ({done.returncode}): {output}", "see the message above"
        )
    return done
