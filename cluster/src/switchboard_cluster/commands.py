"""Output and errors of all commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Annotated, Any

import typer

from switchboard_cluster.errors import ClusterError
from switchboard_cluster.progress import console


class Output(StrEnum):
    """Output format of a command."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Output format.")]


def answer(output: Output, data: dict[str, Any], text: str) -> None:
    """Print the result of a command: `data` as JSON, or `text`."""
    typer.echo(json.dumps(data) if output is Output.JSON else text)


def register(app: typer.Typer, function: Callable[..., None]) -> Callable[..., None]:
    """Register a command. A `ClusterError` is printed with its remedy and log, and exits with status 1."""

    @wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except ClusterError as error:
            if kwargs.get("output") is Output.JSON:
                typer.echo(json.dumps({"error": error.as_dict()}))
            console.print(f"[bold red]error[/] ({error.code}): ", end="")
            console.print(error.message, markup=False)
            console.print("remedy: ", style="bold", end="")
            console.print(error.remedy, markup=False)
            if error.log:
                console.print(f"log: {error.log}", markup=False)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            console.print("interrupted; run the command again to continue")
            raise typer.Exit(130) from None

    app.command(function.__name__.strip("_").replace("_", "-"))(guarded)
    return function
