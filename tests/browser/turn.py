"""A real TURN server on this machine for one test."""

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from tests.browser.processes import end
from tests.ports import LOOPBACK, free_port

START_SECONDS = 15.0
POLL_SECONDS = 0.05

Transport: TypeAlias = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True)
class TurnServer:
    """A running coturn; it listens on `tls_port` only if it was started with `tls`."""

    process: asyncio.subprocess.Process
    address: str
    port: int
    tls_port: int

    def url(self, transport: Transport = "udp") -> str:
        """Return its URL (RFC 7065)."""
        if transport == "tls":
            return f"turns:{self.address}:{self.tls_port}?transport=tcp"
        return f"turn:{self.address}:{self.port}?transport={transport}"

    async def kill(self) -> None:
        """Kill it, so that its clients are not notified."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def turn_server(
    folder: Path, secret: str, port: int = 0, address: str = LOOPBACK, *, tls: bool = False
) -> AsyncIterator[TurnServer]:
    """Run coturn with a shared secret; with `tls` also on a TLS port, with a self-signed certificate."""
    program = shutil.which("turnserver")
    assert program, "no turnserver. Remedy: apt-get install coturn"
    port, tls_port = port or free_port(address), free_port(address)
    options = {
        "listening-ip": address,
        "relay-ip": address,
        "listening-port": port,
        "realm": "switchboard.test",
        "static-auth-secret": secret,
        "pidfile": folder / "turn.pid",
        "userdb": folder / "turn.sqlite",
        "log-file": folder / "turn.log",
    }
    flags = ["use-auth-secret", "allow-loopback-peers", "no-cli", "no-dtls", "simple-log", "fingerprint"]
    if tls:
        options |= {"tls-listening-port": tls_port, **_certificate(folder, address)}
    else:
        flags.append("no-tls")
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
        for listening in [port, *([tls_port] if tls else [])]:
            await _listens(address, listening)
        yield TurnServer(process, address, port, tls_port)
    finally:
        await end(process)


def _certificate(folder: Path, address: str) -> dict[str, Path]:
    """Create a self-signed certificate; return coturn's options for it."""
    files = {"cert": folder / "turn-cert.pem", "pkey": folder / "turn-key.pem"}
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=turn", "-addext", f"subjectAltName=IP:{address}"]
    output = ["-keyout", str(files["pkey"]), "-out", str(files["cert"])]
    subprocess.run(["openssl", *request, *names, *output], check=True, capture_output=True, timeout=30)
    return files


async def _listens(address: str, port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:  # coturn opens its TCP and UDP listeners at the same time
            try:
                _, writer = await asyncio.open_connection(address, port)
            except OSError:
                await asyncio.sleep(POLL_SECONDS)
            else:
                writer.close()
                return
