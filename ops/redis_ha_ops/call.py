"""This run of the command: its arguments, the options by which every subcommand names a stack, and the stack's outputs."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from .inside import Outside
from .outputs import read_outputs

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass
class Call:
    """This run: its arguments as typed, and the line to the first process when this is the second one (inside.py)."""

    arguments: Sequence[str] = ()
    outside: Outside | None = None
    _outputs: dict[str, Any] = field(default_factory=dict, repr=False)

    def enter(self, path: str) -> None:
        """Become the second process: take over the first one's folder, environment and what it read."""
        self.outside = Outside(path)
        told = self.outside.ask(want="outputs")
        os.environ.update(told["environment"])
        os.chdir(told["directory"])
        self._outputs = told["outputs"]

    def outputs(self, name: str, *, emulated: bool, program: Path) -> dict[str, Any]:
        """Read the stack's outputs, or take those that the first process read."""
        return self._outputs if self.outside else read_outputs(name, emulated=emulated, program=program)


def stack_options(command: Command) -> Command:
    """Add the options by which every subcommand names a stack."""
    options = (
        click.option("--stack", required=True, metavar="NAME", help="The stack's name."),
        click.option(
            "--emulated/--no-emulated",
            default=None,
            help="The stack on this machine, not the real one. Default: emulated for the stack 'local' only.",
        ),
        click.option(
            "--program",
            default=".",
            type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
            show_default=True,
            help="The folder of the Pulumi program.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
