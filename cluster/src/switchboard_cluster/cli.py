"""The command `switchboard-cluster`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from switchboard_cluster import backends, cluster, images, inventory, network, preflight, processes, slots
from switchboard_cluster import build as builds
from switchboard_cluster import quickstart as quickstarts
from switchboard_cluster.api import ApiServer
from switchboard_cluster.backends import Backend
from switchboard_cluster.commands import Output, OutputOption, answer, register
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images import cli as images_cli
from switchboard_cluster.layout import Paths
from switchboard_cluster.links import cli as links_cli
from switchboard_cluster.progress import Progress

app = typer.Typer(
    help="A real Kubernetes cluster on one Linux machine, without a container registry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


NodeArgument = Annotated[str, typer.Argument(help="Name of a node: node-1, node-2, …")]
NodesArgument = Annotated[list[str] | None, typer.Argument(help="Names of nodes (default: all).")]


command = partial(register, app)


@command
def up(
    nodes: Annotated[int, typer.Option(help="Number of nodes.")] = 3,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start the cluster and wait until it is ready."""
    paths, progress = Paths.of_checkout(), Progress()
    started = cluster.up(paths, nodes, progress)
    data = {"started": started, "seconds": round(progress.elapsed, 1), "kubeconfig": str(paths.kubeconfig)}
    result = f"ready in {progress.elapsed:.1f} s" if started else "already running"
    answer(output, data, f"{result}\nexport KUBECONFIG={paths.kubeconfig}")


@command
def quickstart(
    backend: Annotated[
        Backend | None, typer.Option(help="Type of cluster (default: embedded on Linux as root, else kind).")
    ] = None,
    nodes: Annotated[int, typer.Option(help="Number of nodes.")] = 3,
    port: Annotated[int, typer.Option(help="Port on localhost.", min=1, max=65535)] = 8080,
    registry: Annotated[
        str, typer.Option(help="Registry that the cluster of the current context pulls images from.")
    ] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """Start a cluster, install Switchboard with a pool, and expose the pool on localhost."""
    made = quickstarts.start(backend or backends.default(), nodes, port, registry, Progress())
    text = f"\nSwitchboard is running (started in {made.seconds:.0f} s). Open this in two tabs:\n\n    {made.url}\n"
    answer(output, asdict(made), text)


@command
def forward(
    service: Annotated[str, typer.Argument(help="NAMESPACE/NAME of a Service of type NodePort.")],
    port: Annotated[int, typer.Option(help="Port on localhost.", min=1, max=65535)] = 8080,
) -> None:
    """Forward a port on localhost to a Service through all nodes, until Ctrl-C."""
    from switchboard_cluster import forwarder

    namespace, _, name = service.partition("/")
    forwarder.serve(Paths.of_checkout().kubeconfig, namespace, name, port)


@command
def push_images(
    registry: Annotated[str, typer.Argument(help="Registry, such as registry.example.com/team.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Push the images to a registry, for another cluster."""
    references = backends.push(Paths.of_checkout(), registry, images.names(), Progress())
    answer(output, {"images": references}, "\n".join(references))


@command
def down(
    every: Annotated[bool, typer.Option("--all", help="Also remove the clusters of other checkouts.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Remove the cluster and everything that it left on this machine, even after a crash."""
    homes = {Paths.of_checkout().root, *(slots.owners().values() if every else ())}
    left = [line for home in sorted(homes) for line in cluster.down(Paths(home), Progress())]
    answer(output, {"left": left}, "\n".join(["could not remove:", *left]) if left else "removed")
    if left:
        raise typer.Exit(1)


@command
def status(
    every: Annotated[bool, typer.Option("--all", help="Also list the clusters of other checkouts.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what is running, or what a crash has left behind."""
    paths = Paths.of_checkout()
    found = cluster.running(paths)
    data: dict[str, Any] = {"running": found is not None}
    lines = []
    if found:
        units = processes.units(found.slot)
        ready = cluster.readiness(ApiServer(paths.kubeconfig), found.nodes)
        data |= {"slot": found.slot.number, "api": found.slot.api_url, "kubeconfig": str(paths.kubeconfig)}
        data["components"] = {name: name in units for name in cluster.component_names(found, paths)}
        data["nodes"] = [
            {
                "name": node.name,
                "address": node.address,
                "region": node.region,
                "ready": ready[node.name],
                "link": "up" if network.node_link_is_up(node) else "down",
            }
            for node in found.nodes
        ]
        lines = [f"API server {found.slot.api_url}, export KUBECONFIG={paths.kubeconfig}"]
        lines += [
            f"{node['name']}  {node['address']:<12} {node['region']:<9} ready={node['ready']} link={node['link']}"
            for node in data["nodes"]
        ]
        lines += [f"not running: {name}" for name, runs in data["components"].items() if not runs]
    else:
        slot = slots.of(paths.root)
        data["left"] = inventory.take(slot, paths).lines() if slot else []
        lines = ["no cluster is running for this checkout"]
        lines += [f"left behind by a crash (remedy: switchboard-cluster down): {one}" for one in data["left"]]
    if every:
        data["slots"] = {str(number): str(owner) for number, owner in slots.owners().items()}
        lines += [f"slot {number}: {owner}" for number, owner in data["slots"].items()]
    answer(output, data, "\n".join(lines))


@command
def build(output: OutputOption = Output.TEXT) -> None:
    """Build the binaries and images that are not in the cache."""
    preflight.check_installed()  # before minutes of building
    paths, progress = Paths.of_checkout(), Progress()
    with cluster.exclusive(paths, "builds", progress):
        binaries = builds.ensure(paths, progress)
        made = images.ensure(images.names(), binaries=paths.bin, progress=progress)
    data = {
        "binaries": {module.name: module.name in binaries for module in builds.MODULES},
        "images": {name: {"reference": one.reference, "built": one.built} for name, one in made.items()},
        "seconds": round(progress.elapsed, 1),
    }
    new = [*binaries, *(name for name, one in made.items() if one.built)]
    answer(output, data, f"built: {', '.join(new)}" if new else "everything is already built")


@command
def load_images(
    names: Annotated[list[str] | None, typer.Argument(help="Names of images (default: all).")] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Build changed images and load them into all nodes."""
    paths, progress = Paths.of_checkout(), Progress()
    found = cluster.need(paths)
    made = images.ensure(names or images.names(), binaries=paths.bin, progress=progress)
    images.load(list(made.values()), cluster.targets(paths, cluster.alive_nodes(found)))
    data = {name: one.reference for name, one in made.items()}
    answer(output, data, "\n".join(f"{name:<10} {reference}" for name, reference in data.items()))


@command
def kill_node(node: NodeArgument, output: OutputOption = Output.TEXT) -> None:
    """Kill a node, like a power failure."""
    cluster.kill_node(Paths.of_checkout(), node)
    answer(output, {"killed": node}, f"{node} is dead")


@command
def start_node(node: NodeArgument, output: OutputOption = Output.TEXT) -> None:
    """Start a killed node again, with its old disk."""
    cluster.start_node(Paths.of_checkout(), node)
    answer(output, {"started": node}, f"{node} is starting")


@command
def partition(
    nodes: Annotated[list[str], typer.Argument(help="Names of nodes.")], output: OutputOption = Output.TEXT
) -> None:
    """Disconnect nodes from the network; their processes keep running."""
    cluster.partition(Paths.of_checkout(), nodes, cut=True)
    answer(output, {"disconnected": nodes}, f"disconnected: {', '.join(nodes)}")


@command
def reconnect(nodes: NodesArgument = None, output: OutputOption = Output.TEXT) -> None:
    """Reconnect nodes to the network."""
    paths = Paths.of_checkout()
    names = nodes or [node.name for node in cluster.need(paths).nodes]
    cluster.partition(paths, names, cut=False)
    answer(output, {"reconnected": names}, f"reconnected: {', '.join(names)}")


@command
def restart(
    component: Annotated[str, typer.Argument(help="Component, such as kube-apiserver or kubelet-node-1.")],
    output: OutputOption = Output.TEXT,
) -> None:
    """Kill a component and start it again."""
    cluster.restart(Paths.of_checkout(), component)
    answer(output, {"restarted": component}, f"{component} is starting")


@command
def logs(
    component: Annotated[
        str | None, typer.Argument(help="Component, such as kube-apiserver (default: list all).")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log.")] = False,
    lines: Annotated[int, typer.Option(help="Number of lines from the end.")] = 200,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the log of a component; `down` keeps it."""
    paths = Paths.of_checkout()
    known = sorted(path.stem for path in paths.logs.glob("*.log"))
    if component is None:
        answer(output, {"logs": {name: str(paths.log(name)) for name in known}}, "\n".join(known))
        return
    if component not in known:
        raise ClusterError(
            "no-such-log", f"there is no log of {component}", f"the logs are: {', '.join(known) or 'none'}"
        )
    tail = ["tail", f"--lines={lines}", *(["--follow"] if follow else []), str(paths.log(component))]
    raise typer.Exit(subprocess.run(tail, check=False).returncode)


@command
def exec_(
    place: Annotated[str, typer.Argument(help="Name of a node, or `control-plane`.")],
    argv: Annotated[list[str], typer.Argument(help="Command to run, after `--`.")],
    output: OutputOption = Output.TEXT,  # format of errors
) -> None:
    """Run a command in the namespaces of a node or of the control plane."""
    found = cluster.need(Paths.of_checkout())
    holder = found.slot.control_plane_holder if place == "control-plane" else found.node(place).holder
    if (pid := processes.units(found.slot).get(holder)) is None:
        remedy = "switchboard-cluster up" if place == "control-plane" else f"switchboard-cluster start-node {place}"
        raise ClusterError("node-dead", f"{place} is dead", remedy)
    sys.stdout.flush()
    os.execvp("nsenter", ["nsenter", f"--target={pid}", "--mount", "--net", "--", *argv])  # noqa: S606


app.add_typer(images_cli.images, name="images")
app.add_typer(links_cli.link, name="link")
app.add_typer(links_cli.client_netns, name="client-netns")


def main() -> None:
    """Run the command line."""
    app()
