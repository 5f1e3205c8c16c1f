"""The command `kubectl-switchboard`, which kubectl finds on the PATH as `kubectl switchboard`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

import orjson

from switchboard_crds import names
from switchboard_crds.signaling_pool import SignalingPool
from switchboard_operator.cli.report import report, text
from switchboard_operator.kinds import api_of_kind
from switchboard_operator.kube import Kube, KubeError, current_namespace
from switchboard_operator.kube.resources import EVENT, Json


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line. Exit with 1 and a remedy if the cluster cannot be read."""
    parser = argparse.ArgumentParser(prog="kubectl switchboard", description="Inspect Switchboard in a cluster.")
    commands = parser.add_subparsers(dest="command", required=True)
    status = commands.add_parser(
        "status", help="show pools, their sessions, and the latest scaling decisions with reasons"
    )
    where = status.add_mutually_exclusive_group()
    where.add_argument("-n", "--namespace", help="namespace of the pools (default: that of the current context)")
    where.add_argument("-A", "--all-namespaces", action="store_true", help="show the pools of all namespaces")
    status.add_argument("-o", "--output", choices=("text", "json"), default="text", help="output format")
    arguments = parser.parse_args(argv)
    namespace = None if arguments.all_namespaces else arguments.namespace or current_namespace()
    try:
        pools, events = asyncio.run(_read(namespace))
    except KubeError as error:
        sys.exit(f"kubectl switchboard: {error}")
    found = report(pools, events)
    as_json = arguments.output == "json"
    sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n" if as_json else text(found))


async def _read(namespace: str | None) -> tuple[list[SignalingPool], list[Json]]:
    kube = await Kube.load(names.FIELD_MANAGER)
    try:
        pools, _ = await kube.list(api_of_kind(names.SIGNALING_POOL), namespace)
        events, _ = await kube.list(EVENT, namespace)
    finally:
        await kube.close()
    return [SignalingPool.model_validate(pool) for pool in pools], events
