"""`redis-ha drill`: a fault on purpose, under load."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from redis_ha_ops import droplets
from redis_ha_ops.asking import directly
from redis_ha_ops.call import Call, Command, stack_options
from redis_ha_ops.commands.heal import heal_command
from redis_ha_ops.commands.of_runbooks import report_paths
from redis_ha_ops.commands.test_failover import test_failover_command
from redis_ha_ops.drill import expectation, report
from redis_ha_ops.drill.asked import asked
from redis_ha_ops.drill.run import Fault, Plan
from redis_ha_ops.drill.showing import Runs
from redis_ha_ops.errors import OpsError
from redis_ha_ops.faults import EmulatedFault
from redis_ha_ops.inside import FaultOutside, run_inside
from redis_ha_ops.kinds import DRILLS, Kind
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.ranges import Range
from redis_ha_ops.runbook import places
from redis_ha_ops.stack import stack_of

REAL = "A real stack needs --i-know-this-breaks-things, and what each of its drills needs."
CODES = (
    "Exit code 0: as expected, recovered, and no acknowledged write was lost. 1: otherwise. "
    "2: did not start, nothing was touched."
)


@click.group("drill")
def drill_group() -> None:
    """Break a stack on purpose, under load, and report what it cost."""


def drill_options(command: Command) -> Command:
    """Add the options of every drill."""
    options = (
        click.option("--rate", type=Range(1, 500), default=Plan.rate, show_default=True, help="Writes a second."),
        click.option(
            "--seconds",
            type=Range(5, 3600),
            default=Plan.seconds,
            show_default=True,
            help="How long to write after the cut; longer while writes have not recovered.",
        ),
        click.option(
            "--repeat",
            type=click.IntRange(1, 1000),
            default=1,
            show_default=True,
            help="How often; then medians and worst too.",
        ),
        click.option("--output", type=click.Path(path_type=Path), help="The report (JSON). Default: reports/drill-<time>.json"),
        click.option("--html", type=click.Path(path_type=Path), help="The report as a page. Default: beside the JSON file."),
        click.option("--force", is_flag=True, help="Overwrite reports of the same name."),
        click.option("--i-know-this-breaks-things", "knows", is_flag=True, help="Needed for a stack that is not emulated."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def command_of(kind: Kind) -> click.Command:
    """Return the subcommand of one kind of drill."""
    needs = "For emulated stacks only."
    if kind.needs:
        reach = "a place from which the nodes' private addresses are reached"
        needs = f"A real stack needs --i-know-this-breaks-things, {kind.needs}, and {reach}."
    expected = f"Expected: {expectation.told(kind.expected)}."
    told = f"{kind.summary}\n\n{expected}\n\n{needs}\n\n{CODES}"

    @click.command(kind.name, help=told)
    @stack_options
    @drill_options
    @click.pass_obj
    def command(call: Call, /, **given: Any) -> None:
        drill([kind], call, **given)

    return command


@click.command(
    "all", help=f"Run every drill, one after the other; between two the stack becomes whole again.\n\n{REAL}\n\n{CODES}"
)
@stack_options
@drill_options
@click.pass_obj
def all_command(call: Call, /, **given: Any) -> None:
    """Run every drill that this stack can have."""
    drill(list(DRILLS.values()), call, **given)


def drill(  # noqa: PLR0913 - click hands over every option
    kinds: Sequence[Kind],
    call: Call,
    *,
    stack: str,
    emulated: bool | None,
    program: Path,
    rate: float,
    seconds: float,
    repeat: int,
    output: Path | None,
    html: Path | None,
    force: bool,
    knows: bool,
) -> None:
    """Run drills, write a report of each, of several a summary too, and exit."""
    on_this_machine = is_emulated(stack, emulated)
    refuse_real(stack, emulated=on_this_machine, knows=knows)
    if not on_this_machine:
        if len(kinds) == 1:
            droplets.refuse(kinds[0])
        kinds = [kind for kind in kinds if kind.needs is not None]
    series = len(kinds) * repeat > 1
    paths = report_paths("drills" if series else "drill", output, html, force=force)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    seen_stack = stack_of(stack, outputs, emulated=on_this_machine)
    emulated_faults = {kind.name: EmulatedFault(kind, stack, program) for kind in kinds}
    if on_this_machine and call.outside is None:
        # The paths were chosen here; the second process takes them as they are.
        arguments = [*call.arguments, "--output", str(paths[0]), "--html", str(paths[1])]
        faults, machines = list(emulated_faults.values()), [slot.name for slot in seen_stack.of_kind("data")]
        sys.exit(
            run_inside(arguments, stack=stack, program=program, on="client", outputs=outputs, faults=faults, machines=machines)
        )
    console = Console()
    desk = places.local_desk(stack, program, lambda _: None)
    made: dict[str, Fault] = {
        kind.name: asked(
            FaultOutside(call.outside, emulated_faults[kind.name])
            if call.outside
            else droplets.droplet_fault(kind, seen_stack),
            seen_stack,
            directly,
            desk,
        )
        for kind in kinds
    }
    runs = Runs(seen_stack, Plan(rate=rate, seconds=seconds), console)
    if not series:
        result = runs.one(made[kinds[0].name], *paths)
        report.print_summary(result, console)
        passed = result["verdict"]["passed"]
    else:
        passed = runs.several([made[kind.name] for _ in range(repeat) for kind in kinds], *paths)
    console.print(f"  report  {paths[0]}\n  page    {paths[1]}", highlight=False, soft_wrap=True)
    sys.exit(0 if passed else 1)


def refuse_real(stack: str, *, emulated: bool, knows: bool) -> None:
    """OpsError for a real stack that nobody said may be broken."""
    if not emulated and not knows:
        raise OpsError(
            f"stack {stack} is a real one: a drill breaks it. Say --emulated for the one on this machine, "
            "or --i-know-this-breaks-things. Nothing was touched"
        )


for each in DRILLS.values():
    drill_group.add_command(command_of(each))
drill_group.add_command(all_command)
drill_group.add_command(heal_command)
drill_group.add_command(test_failover_command)
