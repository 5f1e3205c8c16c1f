"""A browser on a laptop whose lid can be closed: all its processes are stopped, as during sleep."""

import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser
from tests.browser.call import chromium

PROC = Path("/proc")


@dataclass(frozen=True)
class Lid:
    """The lid of the laptop that runs one browser."""

    mark: bytes

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Stop the browser's processes within the block."""
        asleep = self._processes()
        assert asleep, "the browser's processes were not found"
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in asleep:
                os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """Return the browser's process and all its descendants."""
        parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
        found = [pid for pid in parents if self.mark in _command(pid)]
        for pid in found:
            found += [child for child, parent in parents.items() if parent == pid and child not in found]
        return found


@asynccontextmanager
async def laptop() -> AsyncIterator[tuple[Lid, Browser]]:
    """Run a browser on a laptop of its own."""
    mark = f"--laptop={secrets.token_hex(8)}"
    async with chromium(mark) as browser:
        yield Lid(mark.encode()), browser


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal()]


def _parent(pid: int) -> int | None:
    try:
        stat = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None  # ended meanwhile
    return int(stat.rpartition(")")[2].split()[1])


def _command(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
