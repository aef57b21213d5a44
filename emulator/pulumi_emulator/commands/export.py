"""`export`: the engine's state."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pulumi_emulator import state
from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, existing_stack


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
def export(stack: str, program: Path) -> None:
    """Print the engine's state, as `pulumi stack export` does; secrets stay encrypted."""
    click.echo(json.dumps({"version": 3, "deployment": state.deployment(existing_stack(stack, program))}))
