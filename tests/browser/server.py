"""The real signaling server, on free ports for one test."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.processes import end

START_SECONDS = 30.0
"""Generous, for machines that run other tests at the same time."""


@dataclass
class Server:
    """A running `switchboard-signaling serve`."""

    url: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def signaling_server(log: Path, port: int = 0, host: str = "127.0.0.1", **settings: str) -> AsyncIterator[Server]:
    """Run the server with settings (names without their prefix), and wait until it has printed its URL."""
    environment = {f"SWITCHBOARD_{name}": value for name, value in settings.items()}
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("switchboard-signaling")),
            *("serve", "--host", host, "--port", str(port), "--internal-port", "0"),
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    drain = None
    try:
        assert process.stdout
        async with asyncio.timeout(START_SECONDS):
            url = await _url(process.stdout, log)
        drain = asyncio.create_task(_copy(process.stdout, log))
        yield Server(url.replace("127.0.0.1", "localhost"), process)
    finally:
        await end(process)
        if drain is not None:
            await drain


async def _url(stream: asyncio.StreamReader, log: Path) -> str:
    """Return the URL that the server prints once it is ready; write the lines before it to the log."""
    with log.open("ab") as file:
        while line := await stream.readline():
            file.write(line)
            file.flush()
            if found := re.search(rb"ready: (http://\S+)", line):
                return found[1].decode()
    raise AssertionError(f"the server ended without a URL; see {log}")


async def _copy(stream: asyncio.StreamReader, log: Path) -> None:
    with log.open("ab") as file:
        while line := await stream.readline():
            file.write(line)
