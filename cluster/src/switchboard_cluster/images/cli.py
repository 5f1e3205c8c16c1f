"""The commands `switchboard-cluster images`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from switchboard_cluster import build
from switchboard_cluster.commands import Output, OutputOption, answer, register
from switchboard_cluster.errors import ClusterError
from switchboard_cluster.images.build import write_context
from switchboard_cluster.images.catalog import IMAGES, Version
from switchboard_cluster.layout import Paths
from switchboard_cluster.progress import Progress

images = typer.Typer(help="List container images, and build them with other tools.", no_args_is_help=True)
command = partial(register, images)


@command
def list_(output: OutputOption = Output.TEXT) -> None:
    """List the images and their Dockerfiles."""
    data = {image.name: image.dockerfile for image in IMAGES}
    answer(output, {"images": data}, "\n".join(f"{name:<10} {dockerfile}" for name, dockerfile in data.items()))


@command
def context(
    name: Annotated[str, typer.Argument(help="Name of the image.")],
    folder: Annotated[Path, typer.Argument(help="New or empty folder.")],
    python: Annotated[str, typer.Option(help="Python version of the base image, such as 3.14.")] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """Write the build context of an image, for `docker build FOLDER` or a similar tool."""
    paths, progress = Paths.of_checkout(), Progress()
    build.ensure(paths, progress)
    write_context(name, folder, python=_version(python), binaries=paths.bin, progress=progress)
    answer(output, {"context": str(folder)}, f"docker build {folder}")


def _version(text: str) -> Version | None:
    if not text:
        return None
    try:
        major, minor = (int(part) for part in text.split("."))
    except ValueError:
        raise ClusterError("bad-version", f"`{text}` is not a valid Python version", "write it like 3.14") from None
    return major, minor
