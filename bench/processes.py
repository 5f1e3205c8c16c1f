"""Run servers in processes of their own, and read their CPU time and memory from the kernel."""

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
    """A running server and the port that it listens on."""

    pid: int
    port: int


@asynccontextmanager
async def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> AsyncIterator[Server]:
    """Run a server on its own core, and wait for a line of output that ends with a colon and its port.

    Raises RuntimeError if the server exits before, and TimeoutError if there is no such line within START_SECONDS.
    """
    process = await asyncio.create_subprocess_exec(
        "taskset", "--cpu-list", str(SERVER_CORE), *command,
        env=dict(os.environ) | dict(environment or {}), stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    drain = None
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            port = await _port(process.stdout, command[0])
        drain = asyncio.create_task(_discard(process.stdout))  # a full pipe would block the server's log
        yield Server(process.pid, port)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
        if drain is not None:
            await drain


async def _port(output: asyncio.StreamReader, program: str) -> int:
    while line := (await output.readline()).decode():
        if found := re.search(r":(\d+)\s*$", line):
            return int(found[1])
    raise RuntimeError(f"{program} exited without printing its port")


async def _discard(output: asyncio.StreamReader) -> None:
    while await output.read(1 << 16):
        pass


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process in seconds (proc(5), fields 14 and 15 of stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_kb(pid: int) -> int:
    """Return a process's resident memory in KiB (proc(5), VmRSS)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])  # type: ignore[index]


def stolen() -> tuple[int, int]:
    """Return the ticks that the hypervisor gave to other guests, and all ticks, since boot (proc(5))."""
    numbers = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return numbers[7], sum(numbers)


def raise_file_limit() -> None:
    """Raise the limit of open files for this process and its children as far as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = max(hard, 1 << 20)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, target))
    except (OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
