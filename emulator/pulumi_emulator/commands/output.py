"""`output`: what a stack exports."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, echo_outputs, existing_stack
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.outputs import read_outputs


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--show-secrets", is_flag=True, help="Show secret outputs too.")
@click.argument("key", required=False)
def output(stack: str, program: Path, as_json: bool, show_secrets: bool, key: str | None) -> None:
    """Show the outputs of a stack, or the one named KEY."""
    values = read_outputs(existing_stack(stack, program), show_secrets=show_secrets)
    if key is not None:
        if key not in values:
            raise EmulatorError(f"stack {stack!r} has no output {key!r}; it has {', '.join(sorted(values)) or 'none'}")
        click.echo(json.dumps(values[key], indent=2) if as_json or not isinstance(values[key], str) else values[key])
    elif as_json:
        click.echo(json.dumps(values, indent=2))
    else:
        echo_outputs(values)
