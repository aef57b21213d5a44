"""The command line of the emulator: the commands that change a stack, and those that look at it or break it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.console import Console

from pulumi_emulator import aws, inspection, kinds, runner
from pulumi_emulator.digest import Digest
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.project import project_name
from pulumi_emulator.stacks import StackFolder, all_stacks, emulator_home, find_stack

if TYPE_CHECKING:
    from pulumi_emulator.machines import Host

STACK_OPTION = click.option("--stack", "-s", required=True, metavar="NAME", help="Name of the stack, as in Pulumi.NAME.yaml.")
PROGRAM_OPTION = click.option(
    "--program",
    type=click.Path(exists=True, file_okay=False, readable=False, path_type=Path),
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
            for line in str(error).splitlines():
                click.echo(f"error: {line}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Run Pulumi programs against cloud providers that are emulated on this machine."""


def _console() -> Console:
    # Into a file or a pipe nothing is cut to a terminal's width.
    return Console(soft_wrap=True) if sys.stdout.isatty() else Console(soft_wrap=True, width=200)


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
        _echo_outputs(outputs)


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--diff", is_flag=True, help="Show the engine's own display with every property.")
@click.option("--expect-no-changes", is_flag=True, help="End with an error when something would change.")
@click.option("--json", "as_json", is_flag=True, help="The plan as `pulumi preview --json` prints it, without secrets.")
def preview(stack: str, program: Path, diff: bool, expect_no_changes: bool, as_json: bool) -> None:
    """Show what `up` would do; changes nothing and needs no root."""
    digest = Digest() if as_json else None
    console = Console(stderr=True, soft_wrap=True) if as_json else _console()
    try:
        runner.preview(emulator_home(), stack, program, console, diff=diff, expect_no_changes=expect_no_changes, digest=digest)
    finally:
        # A refused plan is a plan as well; without any event the engine did not run.
        if digest is not None and (digest.steps or digest.diagnostics):
            click.echo(json.dumps(digest.document()))


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


@main.command()
@click.option("--stack", "-s", metavar="NAME", help="Only this stack.")
@PROGRAM_OPTION
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(stack: str | None, program: Path, as_json: bool) -> None:
    """Show the stacks and their machines."""
    home = emulator_home()
    folders = all_stacks(home) if stack is None else [_existing(stack, program)]
    found = [inspection.describe_stack(folder) for folder in folders]
    if as_json:
        click.echo(json.dumps(found if stack is None else found[0], indent=2))
    elif not found:
        click.echo(f"no stack in {home}")
    else:
        for description in found:
            inspection.show(description, _console())


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option("--show-secrets", is_flag=True, help="Show secret outputs too.")
@click.argument("key", required=False)
def output(stack: str, program: Path, as_json: bool, show_secrets: bool, key: str | None) -> None:
    """Show the outputs of a stack, or the one named KEY."""
    values = inspection.outputs(_existing(stack, program), show_secrets=show_secrets)
    if key is not None:
        if key not in values:
            raise EmulatorError(f"stack {stack!r} has no output {key!r}; it has {', '.join(sorted(values)) or 'none'}")
        click.echo(json.dumps(values[key], indent=2) if as_json or not isinstance(values[key], str) else values[key])
    elif as_json:
        click.echo(json.dumps(values, indent=2))
    else:
        _echo_outputs(values)


def _echo_outputs(values: dict[str, Any]) -> None:
    for name, value in sorted(values.items()):
        click.echo(f"  {name}: {value if isinstance(value, str) else json.dumps(value)}")


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--unit", "-u", metavar="UNIT", help="Only this systemd unit.")
@click.option("-n", "lines", type=click.IntRange(min=1), default=100, show_default=True, help="Number of lines.")
@click.argument("machine", required=False)
def logs(stack: str, program: Path, unit: str | None, lines: int, machine: str | None) -> None:
    """Show the end of a machine's journal (of its console when it is off); of all machines when none is named."""
    host = inspection.host_of(_existing(stack, program))
    names = [machine] if machine else [item.name for item in host.machines()]
    for name in names:
        if machine is None:
            click.echo(f"==> {name} <==")
        click.echo(host.logs(name, unit, lines), nl=False)


@main.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
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
    sys.exit(inspection.run_in(_existing(stack, program), where, list(argv)))


@main.command(name="aws")
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
    answer = inspection.call_aws(_existing(stack, program), region, service, operation, given)
    click.echo(json.dumps(answer, indent=2, default=str))


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=click.Choice(["down", "up"]))
@click.argument("name", metavar="ZONE")
def zone(stack: str, program: Path, action: str, name: str) -> None:
    """Take the power from every cache node in a zone of the emulated AWS, or give it back."""
    aws.zone_power(_existing(stack, program).path, name, on=action == "up")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def types(as_json: bool) -> None:
    """List the emulated resource types and what emulates each."""
    found = kinds.by_emulation()
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for name, members in found.items():
        click.echo(f"{name} ({len(members)}): {', '.join(members)}")


def _machine(stack: str, program: Path, name: str) -> tuple[Host, str]:
    host = inspection.host_of(_existing(stack, program))
    found = [item for item in host.machines() if name in (item.name, item.machine_id)]
    if not found:
        known = ", ".join(sorted(item.name for item in host.machines())) or "none"
        raise EmulatorError(f"stack {stack!r} has no machine {name!r}; it has {known}")
    # Of two with one name (a replacement under way) the newer.
    return host, found[-1].machine_id


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=click.Choice(["off", "on", "cycle"]))
@click.argument("machine")
def power(stack: str, program: Path, action: str, machine: str) -> None:
    """Cut a machine's power (its disk stays), switch it on again, or both."""
    host, machine_id = _machine(stack, program, machine)
    if action in ("off", "cycle"):
        host.power_off(machine_id)
    if action in ("on", "cycle"):
        host.power_on(machine_id)


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--interface", type=click.Choice(["public", "private"]), help="Only this one; else both.")
@click.argument("action", type=click.Choice(["down", "up"]))
@click.argument("machine")
def link(stack: str, program: Path, interface: Literal["public", "private"] | None, action: str, machine: str) -> None:
    """Cut a machine's network cables, or mend them."""
    host, machine_id = _machine(stack, program, machine)
    host.link(machine_id, interface, up=action == "up")


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def freeze(stack: str, program: Path, machine: str) -> None:
    """Stop every process in a machine: it hangs, but is not off."""
    host, machine_id = _machine(stack, program, machine)
    host.freeze(machine_id)


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def thaw(stack: str, program: Path, machine: str) -> None:
    """Let the processes of a frozen machine run again."""
    host, machine_id = _machine(stack, program, machine)
    host.thaw(machine_id)


@main.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def kill(stack: str, program: Path, machine: str) -> None:
    """Let the cloud lose a machine: gone with its disk; `refresh` sees it, `up` makes it again."""
    host, machine_id = _machine(stack, program, machine)
    host.lose(machine_id)


if __name__ == "__main__":
    sys.exit(main())
