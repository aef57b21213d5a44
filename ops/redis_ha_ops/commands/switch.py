"""`redis-ha switch`: another node becomes primary, planned."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from redis_ha_ops import cloud, group, managed
from redis_ha_ops.asking import directly
from redis_ha_ops.blocks import blocks_of
from redis_ha_ops.call import Call, stack_options
from redis_ha_ops.commands.of_runbooks import carried_out, refuse, report_options, report_paths, run_options, teller
from redis_ha_ops.drill import failover_report, report
from redis_ha_ops.drill.run import Plan
from redis_ha_ops.drill.subject import Drill
from redis_ha_ops.errors import OpsError
from redis_ha_ops.inside import run_inside
from redis_ha_ops.outputs import is_emulated
from redis_ha_ops.ranges import Range
from redis_ha_ops.runbook import places
from redis_ha_ops.runbook.desk import Desk
from redis_ha_ops.runbook.journal import Journal, Outcome
from redis_ha_ops.runbook.plan import Runbook
from redis_ha_ops.stack import stack_of
from redis_ha_ops.switching import managed_group, sentinel_group
from redis_ha_ops.switching.candidates import slot_of

# Block -> where in an emulated stack's network it is reached.
PLACES = {"sentinel": "client", "elasticache": "aws"}


@click.command("switch")
@stack_options
@click.option("--block", type=click.Choice(list(PLACES)), help="Which one of a stack that has both.")
@click.option(
    "--to",
    "wanted",
    metavar="NODE",
    help="The node that becomes primary; of a Sentinel topology its slot's number does too. Default: the tool chooses.",
)
@click.option("--measure", is_flag=True, help="Write meanwhile, and measure the outage.")
@click.option("--rate", type=Range(1, 500), default=Plan.rate, show_default=True, help="Writes a second.")
@click.option(
    "--seconds",
    type=Range(5, 3600),
    default=10.0,
    show_default=True,
    help="How long to write after the switch; longer while writes have not recovered.",
)
@report_options
@run_options
@click.pass_obj
def switch_command(  # noqa: PLR0913 - click hands over every option
    call: Call,
    /,
    *,
    stack: str,
    emulated: bool | None,
    program: Path,
    block: str | None,
    wanted: str | None,
    measure: bool,
    rate: float,
    seconds: float,
    output: Path | None,
    html: Path | None,
    force: bool,
    yes: bool,
    resume: bool,
    abort: bool,
) -> None:
    """Make another node the primary of an ElastiCache group with cluster mode disabled, or of a Sentinel topology.

    ElastiCache: AWS takes that only while Multi-AZ and automatic failover are off: they are switched off before, and on again
    after. Sentinel: the master's writes are held while a Sentinel fails over, and it becomes a replica at once. Run it where
    the nodes are reached.

    Exit code 0: switched, or taken back. 1: not so, paused, or failed. 2: did not start, nothing was touched.
    """
    on_this_machine = is_emulated(stack, emulated)
    refuse(stack, emulated=on_this_machine, yes=yes, resume=resume, abort=abort)
    paths = report_paths("switch", output, html, force=force)
    outputs = call.outputs(stack, emulated=on_this_machine, program=program)
    chosen = _block(stack, outputs, block)
    if on_this_machine and call.outside is None:
        arguments = [*call.arguments, "--output", str(paths[0]), "--html", str(paths[1])]
        sys.exit(run_inside(arguments, stack=stack, program=program, on=PLACES[chosen], outputs=outputs))
    console = Console()
    say = teller(console)
    subject: Drill | sentinel_group.Subject
    if chosen == "sentinel":
        seen = stack_of(stack, outputs, emulated=on_this_machine)
        named = slot_of(seen, wanted).name if wanted else None
        subject = sentinel_group.Subject(seen, directly, rate, seconds, measure, named)
        book, desk = sentinel_group.runbook(subject), places.local_desk(stack, program, say)
    else:
        found, region = group.group_of_stack(stack, outputs, None)
        subject = Drill(
            ask=cloud.calls_of(stack, program, emulated=on_this_machine),
            name=stack,
            managed=managed.managed_of(stack, outputs, emulated=on_this_machine),
            group_id=found,
            shard="0001",
            region=region,
            now=lambda: datetime.now(UTC),
            rate=rate,
            seconds=seconds,
            measure=measure,
        )
        book = managed_group.runbook(subject, wanted)
        desk = places.aws_desk(subject.ask, stack, chosen, region, program, say)
    how = {"yes": yes, "resume": resume, "abort": abort}
    sys.exit(_run(subject, book, desk, console, paths, emulated=on_this_machine, how=how))


def _block(stack: str, outputs: Mapping[str, Any], asked: str | None) -> str:
    found = [one for one in blocks_of(outputs) if one in PLACES]
    if asked is not None and asked not in found:
        raise OpsError(f"--block {asked}: stack {stack} has {' and '.join(found) or 'neither'}. Nothing was touched")
    if asked is None and len(found) != 1:
        raise OpsError(f"stack {stack} has {' and '.join(found) or 'neither'}: say --block {found[0] if found else 'NAME'}")
    return asked or found[0]


def _run(
    subject: Drill | sentinel_group.Subject,
    book: Runbook,
    desk: Desk,
    console: Console,
    paths: tuple[Path, Path],
    *,
    emulated: bool,
    how: Mapping[str, bool],
) -> int:
    """Carry it out, write the report, and return the exit code."""
    passed = False
    kind = managed_group.SWITCH if isinstance(subject, Drill) else sentinel_group.SWITCH

    def finish(journal: Journal, outcome: Outcome) -> str | None:
        nonlocal passed
        subject.let_go()
        if outcome == "undone" or not {"unguard", "switch"} & set(journal.steps):
            return None  # nothing was changed that could be reported
        facts = journal.facts
        points = managed_group.items(subject, facts) if isinstance(subject, Drill) else sentinel_group.items(subject, facts)
        told = failover_report.report_of(
            kind, book, journal, outcome, points, measured=subject.measured, events=[], emulated=emulated
        )
        report.write_json(paths[0], told)
        report.write(paths[1], failover_report.render(told, kind))
        failover_report.print_summary(told, console)
        console.print(f"  report  {paths[0]}\n  page    {paths[1]}", highlight=False, soft_wrap=True)
        passed = told["verdict"]["passed"]
        return str(paths[0])

    try:
        ended = carried_out(book, desk, console, yes=how["yes"], resume=how["resume"], abort=how["abort"], finish=finish)
    finally:
        subject.let_go()
    if ended.outcome in {"paused", "failed"} and managed_group.unguarded(ended.journal):
        console.print("[bold red]automatic failover may be off: go on with --resume, or take it back with --abort[/bold red]")
    return 0 if passed or ended.outcome == "undone" else 1
