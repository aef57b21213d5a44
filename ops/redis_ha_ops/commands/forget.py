"""`redis-ha forget`: what the Sentinels know and the stack does not have any more."""

import sys
from pathlib import Path

import click

from redis_ha_ops import forgetting, tunnel
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.inside import run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.stack import stack_of


@click.command("forget")
@stack_options
@click.option("--via", metavar="USER@HOST", help="Reach the private nodes through this machine, by ssh.")
@click.pass_obj
def forget_command(call: Call, stack: str, emulated: bool | None, program: Path, via: str | None) -> None:
    """Let the Sentinels forget replaced and removed machines (`SENTINEL RESET`, one Sentinel after the other).

    For a Sentinel topology that is healthy but for the finding dead-peer. Each Sentinel has to know all living nodes again
    before the next is reset.

    Exit code 0: no Sentinel knows a machine that is not in the stack. 2: something else is wrong; what was done is said.
    """
    if via:
        tunnel.check_via(via)
    on_this_machine = is_emulated(stack, emulated)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    made = stack_of(stack, outputs, emulated=on_this_machine)
    if on_this_machine and call.outside is None:
        place = "public" if via else "client"
        sys.exit(run_inside(call.arguments, stack=stack, program=program, on=place, outputs=outputs))
    with tunnel.dialling(via, made) as dial:
        count = forgetting.forget(made, dial, click.echo)
    if not count:
        click.echo(f"stack {stack}: no Sentinel knows a machine that is not in the stack")
