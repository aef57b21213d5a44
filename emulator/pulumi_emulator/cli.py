"""The command line of the emulator: the commands that change a stack, and those that look at it or break it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from pulumi_emulator import runner
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.project import project_name
from pulumi_emulator.stacks import StackFolder, emulator_home, find_stack

STACK_OPTION = click.option("--stack", "-s", required=True, metavar="NAME", help="Name of the stack, as in Pulumi.NAME.yaml.")
PROGRAM_OPTION = click.option(
    "--program",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    show_default="the current folder",
    metavar="DIR",
    help="Folder of the Pulumi program.",
)


class Commands(click.Group):
    """The commands; a user's error is one line, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except EmulatorError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run Pulumi programs against cloud providers that are emulated on this machine."""


def _console() -> Console:
    return Console(soft_wrap=True)


def _existing(stack: str, program: Path) -> StackFolder:
    return find_stack(emulator_home(), stack, project_name(program))


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
def up(stack: str, program: Path) -> None:
    """Bring a stack up, or bring it up to date."""
    outputs = runner.up(emulator_home(), stack, program, _console())
    if outputs:
        click.echo("outputs that are not secret:")
        for name, value in sorted(outputs.items()):
            click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value)}")


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--diff", is_flag=True, help="Show the engine's own display with every property.")
@click.option("--expect-no-changes", is_flag=True, help="End with an error when something would change.")
def preview(stack: str, program: Path, diff: bool, expect_no_changes: bool) -> None:
    """Show what `up` would do; changes nothing and needs no root."""
    runner.preview(emulator_home(), stack, program, _console(), diff=diff, expect_no_changes=expect_no_changes)


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
def refresh(stack: str, program: Path) -> None:
    """Take over into the state what really is in the emulated cloud."""
    runner.refresh(emulator_home(), stack, program, _console())


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
def destroy(stack: str, program: Path) -> None:
    """Destroy a stack with everything that it has on this machine."""
    try:
        folder = _existing(stack, program)
    except EmulatorError:
        click.echo(f"there is no emulated stack {stack!r}: nothing to destroy")
        return
    runner.destroy(folder, _console())


if __name__ == "__main__":
    sys.exit(main())
