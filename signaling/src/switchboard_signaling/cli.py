"""The command `switchboard-signaling`."""

import argparse
import sys

import uvloop
from pydantic import ValidationError

from switchboard_signaling import logs
from switchboard_signaling.broker.interface import BrokerUnavailableError
from switchboard_signaling.server.keys import KeysError
from switchboard_signaling.server.serve import serve
from switchboard_signaling.settings import Settings


def main() -> int:
    """Run the command line; returns the exit code: 0 after a graceful stop, 1 if it cannot start, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="switchboard-signaling", description="The signaling server of Switchboard.")
    commands = parser.add_subparsers(required=True)
    serving = commands.add_parser(
        "serve", help="serve clients; settings are environment variables with the prefix SWITCHBOARD_"
    )
    serving.add_argument("--host", help="address to listen on (SWITCHBOARD_HOST; all of them if left out)")
    serving.add_argument("--port", dest="http_port", type=int, help="port for clients (SWITCHBOARD_HTTP_PORT)")
    serving.add_argument("--internal-port", type=int, help="port for metrics and operator (SWITCHBOARD_INTERNAL_PORT)")
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        sys.stderr.write(f"{_explain(error)}\n")
        return 2
    logs.configure(settings.environment)
    try:
        uvloop.run(serve(settings, _print_url))
    except (OSError, TimeoutError, BrokerUnavailableError, KeysError) as error:
        sys.stderr.write(f"switchboard-signaling cannot start: {error}\n")
        return 1
    return 0


def _print_url(host: str, port: int) -> None:
    sys.stdout.write(f"Switchboard is ready: http://{host}:{port}\n")
    sys.stdout.flush()


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = "_".join(str(part) for part in problem["loc"][:1]).upper()
        lines.append(f"SWITCHBOARD_{name}: {problem['msg']}" if name else problem["msg"])
    return "\n".join(lines)
