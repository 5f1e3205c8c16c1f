"""The command `switchboard-operator`.

Each command imports what it needs when it runs: `decide` starts without the Kubernetes client and the framework.
"""

import argparse
import sys
from typing import BinaryIO


def main() -> None:
    """Run the command line; exits with 1 and a remedy on a failure that the user can fix, with 2 on wrong settings."""
    parser = argparse.ArgumentParser(prog="switchboard-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="reconcile until SIGTERM")
    commands.add_parser("apply-crds", help="bring the CustomResourceDefinitions to this version, then end")
    deciding = commands.add_parser(
        "decide",
        help="make autoscaling decisions: a JSON observation a line in, a JSON decision a line out",
        epilog="The lines are described in docs/reference/decide.md.",
    )
    deciding.add_argument("--stdin", action="store_true", required=True, help="read the observations from here")
    command = parser.parse_args().command
    if command == "decide":
        decide(sys.stdin.buffer, sys.stdout.buffer)
    else:
        _operate(command)


def decide(lines: BinaryIO, answers: BinaryIO) -> None:
    """Answer each line at once, until the end of the input or until nobody reads the answers any more."""
    from switchboard_operator.pools.autoscaling.decide import LoadHistory
    from switchboard_operator.pools.autoscaling.lines import answer

    history = LoadHistory()
    for line in lines:
        if not line.strip():
            continue
        history, said = answer(history, line)
        try:
            answers.write(said + b"\n")
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
        sys.stderr.write(f"switchboard-operator: the settings are wrong\n{error}\n")
        sys.exit(2)
    except (KubeError, OperatorError) as error:
        sys.exit(f"switchboard-operator: {error}")


def _log_as_json() -> None:
    """One JSON line an event on stderr, those of libraries too."""
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
