"""The commands that reach into a stack: `exec`, `logs`, `aws`, `environment`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from pulumi_emulator import inside
from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, existing_stack
from pulumi_emulator.errors import EmulatorError


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@STACK_OPTION
@PROGRAM_OPTION
@click.option(
    "--on",
    "where",
    show_default="client, or aws when the stack has no machines",
    metavar="WHERE",
    help="client (a computer in the VPC), client:VPC, public (on the internet), aws (where caches are), or a machine.",
)
@click.argument("argv", nargs=-1, required=True, type=click.UNPROCESSED)
def exec(stack: str, program: Path, where: str | None, argv: tuple[str, ...]) -> None:  # noqa: A001 - the command's name
    """Run a command somewhere in the stack's network, or in one of its machines."""
    sys.exit(inside.run_in(existing_stack(stack, program), where, list(argv)))


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--unit", "-u", metavar="UNIT", help="Only this systemd unit.")
@click.option("-n", "lines", type=click.IntRange(min=1), default=100, show_default=True, help="Number of lines.")
@click.argument("machine", required=False)
def logs(stack: str, program: Path, unit: str | None, lines: int, machine: str | None) -> None:
    """Show the end of a machine's journal (of its console when it is off); of all machines when none is named."""
    host = inside.host_of(existing_stack(stack, program))
    names = [machine] if machine else [item.name for item in host.machines()]
    for name in names:
        if machine is None:
            click.echo(f"==> {name} <==")
        click.echo(host.logs(name, unit, lines), nl=False)


def _text(value: Any) -> str:
    """Return a part of an answer as text: what is streamed, as a function's answer, is read to its end."""
    if not hasattr(value, "read"):
        return str(value)
    found = value.read()
    return found.decode(errors="replace") if isinstance(found, bytes) else str(found)


@click.command(name="aws")
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--region", metavar="REGION", help="Region; needed when the stack is in several.")
@click.argument("service")
@click.argument("operation")
@click.argument("parameters", required=False, default="{}")
def call(stack: str, program: Path, region: str | None, service: str, operation: str, parameters: str) -> None:
    """Call the emulated AWS: SERVICE (elasticache), OPERATION (test_failover), PARAMETERS as JSON."""
    try:
        given = json.loads(parameters)
    except ValueError as error:
        raise EmulatorError(f"parameters are not JSON: {error}") from None
    answer = inside.call_aws(existing_stack(stack, program), region, service, operation, given)
    click.echo(json.dumps(answer, indent=2, default=_text))


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
def environment(stack: str, program: Path) -> None:
    """Show the variables that point the tools of AWS at the stack's emulated account, each as NAME=value."""
    for name, value in inside.aws_environment(existing_stack(stack, program)).items():
        click.echo(f"{name}={value}")
