"""The command `switchboard-turn`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import json
import os
import signal
import sqlite3
import sys
import time
from pathlib import Path

import structlog

from switchboard_turn import agent
from switchboard_turn.allocation import ProbeError, TurnCredentials, parse_url, time_limited
from switchboard_turn.probe import ProbeResult, probe
from switchboard_turn.settings import AgentSettings, AgentSettingsError


def main() -> int:
    """Run the command line; returns the exit status: 0, or 1 after a failure that is printed."""
    parser = argparse.ArgumentParser(prog="switchboard-turn", description="The agent beside coturn.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser(
        "agent", help="sync coturn's secrets, probe it and report its health on the internal port, until SIGTERM"
    )
    commands.add_parser("write-secrets", help="write the mounted secrets into coturn's database, then exit")
    probing = commands.add_parser("probe", help="allocate on a TURN server over UDP, and print how long it took")
    probing.add_argument("url", help="turn:HOST[:PORT]")
    given = probing.add_mutually_exclusive_group(required=True)
    given.add_argument("--secret-file", type=Path, help="file with the server's shared secret")
    given.add_argument("--username", help="username; the password is prompted for, or read from standard input")
    probing.add_argument("--timeout", type=float, default=2.0, help="timeout in seconds (default: 2)")
    probing.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    _log_as_json()
    try:
        if arguments.command == "agent":
            asyncio.run(_until_stopped(AgentSettings.load(os.environ)))
        elif arguments.command == "write-secrets":
            agent.write_secrets(AgentSettings.load(os.environ))
        else:
            return _probe(arguments)
    except (AgentSettingsError, sqlite3.Error, OSError) as error:
        sys.stderr.write(f"switchboard-turn: {error}\n")
        return 1
    return 0


async def _until_stopped(settings: AgentSettings) -> None:
    task = asyncio.ensure_future(agent.run(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _probe(arguments: argparse.Namespace) -> int:
    try:
        answer = asyncio.run(probe(parse_url(arguments.url), _credentials(arguments), arguments.timeout))
    except ProbeError as error:
        failed = {"ok": False, "url": arguments.url, "code": error.code, "message": error.message}
        sys.stdout.write(f"{json.dumps(failed)}\n" if arguments.json else f"{arguments.url} failed: {error.message}\n")
        return 1
    sys.stdout.write(f"{_report(arguments.url, answer, as_json=arguments.json)}\n")
    return 0


def _credentials(arguments: argparse.Namespace) -> TurnCredentials:
    if arguments.secret_file:
        return time_limited(arguments.secret_file.read_text().strip(), "probe", int(time.time()) + agent.PROBE_TTL)
    password = getpass.getpass() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    return TurnCredentials(arguments.username, password)


def _report(url: str, answer: ProbeResult, *, as_json: bool) -> str:
    milliseconds = round(answer.seconds * 1000, 1)
    relayed = f"{answer.relayed[0]}:{answer.relayed[1]}"
    if as_json:
        return json.dumps({"ok": True, "url": url, "milliseconds": milliseconds, "relayed": relayed})
    return f"{url} allocated {relayed} in {milliseconds} ms"


def _log_as_json() -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
