"""Servers as processes of their own, and what the kernel says that they use."""

import asyncio
import os
import re
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 10.0
SERVER_CORE: Final = 0
LOAD_CORE: Final = 1
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """A server that runs and listens."""

    pid: int
    port: int


@asynccontextmanager
async def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Run a server on its own core; it says its port at the end of its first line, after a colon.

    Raises RuntimeError for one that says nothing of the kind.
    """
    process = await asyncio.create_subprocess_exec(
        "taskset", "--cpu-list", str(SERVER_CORE), *command,
        env=dict(os.environ) | dict(environment or {}), stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = (await process.stdout.readline()).decode()
        found = re.search(r":(\d+)\s*$", line)
        if found is None:
            raise RuntimeError(f"{command[0]} did not start; its first line is {line!r}")
        yield Server(process.pid, int(found[1]))
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has used (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kb(pid: int) -> int:
    """Return a process's resident memory in KiB (proc(5), VmRSS)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]


def stolen() -> tuple[int, int]:
    """Return the ticks that the hypervisor gave to others, and all ticks, since the machine started (proc(5))."""
    numbers = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return numbers[7], sum(numbers)


def raise_file_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system lets it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(most, 1 << 20)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
