"""`redis-ha destroy`: end a whole stack, after a look at everything that would stop it half-way."""

import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from redis_ha_ops import cloud, removal
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.emulator import emulator_command
from redis_ha_ops.outputs import is_emulated


@click.command("destroy")
@stack_options
@click.option("--check", is_flag=True, help="Only look: delete nothing, ask nothing.")
@click.option("--yes", is_flag=True, help="Do not ask. What would stop it is looked for all the same.")
@click.pass_obj
def destroy_command(call: Call, stack: str, emulated: bool | None, program: Path, check: bool, yes: bool) -> None:
    """Delete a whole stack with its data.

    First looks for what would stop it when half is gone: protection by Pulumi, deletion protection at AWS, a promoted region,
    records, subnets, security groups and interfaces of others, a last snapshot whose name is taken. Then asks for the stack's
    name, and runs `pulumi destroy`.

    Exit code 0: everything is deleted, or with --check nothing would stop it. 1: something would, and nothing was touched.
    2: could not look. Else that of `pulumi destroy`; it can run again.
    """
    del call
    on_this_machine = is_emulated(stack, emulated)
    console = Console()
    resources = removal.read_state(stack, program, emulated=on_this_machine)
    found = removal.obstacles(resources, cloud.ask_of(stack, program, emulated=on_this_machine))
    for one in found:
        console.print(f"[red]{one.name}[/red] {one.why}: {one.remedy}", highlight=False)
    if found:
        console.print(f"\nstack {stack}: {len(found)} things would stop a destroy half-way; nothing was touched")
        sys.exit(1)
    counts = removal.contents(resources)
    for kind, count in counts.items():
        console.print(f"  {count:4} {kind}", highlight=False)
    console.print(f"stack {stack}: nothing would stop a destroy of {sum(counts.values())} resources")
    if check:
        return
    if not yes and click.prompt("All of it is deleted, with its data. Type the stack's name to go on") != stack:
        console.print("that is another name; nothing was touched")
        sys.exit(1)
    real = ["pulumi", "destroy", "--yes", "--stack", stack]
    command = emulator_command("destroy", stack, program) if on_this_machine else real
    sys.exit(subprocess.run(command, cwd=program, check=False).returncode)
