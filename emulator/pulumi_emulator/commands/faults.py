"""The commands that break something on purpose, and mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from pulumi_emulator import aws
from pulumi_emulator.commands.options import PROGRAM_OPTION, STACK_OPTION, existing_stack
from pulumi_emulator.errors import EmulatorError
from pulumi_emulator.inside import host_of
from pulumi_emulator.machines import Host

ON_OFF = click.Choice(["on", "off"])


def _machine(stack: str, program: Path, name: str) -> tuple[Host, str]:
    host = host_of(existing_stack(stack, program))
    found = [item for item in host.machines() if name in (item.name, item.machine_id)]
    if not found:
        known = ", ".join(sorted(item.name for item in host.machines())) or "none"
        raise EmulatorError(f"stack {stack!r} has no machine {name!r}; it has {known}")
    # Of two with one name (a replacement under way) the newer.
    return host, found[-1].machine_id


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=click.Choice(["off", "on", "cycle"]))
@click.argument("machine")
def power(stack: str, program: Path, action: str, machine: str) -> None:
    """Cut a machine's power (its disk stays), switch it on again, or both."""
    host, machine_id = _machine(stack, program, machine)
    click.echo(f"{machine}: power {action}")
    if action in ("off", "cycle"):
        host.power_off(machine_id)
    if action in ("on", "cycle"):
        host.power_on(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--interface", type=click.Choice(["public", "private"]), help="Only this one; else both.")
@click.argument("action", type=click.Choice(["down", "up"]))
@click.argument("machine")
def link(stack: str, program: Path, interface: Literal["public", "private"] | None, action: str, machine: str) -> None:
    """Cut a machine's network cables, or mend them."""
    host, machine_id = _machine(stack, program, machine)
    host.link(machine_id, interface, up=action == "up")


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def freeze(stack: str, program: Path, machine: str) -> None:
    """Stop every process in a machine: it hangs, but is not off."""
    host, machine_id = _machine(stack, program, machine)
    host.freeze(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def thaw(stack: str, program: Path, machine: str) -> None:
    """Let the processes of a frozen machine run again."""
    host, machine_id = _machine(stack, program, machine)
    host.thaw(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=ON_OFF)
@click.argument("machine")
def pause(stack: str, program: Path, action: str, machine: str) -> None:
    """Stop a machine as its hypervisor does, or let it run again: nothing in it runs, and its kernel answers nothing."""
    host, machine_id = _machine(stack, program, machine)
    (host.pause if action == "on" else host.resume)(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=ON_OFF)
@click.argument("machine")
@click.argument("process")
def stall(stack: str, program: Path, action: str, machine: str, process: str) -> None:
    """Stop the processes of one name in a machine, or let them run again; the rest of it goes on."""
    host, machine_id = _machine(stack, program, machine)
    (host.stall if action == "on" else host.unstall)(machine_id, process)


@click.command("fill-disk")
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=ON_OFF)
@click.argument("machine")
def fill_disk(stack: str, program: Path, action: str, machine: str) -> None:
    """Fill a machine's disk until no byte is free, or give the room back."""
    host, machine_id = _machine(stack, program, machine)
    (host.fill_disk if action == "on" else host.free_disk)(machine_id)


@click.command("slow-mirror")
@STACK_OPTION
@PROGRAM_OPTION
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="How long each file takes; else no answer comes.")
@click.argument("action", type=ON_OFF)
@click.argument("machine")
def slow_mirror(stack: str, program: Path, seconds: float | None, action: str, machine: str) -> None:
    """Let a machine's package mirror be slow or silent, or well again."""
    if action == "off" and seconds is not None:
        raise EmulatorError(f"--seconds {seconds:g} means nothing with `off`: leave it out")
    host, machine_id = _machine(stack, program, machine)
    if action == "on":
        host.slow_mirror(machine_id, seconds)
    else:
        host.quick_mirror(machine_id)


@click.command("lock-apt")
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=ON_OFF)
@click.argument("machine")
def lock_apt(stack: str, program: Path, action: str, machine: str) -> None:
    """Hold dpkg's lock in a machine, as an upgrade does that does not end, or let it go."""
    host, machine_id = _machine(stack, program, machine)
    (host.lock_apt if action == "on" else host.unlock_apt)(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("machine")
def kill(stack: str, program: Path, machine: str) -> None:
    """Let the cloud lose a machine: gone with its disk; `refresh` sees it, `up` makes it again."""
    host, machine_id = _machine(stack, program, machine)
    host.lose(machine_id)


@click.command()
@STACK_OPTION
@PROGRAM_OPTION
@click.argument("action", type=click.Choice(["down", "up"]))
@click.argument("name", metavar="ZONE")
def zone(stack: str, program: Path, action: str, name: str) -> None:
    """Take the power from every cache node in a zone of the emulated AWS, or give it back."""
    folder = existing_stack(stack, program).path
    if action == "down":
        click.echo(f"taking the power from zone {name} and waiting until replicas are promoted")
    else:
        click.echo(f"giving the power back to zone {name} and waiting until its nodes follow")
    aws.zone_power(folder, name, on=action == "up")
