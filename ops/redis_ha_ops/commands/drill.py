"""`redis-ha drill`: a fault on purpose, under load."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from redis_ha_ops import droplets
from redis_ha_ops.asking import directly
from redis_ha_ops.call import Call, Command, stack_options
from redis_ha_ops.commands.test_failover import test_failover_command
from redis_ha_ops.drill import ledger, page, report, run
from redis_ha_ops.drill.load import PROBE
from redis_ha_ops.drill.run import Plan, Record
from redis_ha_ops.errors import OpsError
from redis_ha_ops.faults import DRILLS, EmulatedFault, Kind
from redis_ha_ops.inside import FaultOutside, run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.stack import stack_of


@click.group("drill")
def drill_group() -> None:
    """Break a stack on purpose, under load, and report what it cost."""


def drill_options(command: Command) -> Command:
    """Add the options of every drill."""
    options = (
        click.option("--rate", type=click.FloatRange(1, 500), default=Plan.rate, show_default=True, help="Writes a second."),
        click.option(
            "--seconds",
            type=click.FloatRange(5, 3600),
            default=Plan.seconds,
            show_default=True,
            help="How long to write after the cut; longer while writes have not recovered.",
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
    codes = "Exit code 0: recovered, and no acknowledged write was lost. 1: otherwise. 2: did not start, nothing was touched."
    told = f"{kind.summary}\n\n{needs}\n\n{codes}"

    @click.command(kind.name, help=told)
    @stack_options
    @drill_options
    @click.pass_obj
    def command(call: Call, /, **given: Any) -> None:
        drill(kind, call, **given)

    return command


def drill(  # noqa: PLR0913 - click hands over every option
    kind: Kind,
    call: Call,
    *,
    stack: str,
    emulated: bool | None,
    program: Path,
    rate: float,
    seconds: float,
    output: Path | None,
    html: Path | None,
    force: bool,
    knows: bool,
) -> None:
    """Run a drill, write its report, and exit."""
    on_this_machine = is_emulated(stack, emulated)
    if not on_this_machine and not knows:
        raise OpsError(
            f"stack {stack} is a real one: a drill breaks it. Say --emulated for the one on this machine, "
            "or --i-know-this-breaks-things. Nothing was touched"
        )
    if not on_this_machine:
        droplets.refuse(kind)
    stem = time.strftime("drill-%Y%m%dT%H%M%SZ", time.gmtime())
    json_path = report.choose_path(output, ".json", force=force, stem=stem)
    html_path = report.choose_path(html or json_path.with_suffix(".html"), ".html", force=force, stem=stem)
    if json_path == html_path:
        raise OpsError(f"--output and --html are both {json_path}: give two names")
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    seen_stack = stack_of(stack, outputs, emulated=on_this_machine)
    emulated_fault = EmulatedFault(kind, stack, program)
    if on_this_machine and call.outside is None:
        machines = [slot.name for slot in seen_stack.of_kind("data")]
        # The paths were chosen here; the second process takes them as they are.
        arguments = [*call.arguments, "--output", str(json_path), "--html", str(html_path)]
        sys.exit(
            run_inside(
                arguments, stack=stack, program=program, on="client", outputs=outputs, fault=emulated_fault, machines=machines
            )
        )
    fault = FaultOutside(call.outside, emulated_fault) if call.outside else droplets.droplet_fault(kind, seen_stack)
    console = Console()
    with showing(console, Plan(rate=rate, seconds=seconds)) as tell:
        record = run.break_master(seen_stack, directly, fault, Plan(rate=rate, seconds=seconds), tell)
    result = report.report_of(record)
    report.write_json(json_path, result)
    report.write(html_path, page.render(result))
    report.print_summary(result, console)
    console.print(f"  report  {json_path}\n  page    {html_path}", highlight=False, soft_wrap=True)
    sys.exit(0 if result["verdict"]["passed"] else 1)


for each in DRILLS.values():
    drill_group.add_command(command_of(each))
drill_group.add_command(test_failover_command)


@contextlib.contextmanager
def showing(console: Console, plan: Plan) -> Iterator[Callable[[str, Record | None], None]]:
    """Show a drill's progress: a bar on a terminal, a line for every phase elsewhere."""
    expected = plan.baseline_seconds + plan.seconds
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TimeElapsedColumn(),
    )
    said: list[str] = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=expected, counts="")

        def tell(what: str, record: Record | None) -> None:
            if not said or said[-1] != what:
                said.append(what)
                at = record.clock.now() if record else 0.0
                console.print(f"{at:6.1f} s  {what}", highlight=False)
            if record is not None:
                counted = ledger.count(record.operations.get(PROBE, []))
                counts = " ".join(f"{counted[outcome]} {outcome}" for outcome in ledger.OUTCOMES)
                progress.update(task, description=what, completed=min(record.clock.now(), expected), counts=counts)

        yield tell
