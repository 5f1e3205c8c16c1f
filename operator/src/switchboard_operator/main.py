"""The command `switchboard-operator`."""

import argparse
import asyncio
import logging
import os
import sys

import structlog

from switchboard_operator.kube import KubeError
from switchboard_operator.run import run
from switchboard_operator.settings import Settings, SettingsError
from switchboard_operator.upgrade import apply_crds


def main() -> None:
    """Run the command line; exits with 1 and a remedy on a failure that the user can mend."""
    parser = argparse.ArgumentParser(prog="switchboard-operator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="reconcile until SIGTERM")
    commands.add_parser("apply-crds", help="bring the CustomResourceDefinitions to this version, then end")
    arguments = parser.parse_args()
    _log_as_json()
    try:
        if arguments.command == "run":
            asyncio.run(run(Settings.load(os.environ)))
        else:
            asyncio.run(apply_crds())
    except (SettingsError, KubeError) as error:
        sys.exit(f"switchboard-operator: {error}")


def _log_as_json() -> None:
    """One JSON line an event on stderr, those of libraries too."""
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.dict_tracebacks,
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
