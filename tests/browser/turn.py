"""A real TURN server of this machine for one test."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

START_SECONDS = 15.0
POLL_SECONDS = 0.05


@asynccontextmanager
async def turn_server(folder: Path, secret: str) -> AsyncIterator[str]:
    """Run coturn on loopback with a shared secret; gives its URL."""
    program = shutil.which("turnserver")
    assert program, "no turnserver. Remedy: apt-get install coturn"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = {
        "listening-ip": "127.0.0.1",
        "relay-ip": "127.0.0.1",
        "listening-port": port,
        "realm": "switchboard.test",
        "static-auth-secret": secret,
        "pidfile": folder / "turn.pid",
        "userdb": folder / "turn.sqlite",
        "log-file": folder / "turn.log",
    }
    flags = ("use-auth-secret", "allow-loopback-peers", "no-cli", "no-tls", "no-dtls", "simple-log", "fingerprint")
    with (folder / "turn.out").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            "-n",
            *(f"--{name}={value}" for name, value in options.items()),
            *(f"--{flag}" for flag in flags),
            stdout=output,
            stderr=output,
        )
    try:
        await _listens(port)
        yield f"turn:127.0.0.1:{port}?transport=udp"
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 10)


async def _listens(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:  # coturn listens with TCP as soon as it does with UDP
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                writer.close()
                return
