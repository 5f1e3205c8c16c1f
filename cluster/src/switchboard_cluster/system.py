"""Commands of the operating system: the only place that starts them and waits for them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from switchboard_cluster.errors import ClusterError


def in_netns(netns: str | None, argv: Sequence[str | Path]) -> list[str]:
    """Return `argv` so that it runs in a network namespace.

    `nsenter`, not `ip netns exec`: that one remounts /sys and hides the cgroups from a container runtime.
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
    """Run a command to its end, within `timeout` seconds, and return what it printed.

    With `check`, an exit status other than 0 raises `ClusterError("command-failed")` with the end of its output.
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
            "command-timed-out", f"`{' '.join(full)}` did not end within {timeout:g} s", "run it by hand to see why"
        ) from late
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise ClusterError(
            "command-failed", f"`{' '.join(full)}` failed ({done.returncode}): {said}", "see the message above"
        )
    return done
