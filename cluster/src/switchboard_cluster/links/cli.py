"""The commands `switchboard-cluster link` and `switchboard-cluster client-netns`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from switchboard_cluster import cluster
from switchboard_cluster.commands import Output, OutputOption, answer, register
from switchboard_cluster.layout import Paths, Slot
from switchboard_cluster.links import control, model, netns

link = typer.Typer(help="Set bandwidth, loss, delay and jitter of links.", no_args_is_help=True)
client_netns = typer.Typer(help="Manage network namespaces for clients, such as a browser.", no_args_is_help=True)
link_command = partial(register, link)
client_command = partial(register, client_netns)

TargetArgument = Annotated[str, typer.Argument(help="Node or client: node-2, client-alice, client-alice:wifi0.")]
ClientArgument = Annotated[str, typer.Argument(help="Name of the client.")]


def _slot() -> Slot:
    return cluster.need(Paths.of_checkout()).slot


@link_command
def set_(
    target: TargetArgument,
    conditions: Annotated[str, typer.Argument(help="rate=2mbit,loss=5%,delay=40ms,jitter=5ms,queue=200ms")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Set the conditions of a link, for both directions."""
    state = control.set_link(_slot(), target, model.LinkConditions.parse(conditions))
    answer(output, state.as_dict(), f"{state.target}: {str(state.conditions) or 'no conditions'}")


@link_command
def clear(target: TargetArgument, output: OutputOption = Output.TEXT) -> None:
    """Remove the conditions of a link."""
    state = control.clear_link(_slot(), target)
    answer(output, state.as_dict(), f"{state.target}: no conditions")


@link_command
def show(output: OutputOption = Output.TEXT) -> None:
    """Show all links and their conditions."""
    states = control.show_links(_slot())
    lines = [
        f"{state.target:<20} {str(state.conditions) or '-'}" + ("" if state.working else "  NOT WORKING")
        for state in states
    ]
    answer(output, {"links": [state.as_dict() for state in states]}, "\n".join(lines))


@client_command
def add(
    name: ClientArgument,
    interface: Annotated[
        list[str] | None, typer.Option(help="Name of an interface; the first one is preferred.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Create a namespace for a client."""
    made = netns.client_netns_add(_slot(), name, tuple(interface or netns.DEFAULT_INTERFACES))
    addresses = {one.device: one.address for one in made.interfaces}
    shown = ", ".join(f"{device} {address}" for device, address in addresses.items())
    answer(output, {"client": name, "netns": made.netns, "addresses": addresses}, f"{made.netns}: {shown}")


@client_command
def remove(name: ClientArgument, output: OutputOption = Output.TEXT) -> None:
    """Remove a client's namespace and kill the processes in it."""
    netns.client_netns_remove(_slot(), name)
    answer(output, {"removed": name}, f"removed {name}")


@client_command
def list_(output: OutputOption = Output.TEXT) -> None:
    """List client namespaces."""
    clients = netns.client_netns_list(_slot())
    data = [{"client": one.name, "netns": one.netns} for one in clients]
    answer(output, {"clients": data}, "\n".join(one.name for one in clients))


@client_command
def exec_(
    name: ClientArgument,
    argv: Annotated[list[str], typer.Argument(help="Program and arguments, after `--`.")],
) -> None:
    """Run a program in a client's namespace."""
    netns.client_netns_exec(_slot(), name, argv)


@client_command
def wrapper(
    name: ClientArgument,
    program: Annotated[Path, typer.Argument(help="Path of the program, such as /usr/bin/chromium.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Write a script that runs a program in a client's namespace, for tools that need a path."""
    script = netns.client_netns_wrapper(_slot(), name, program, Paths.of_checkout().root / "clients")
    answer(output, {"script": str(script)}, str(script))
