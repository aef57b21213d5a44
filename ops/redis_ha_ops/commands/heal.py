"""`redis-ha drill heal`: mend whatever drills may have left."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from redis_ha_ops import droplets
from redis_ha_ops.asking import directly
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.drill.asked import forgive
from redis_ha_ops.errors import OpsError
from redis_ha_ops.faults import EmulatedFault, Fault
from redis_ha_ops.inside import run_inside
from redis_ha_ops.kinds import BY_THE_EMULATOR, DOCTL, DRILLS, ON_THE_MACHINE
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.stack import Stack, stack_of

# The power first: what is on a machine can be mended when it has booted.
MENDABLE = [*BY_THE_EMULATOR, *(name for name, (_, mends) in ON_THE_MACHINE.items() if mends is not None)]
BOOT_SECONDS = 60.0
AGAIN_SECONDS = 2.0


@click.command("heal")
@stack_options
@click.pass_obj
def heal_command(call: Call, /, *, stack: str, emulated: bool | None, program: Path) -> None:
    """Mend whatever drills may have left on any data node: power, network, stopped processes, a closed port, a stopped service.

    It does nothing to what is whole, and can be repeated. A drill mends its own fault; this is for one that was killed.

    Exit code 0: everything is mended. 1: something is not; it says what. 2: could not look.
    """
    on_this_machine = is_emulated(stack, emulated)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    seen = stack_of(stack, outputs, emulated=on_this_machine)
    if call.outside is not None:  # the Sentinels are reached in there
        forgive(seen, directly, click.echo)
        sys.exit(0)
    faults, left_out = (_emulated(stack, program), False) if on_this_machine else _real(seen)
    tried = [mended(fault, slot.name) for slot in seen.of_kind("data") for fault in faults]  # all of them, whatever fails
    whole = all(tried) and not left_out
    if on_this_machine:
        code = run_inside(call.arguments, stack=stack, program=program, on="client", outputs=outputs)
        whole = whole and code == 0
    else:
        forgive(seen, directly, click.echo)
    click.echo("everything is mended" if whole else "not everything is mended")
    sys.exit(0 if whole else 1)


def _emulated(stack: str, program: Path) -> list[Fault]:
    return [EmulatedFault(DRILLS[name], stack, program) for name in MENDABLE if name != "kill-leader"]


def _real(stack: Stack) -> tuple[list[Fault], bool]:
    """Return the faults of droplets that can be mended from here, and whether one cannot; which it is, is told."""
    found: list[Fault] = []
    left_out = False
    for name in MENDABLE:
        kind = DRILLS[name]
        if kind.needs is None or (kind.needs == DOCTL and any(fault.kind.needs == DOCTL for fault in found)):
            continue
        try:
            found.append(droplets.droplet_fault(kind, stack))
        except OpsError as error:
            click.echo(f"left out: {name}: {error}", err=True)
            left_out = True
    return found, left_out


def mended(fault: Fault, machine: str) -> bool:
    """Mend one fault on one machine; one that is booting is asked again. What could not be mended is told."""
    end = time.monotonic() + BOOT_SECONDS
    while True:
        try:
            fault.restore(machine)
        except OpsError as error:
            if time.monotonic() < end:
                time.sleep(AGAIN_SECONDS)
                continue
            click.echo(f"{machine}: {error}\n  {fault.kind.left.format(machine)}\n  {fault.restore_command(machine)}", err=True)
            return False
        click.echo(f"{machine}: {fault.kind.mended}")
        return True
