"""`status`: the stacks and what they have on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pulumi_emulator import inspection
from pulumi_emulator.commands.options import PROGRAM_OPTION, console, existing_stack
from pulumi_emulator.stacks import all_stacks, emulator_home


@click.command()
@click.option("--stack", "-s", metavar="NAME", help="Only this stack.")
@PROGRAM_OPTION
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(stack: str | None, program: Path, as_json: bool) -> None:
    """Show the stacks and their machines."""
    home = emulator_home()
    folders = all_stacks(home) if stack is None else [existing_stack(stack, program)]
    found = [inspection.describe_stack(folder) for folder in folders]
    if as_json:
        click.echo(json.dumps(found if stack is None else found[0], indent=2))
    elif not found:
        click.echo(f"no stack in {home}")
    else:
        for description in found:
            inspection.show(description, console())
