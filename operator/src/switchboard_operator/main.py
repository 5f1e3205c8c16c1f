"""The command `switchboard-operator`.

Each command imports its dependencies when it runs, so that `decide` starts without the Kubernetes client and kopf.
"""

import argparse
import sys
from typing import BinaryIO


def main() -> None:
    """Run the command line. Exit with 1 and a remedy on a failure that the user can fix, with 2 on invalid settings."""
    parser = argparse.ArgumentParser(prog="switchboard-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="reconcile until SIGTERM")
    commands.add_parser("apply-crds", help="upgrade the CustomResourceDefinitions to this version, then exit")
    deciding = commands.add_parser(
        "decide",
        help="make autoscaling decisions: read one JSON observation per line, write one JSON decision per line",
        epilog="docs/reference/decide.md describes the format.",
    )
    deciding.add_argument("--stdin", action="store_true", required=True, help="read observations from standard input")
    command = parser.parse_args().command
    if command == "decide":
        decide(sys.stdin.buffer, sys.stdout.buffer)
    else:
        _operate(command)


def decide(lines: BinaryIO, answers: BinaryIO) -> None:
    """Answer each line at once until the input ends or the output is closed."""
    from switchboard_operator.pools.autoscaling.decide import LoadHistory
    from switchboard_operator.pools.autoscaling.lines import answer

    history = LoadHistory()
    for line in lines:
        if not line.strip():
            continue
        history, reply = answer(history, line)
        try:
            answers.write(reply + b"\n")
            answers.flush()
        except BrokenPipeError:
            return


def _operate(command: str) -> None:
    import asyncio

    from switchboard_operator.kube import KubeError
    from switchboard_operator.runtime.run import OperatorError, run
    from switchboard_operator.runtime.settings import OperatorSettings, OperatorSettingsError
    from switchboard_operator.runtime.upgrade import apply_crds

    _log_as_json()
    try:
        if command == "run":
            asyncio.run(run(OperatorSettings.load()))
        else:
            asyncio.run(apply_crds())
    except OperatorSettingsError as error:
        sys.stderr.write(f"switchboard-operator: invalid settings\n{error}\n")
        sys.exit(2)
    except (KubeError, OperatorError) as error:
        sys.exit(f"switchboard-operator: {error}")


def _log_as_json() -> None:
    """Log one JSON line per event to stderr, including events of libraries."""
    import logging

    import structlog
    from structlog.tracebacks import ExceptionDictTransformer

    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        # Without local variables, which may be tokens and keys.
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    renderer = structlog.processors.JSONRenderer()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("asyncio").setLevel(logging.ERROR)


if __name__ == "__main__":
    main()
