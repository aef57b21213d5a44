"""What commands share: the options that name a stack, and where text goes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pulumi_emulator.project import project_name
from pulumi_emulator.stacks import StackFolder, emulator_home, find_stack

if TYPE_CHECKING:
    from rich.console import Console

STACK_OPTION = click.option("--stack", "-s", required=True, metavar="NAME", help="Name of the stack, as in Pulumi.NAME.yaml.")
PROGRAM_OPTION = click.option(
    "--program",
    type=click.Path(exists=True, file_okay=False, readable=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    metavar="DIR",
    help="Folder of the Pulumi program.",
)


def console() -> Console:
    """Return where a command shows what it does; into a file or a pipe nothing is cut to a terminal's width."""
    from rich.console import Console  # noqa: PLC0415 - not for commands that print plain text

    return Console(soft_wrap=True) if sys.stdout.isatty() else Console(soft_wrap=True, width=200)


def existing_stack(stack: str, program: Path) -> StackFolder:
    """Return the folder of a stack that is there; EmulatorError when it is not."""
    return find_stack(emulator_home(), stack, project_name(program))


def echo_outputs(values: dict[str, Any]) -> None:
    """Print outputs, a line each."""
    for name, value in sorted(values.items()):
        click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value)}")
