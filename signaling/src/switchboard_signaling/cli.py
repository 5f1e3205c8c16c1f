"""The command `switchboard-signaling`."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import uvloop
from msgspec import json, to_builtins

from switchboard_signaling import config, logs
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.server.access.keys import KeysError
from switchboard_signaling.server.serve import serve
from switchboard_signaling.settings import ServerSettings


def main() -> int:
    """Run the command line; return the exit code: 0 after a graceful stop, 1 if it cannot start, 2 for wrong usage."""
    arguments = vars(_parser().parse_args())
    run: Callable[..., int] = arguments.pop("run")
    as_json = arguments.pop("json", False)
    given = {name: value for name, value in arguments.items() if value is not None}
    return run(given, as_json) if run is not _docs else _docs()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="switchboard-signaling", description="The signaling server of Switchboard.")
    commands = parser.add_subparsers(required=True)
    serving = commands.add_parser(
        "serve", help="serve clients; set environment variables to configure it (see `config docs`)"
    )
    serving.set_defaults(run=_serve)
    serving.add_argument("--host", help="address to listen on (SWITCHBOARD_HOST; unset: all addresses)")
    serving.add_argument("--port", dest="http_port", type=int, help="port for clients (SWITCHBOARD_HTTP_PORT)")
    serving.add_argument(
        "--internal-port", type=int, help="port for metrics, the operator and the admin API (SWITCHBOARD_INTERNAL_PORT)"
    )
    about = commands.add_parser("config", help="check, show or describe the settings").add_subparsers(required=True)
    for name, run, text in (
        ("check", _check, "list all problems of the settings; exit code 2 if there are any"),
        ("show", _show, "print the effective settings, without secrets"),
        ("docs", _docs, "print the reference of all settings, in Markdown"),
    ):
        command = about.add_parser(name, help=text)
        command.set_defaults(run=run)
        if run is not _docs:
            command.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _serve(given: Mapping[str, Any], _as_json: bool) -> int:
    settings = config.settings_or_problems(given)
    if not isinstance(settings, ServerSettings):
        return _refuse(settings)
    logs.configure(settings)
    try:
        uvloop.run(serve(settings, _print_url))
    except (OSError, TimeoutError, BrokerUnavailableError, KeysError) as error:
        sys.stderr.write(f"switchboard-signaling cannot start: {error}\n")
        return 1
    return 0


def _check(given: Mapping[str, Any], as_json: bool) -> int:
    settings = config.settings_or_problems(given)
    problems = [] if isinstance(settings, ServerSettings) else settings
    notes = config.notes(settings, os.environ) if isinstance(settings, ServerSettings) else []
    if as_json:
        _print_json({"ok": not problems, "problems": problems, "notes": notes})
        return 2 if problems else 0
    for note in notes:
        sys.stdout.write(f"note: {note}\n")
    if problems:
        return _refuse(problems)
    sys.stdout.write("The settings are valid.\n")
    return 0


def _show(given: Mapping[str, Any], as_json: bool) -> int:
    settings = config.settings_or_problems(given)
    if not isinstance(settings, ServerSettings):
        return _refuse(settings)
    shown = config.shown(settings)
    if as_json:
        _print_json({one.variable: {"value": one.value, "given": one.given} for one in shown})
        return 0
    for one in shown:
        value = "" if one.value is None else one.value
        sys.stdout.write(f"{one.variable}={value}{'' if one.given else '  # default'}\n")
    return 0


def _docs() -> int:
    sys.stdout.write(config.page())
    return 0


def _refuse(problems: list[config.SettingsProblem]) -> int:
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return 2


def _print_json(value: object) -> None:
    sys.stdout.write(json.format(json.encode(to_builtins(value)), indent=2).decode() + "\n")


def _print_url(host: str, port: int) -> None:
    sys.stdout.write(f"Switchboard is ready: http://{host}:{port}\n")
    sys.stdout.flush()
