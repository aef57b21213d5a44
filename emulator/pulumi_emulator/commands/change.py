"""The commands that run the engine: `up`, `preview`, `refresh`, `destroy`."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from pulumi_emulator import runner
from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, console, echo_outputs, existing_stack
from pulumi_emulator.digest import Digest
from pulumi_emulator.errors import NoStackError
from pulumi_emulator.project import project_name
from pulumi_emulator.stacks import emulator_home


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
def up(stack: str, program: Path) -> None:
    """Bring a stack up, or bring it up to date."""
    outputs = runner.up(emulator_home(), stack, program, console())
    if outputs:
        click.echo("outputs that are not secret:")
        echo_outputs(outputs)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--diff", is_flag=True, help="Show the engine's own display with every property.")
@click.option("--expect-no-changes", is_flag=True, help="End with an error when something would change.")
@click.option("--json", "as_json", is_flag=True, help="The plan as `pulumi preview --json` prints it, without secrets.")
def preview(stack: str, program: Path, diff: bool, expect_no_changes: bool, as_json: bool) -> None:
    """Show what `up` would do; changes nothing and needs no root."""
    digest = Digest() if as_json else None
    shown = Console(stderr=True, soft_wrap=True) if as_json else console()
    try:
        runner.preview(emulator_home(), stack, program, shown, diff=diff, expect_no_changes=expect_no_changes, digest=digest)
    finally:
        # A refused plan is a plan as well; without any event the engine did not run.
        if digest is not None and (digest.steps or digest.diagnostics):
            click.echo(json.dumps(digest.document()))


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
def refresh(stack: str, program: Path) -> None:
    """Take over into the state what really is in the emulated cloud."""
    runner.refresh(emulator_home(), stack, program, console())


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--force", is_flag=True, help="Also what Pulumi or AWS protects, where a real destroy stops.")
def destroy(stack: str, program: Path, force: bool) -> None:
    """Destroy a stack with everything that it has on this machine."""
    try:
        folder = existing_stack(stack, program)
    except NoStackError:
        kept = runner.remove_preview(emulator_home(), project_name(program), stack)
        also = "; what its previews kept is removed" if kept else ""
        click.echo(f"there is no emulated stack {stack!r}: nothing to destroy{also}")
        return
    runner.destroy(folder, console(), force=force)
